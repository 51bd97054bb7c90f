"""BDAT's argument and the framer of chunks: counted, never searched for an end."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.line_ends import has_bare, normalised
from smtp.chunking import Chunk, ChunkFramer, parse_chunk
from smtp.data import Bare

pieces = st.sampled_from(
    [b"\r", b"\n", b"\r\n", b"\r\n.\r\n", b".", b"a", b"\0", b"\xff", b"QUIT\r\n"]
)
chunks = st.lists(st.lists(pieces, max_size=8).map(b"".join), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        (b"0", Chunk(0, last=False)),
        (b"12 LAST", Chunk(12, last=True)),
        (b"12 last", Chunk(12, last=True)),
        (b"0012  \tLAST", Chunk(12, last=True)),
        (b"12 FIRST", Chunk(12, last=False, valid=False)),
        (b"12 LAST x", Chunk(12, last=False, valid=False)),
        (b"99999999999999999999", Chunk(10**20 - 1, last=False)),
        (b"", None),
        (b"LAST", None),
        (b"-1", None),
        (b"+1", None),
        (b"0x10", None),
        (b"1.5", None),
        (b"12LAST", None),
        (b"1" * 21, None),
        (b"\xd9\xa1", None),  # a digit, but no ASCII one
    ],
)
def test_arguments(argument: bytes, expected: Chunk | None) -> None:
    assert parse_chunk(argument) == expected


@given(st.binary(max_size=40))
def test_any_argument_is_a_chunk_or_none(argument: bytes) -> None:
    chunk = parse_chunk(argument)
    assert chunk is None or chunk.size >= 0


def run(parts: list[bytes], rule: Bare, step: int) -> tuple[bytes, ChunkFramer]:
    """Feed all chunks, `step` octets at a time, with a command behind each that must come back."""
    framer = ChunkFramer(rule)
    content = b""
    for number, part in enumerate(parts, 1):
        framer.begin(Chunk(len(part), last=number == len(parts)))
        stream = part + b"NOOP\r\n"
        for at in range(0, len(stream), step):
            piece, rest = framer.feed(stream[at : at + step])
            content += piece
            if rest is not None:
                assert rest + stream[at + step :] == b"NOOP\r\n"
                break
    return content, framer


@given(chunks, st.integers(1, 30))
def test_content_is_what_was_sent_at_any_split(parts: list[bytes], step: int) -> None:
    whole = b"".join(parts)
    content, framer = run(parts, Bare.KEEP, step)
    assert (content, framer.size, framer.bare) == (whole, len(whole), False)
    assert framer.eight_bit == (not whole.isascii())


@given(chunks, st.integers(1, 30))
def test_bare_line_ends_are_met_across_chunks(parts: list[bytes], step: int) -> None:
    whole = b"".join(parts)
    content, framer = run(parts, Bare.REFUSE, step)
    assert (content, framer.bare) == (whole, has_bare(whole))
    content, framer = run(parts, Bare.NORMALISE, step)
    assert (content, framer.bare, framer.size) == (normalised(whole), False, len(content))


def test_a_cr_lf_may_lie_across_two_chunks() -> None:
    for first, second in itertools.product((b"a\r", b"\r"), (b"\n", b"\nb\r\n")):
        assert not run([first, second], Bare.REFUSE, 100)[1].bare
