"""Chunks in a session, beside their replies: deadlines, bounds, ends of all kinds, what is kept."""

import asyncio
import time
from base64 import b64encode, encodebytes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mailserver.node import Node
from mailserver.settings import Smtp
from tests.smtp.conftest import Connect, Doors, open_doors, vanish
from tests.support.dialog import Wire
from tests.support.node import ALICE, BOB, PASSWORDS, inbox, open_node, settings_for

ENVELOPE = b"MAIL FROM:<ann@elsewhere.test>\r\nRCPT TO:<bob@example.test>\r\n"


@asynccontextmanager
async def limited(dsn: str, folder: Path, limits: Smtp) -> AsyncIterator[tuple[Node, Doors]]:
    async with (
        open_node(dsn, settings_for(folder, smtp=limits)) as node,
        open_doors(node) as doors,
    ):
        yield node, doors


async def in_chunk(wire: Wire, command: bytes) -> None:
    """Greeting, envelope, BDAT: its octets may come."""
    await wire.reply()
    await wire.ask("EHLO client.test")
    await wire.send(ENVELOPE + command + b"\r\n")
    assert [(await wire.reply())[:3] for _ in range(2)] == ["250", "250"]


@pytest.mark.parametrize("octet", [b"", b"x"], ids=["stalls", "drips"])
async def test_a_sender_that_stalls_or_drips_in_a_chunk_is_left(
    dsn: str, tmp_path: Path, octet: bytes
) -> None:
    async with limited(dsn, tmp_path, Smtp(data_timeout=0.3)) as (node, doors):
        wire = await doors.connect("smtp")
        await in_chunk(wire, b"BDAT 1000000 LAST")
        started = time.monotonic()
        answer = asyncio.create_task(wire.reply())
        while not answer.done():
            await wire.send(octet)
            await asyncio.sleep(0.02)
        assert answer.result() == "421 4.4.2 Timed out"
        assert time.monotonic() - started > 0.2
        assert await inbox(node, BOB) == []


async def test_between_chunks_a_client_has_the_time_for_a_command(dsn: str, tmp_path: Path) -> None:
    async with limited(dsn, tmp_path, Smtp(command_timeout=0.3)) as (node, doors):
        wire = await doors.connect("smtp")
        await in_chunk(wire, b"BDAT 5\r\nabc")  # and CR LF
        assert await wire.reply() == "250 2.0.0 Chunk received"
        assert await wire.reply() == "421 4.4.2 Timed out"
        assert await inbox(node, BOB) == []


@pytest.mark.parametrize("command", [b"BDAT 400000", b"BDAT 400000 LAST", b"BDAT 250000"])
async def test_a_connection_lost_among_chunks_leaves_nothing(
    node: Node, doors: Doors, tmp_path: Path, command: bytes
) -> None:
    wire = await doors.connect("smtp")
    await in_chunk(wire, command)
    await wire.send(b"y" * 250_000)
    session = await vanish(doors, wire, 250_000)
    assert session._message is None
    assert list((tmp_path / "scratch").iterdir()) == []
    assert await inbox(node, BOB) == []


async def test_draining_waits_for_the_last_chunk(node: Node, doors: Doors) -> None:
    wire = await doors.connect("smtp")
    await in_chunk(wire, b"BDAT 14\r\nSubject: x\r\n")  # and the empty line
    assert await wire.reply() == "250 2.0.0 Chunk received"
    drained = asyncio.create_task(doors.doors[0].drain(5.0))
    await asyncio.sleep(0.05)
    await wire.send(b"BDAT 4 LAST\r\nend.")
    assert (await wire.reply())[:9] == "250 2.0.0"
    assert await wire.reply() == "421 4.3.2 Server is shutting down"
    await wire.close()
    await drained
    [stored] = await inbox(node, BOB)
    assert stored.endswith(b"\r\nSubject: x\r\n\r\nend.")


@pytest.mark.parametrize("size", [1, 1000, 700_000], ids=str)
async def test_chunks_of_any_size_are_stored_byte_for_byte(
    node: Node, connect: Connect, size: int
) -> None:
    lines = 1200 if size < 1000 else 20_000
    body = b"".join(b"%07d " % n + b"\x80.\xff" * 8 + b"\r\n.\r\n" for n in range(lines))
    wire = await connect("smtp")
    await in_chunk(wire, b"NOOP")
    await wire.reply()
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    sending = asyncio.create_task(
        wire.send(b"".join(b"BDAT %d\r\n" % len(part) + part for part in parts))
    )
    for _ in parts:
        assert await wire.reply() == "250 2.0.0 Chunk received"
    await sending
    assert (await wire.ask("BDAT 0 LAST"))[:3] == "250"
    [stored] = await inbox(node, BOB)
    assert stored.endswith(b"\r\n" + body)


