"""A compressed session is a session as any other, and no small input makes it large."""

import asyncio
import tracemalloc
import zlib
from collections.abc import AsyncIterator

import pytest

from tests.support.imap_client import Client
from tests.support.imap_doors import Doors
from tests.support.store import message


class DeflatingWriter:
    """Writes compressed, every piece whole; `raw` as it is."""

    def __init__(self, inner: asyncio.StreamWriter) -> None:
        self._inner = inner
        self._deflater = zlib.compressobj(9, zlib.DEFLATED, -15)

    def write(self, data: bytes) -> None:
        self.raw(self.deflated(data))

    def deflated(self, data: bytes) -> bytes:
        return self._deflater.compress(data) + self._deflater.flush(zlib.Z_SYNC_FLUSH)

    def raw(self, data: bytes) -> None:
        self._inner.write(data)

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


async def inflate(source: asyncio.StreamReader, target: asyncio.StreamReader) -> None:
    inflater = zlib.decompressobj(-15)
    while data := await source.read(65536):
        target.feed_data(inflater.decompress(data))
    target.feed_eof()


@pytest.fixture
async def compressed(alice: Client) -> AsyncIterator[Client]:
    """A client that is logged in as alice, its connection compressed."""
    await alice.do("COMPRESS DEFLATE")
    reader = asyncio.StreamReader(limit=1 << 26)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(inflate(alice.reader, reader))
        alice.reader = reader
        alice.writer = DeflatingWriter(alice.writer)  # type: ignore[assignment]
        yield alice
        task.cancel()


async def test_a_compressed_session_does_all_that_another_does(
    doors: Doors, compressed: Client
) -> None:
    (line,) = await compressed.do("CAPABILITY")
    assert b"COMPRESS" not in line
    assert (await compressed.ask("COMPRESS DEFLATE")).tagged.startswith(b"NO [COMPRESSIONACTIVE]")
    assert (await compressed.ask("COMPRESS GZIP")).tagged.startswith(b"BAD ")
    await compressed.do(b"CREATE {4+}\r\nWork")
    compressed.send(b"a APPEND {4}\r\n")
    assert (await compressed.line()).startswith(b"+ ")
    compressed.send(b"Work {5}\r\n")
    assert (await compressed.line()).startswith(b"+ ")
    compressed.send(b"hello\r\n")
    assert (await compressed.reply(b"a")).ok
    await compressed.do("SELECT Work")
    compressed.send(b"b IDLE\r\n")
    assert (await compressed.line()).startswith(b"+ ")
    other = await doors.login()
    assert (await other.append("Work", message())).ok
    assert await compressed.line() == b"* 2 EXISTS"
    assert await compressed.line() == b"* 2 RECENT"
    compressed.send(b"DONE\r\n")
    assert (await compressed.reply(b"b")).ok
    assert (await compressed.ask("LOGOUT")).ok
    assert await compressed.closed()


async def test_large_messages_both_ways(compressed: Client) -> None:
    content = message(size=3_000_000)
    assert (await compressed.append("INBOX", content)).ok
    assert (await compressed.append("INBOX", b"x" * 10_000_000)).ok
    await compressed.do("SELECT INBOX")
    lines = await compressed.do("FETCH 1:2 BODY.PEEK[]")
    assert content in lines[0]
    assert b"x" * 10_000_000 in lines[1]


async def test_a_stream_in_single_bytes(compressed: Client) -> None:
    assert isinstance(compressed.writer, DeflatingWriter)
    for byte in compressed.writer.deflated(b"a NOOP\r\nb CREATE {3+}\r\nabc\r\nc NOOP\r\n"):
        compressed.writer.raw(bytes((byte,)))
        await asyncio.sleep(0.001)
    for tag in (b"a", b"b", b"c"):
        assert (await compressed.reply(tag)).ok


async def test_many_commands_in_one_piece(compressed: Client) -> None:
    compressed.send(b"".join(b"n%d NOOP\r\n" % number for number in range(20_000)))
    assert (await compressed.reply(b"n19999")).ok


@pytest.mark.parametrize("end", [b"", b"\r\n"], ids=["one line", "lines"])
async def test_a_bomb_ends_the_session_and_takes_no_memory(
    doors: Doors, compressed: Client, end: bytes
) -> None:
    assert isinstance(compressed.writer, DeflatingWriter)
    other = await doors.login()
    bomb = compressed.writer.deflated(b"x" * 120_000_000 + end)
    bomb += compressed.writer.deflated((b"x" * 60_000 + end) * 2000)
    tracemalloc.start()
    try:
        compressed.writer.raw(bomb)
        lines = [await compressed.line()]
        while not lines[-1].startswith(b"* BYE "):
            lines.append(await compressed.line())
            assert await other.do("NOOP") == []
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
    assert await other.do("NOOP") == []


async def test_plain_text_in_a_compressed_session_ends_it(compressed: Client) -> None:
    assert isinstance(compressed.writer, DeflatingWriter)
    compressed.writer.raw(b"a NOOP\r\n" * 10)
    assert (await compressed.line()).startswith(b"* BYE ")
    assert await compressed.closed()


async def test_after_unauthenticate_the_connection_is_plain_until_it_is_compressed_anew(
    alice: Client,
) -> None:
    for _ in range(2):
        (line,) = await alice.do("CAPABILITY")
        assert b" COMPRESS=DEFLATE" in line
        await alice.do("COMPRESS DEFLATE")
        writer, inflater = DeflatingWriter(alice.writer), zlib.decompressobj(-15)
        writer.write(b"a UNAUTHENTICATE\r\n")
        said = b""
        while not said.endswith(b"\r\n"):
            said += inflater.decompress(await alice.reader.read(1000))
        assert said.startswith(b"a OK ")
        await alice.login()
