"""The compressed stream: whole at every flush, bounded at every step."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.protocol.command import parse_command
from imap.protocol.compression import STEP, Compress, Compression, CompressionError
from imap.protocol.errors import ParseError
from imap.protocol.events import Frame


def inflated(compression: Compression) -> bytes:
    pieces = []
    while compression.more:
        pieces.append(compression.inflate())
        assert len(pieces[-1]) <= STEP
    return b"".join(pieces)


@given(st.lists(st.binary(max_size=300), max_size=8), st.integers(1, 40))
def test_each_flush_can_be_read_at_once(said: list[bytes], cut: int) -> None:
    server, client = Compression(), Compression()
    for data in said:
        sent = client.deflate(data)
        received = b""
        for start in range(0, len(sent), cut):
            server.feed(sent[start : start + cut])
            received += inflated(server)
        assert received == data
        assert not server.waiting


def test_what_a_small_input_stands_for_is_given_in_bounded_steps() -> None:
    server = Compression()
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    server.feed(bomb.compress(bytes(20_000_000)) + bomb.flush(zlib.Z_SYNC_FLUSH))
    steps = 0
    while server.more:
        assert len(server.inflate()) <= STEP
        steps += 1
    assert steps >= 20_000_000 // STEP


@pytest.mark.parametrize(
    "data", [b"a NOOP\r\n", b"\xff" * 20, zlib.compress(b"a NOOP\r\n"), b"\x03\x00"]
)
def test_what_is_no_deflate_stream_is_an_error(data: bytes) -> None:
    server = Compression()
    server.feed(data)
    with pytest.raises(CompressionError):
        inflated(server)


def test_the_command() -> None:
    # RFC 4978 §3, the example, and another case
    assert parse_command(Frame(b"c COMPRESS DEFLATE")).command == Compress()
    assert parse_command(Frame(b"c compress deflate")).command == Compress()


@pytest.mark.parametrize("line", [b"a COMPRESS", b"a COMPRESS GZIP", b"a COMPRESS DEFLATE x"])
def test_what_is_not_the_command(line: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(Frame(line))