SIGNED = b"Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n%b\r\n--s--\r\n"
OCTETS = bytes(range(256)) * 3 + b"\n.\n\r"
BINARY = b"Content-Transfer-Encoding: binary\r\n\r\n"
LINES = encodebytes(OCTETS).replace(b"\n", b"\r\n")


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        (BINARY + b"\xff\n.\n\r", BINARY + b"\xff\n.\n\r"),
        # RFC 3516 §6: IMAP can tell no NUL
        (BINARY + OCTETS, BINARY.replace(b"binary", b"base64") + LINES),
        (SIGNED % (BINARY + OCTETS), SIGNED % (BINARY + OCTETS)),
    ],
    ids=["without NUL", "with NUL", "signed"],
)
async def test_binary_content_is_encoded_where_it_has_to_be(
    node: Node, connect: Connect, content: bytes, kept: bytes
) -> None:
    wire = await connect("smtp")
    await wire.reply()
    await wire.ask("EHLO client.test")
    await wire.ask("MAIL FROM:<> BODY=BINARYMIME")
    await wire.ask(f"RCPT TO:<{BOB}>")
    await wire.send(b"BDAT %d LAST\r\n" % len(content) + content)
    assert (await wire.reply())[:3] == "250"
    [stored] = await inbox(node, BOB)
    assert stored.endswith(kept)


async def test_a_small_message_touches_no_file(
    node: Node, connect: Connect, tmp_path: Path
) -> None:
    message = b"Subject: x\r\n\r\n" + b"y" * 100_000 + b"\r\n"
    wire = await connect("smtp")
    await in_chunk(wire, b"DATA")
    await wire.reply()
    assert (await wire.ask(message + b"."))[:3] == "250"
    await wire.send(ENVELOPE)
    await wire.reply()
    await wire.reply()
    half = len(message) // 2
    await wire.send(b"BDAT %d\r\n" % half + message[:half])
    await wire.reply()
    await wire.send(b"BDAT %d LAST\r\n" % (len(message) - half) + message[half:])
    assert (await wire.reply())[:3] == "250"
    assert [stored.endswith(message) for stored in await inbox(node, BOB)] == [True, True]
    assert not (tmp_path / "scratch").exists()  # where a file would be


async def test_mailmax_is_announced_and_kept(dsn: str, tmp_path: Path) -> None:
    limits = Smtp(max_transactions=2, max_recipients=7)
    async with limited(dsn, tmp_path, limits) as (_, doors):
        wire = await doors.connect("smtp")
        await wire.reply()
        assert "250-LIMITS MAILMAX=2 RCPTMAX=7\n" in await wire.ask("EHLO client.test")
        for _ in range(2):
            assert (await wire.ask("MAIL FROM:<>"))[:3] == "250"
            await wire.ask("RSET")
        assert (await wire.ask("MAIL FROM:<>"))[:9] == "421 4.7.0"
        assert await wire.closed()


@pytest.mark.parametrize("door", ["submission", "submissions"])
async def test_submission_takes_chunks(doors: Doors, node: Node, door: str) -> None:
    wire = await doors.connect(door)
    await wire.reply()
    await wire.ask("EHLO client.test")
    if door == "submission":
        await wire.ask("STARTTLS")
        await wire.start_tls(doors.tls)
    offered = await wire.ask("EHLO client.test")
    assert "250-CHUNKING\n250-BINARYMIME\n" in offered
    await wire.ask("AUTH LOGIN YWxpY2VAZXhhbXBsZS50ZXN0")
    assert (await wire.ask(b64encode(PASSWORDS[ALICE].encode())))[:3] == "235"
    await wire.ask(f"MAIL FROM:<{ALICE}> BODY=BINARYMIME")
    await wire.ask(f"RCPT TO:<{BOB}>")
    await wire.send(b"BDAT 27 LAST\r\nFrom: alice@example.test\r\n\n")
    assert (await wire.reply())[:9] == "250 2.0.0"
    assert len(await inbox(node, BOB)) == 1
