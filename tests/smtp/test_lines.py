"""Command lines out of bytes."""

from hypothesis import given
from hypothesis import strategies as st

from smtp import replies
from smtp.grammar import MAX_AUTH_LINE
from smtp.lines import Lines
from smtp.replies import Reply

PIECES = [b"\r", b"\n", b"\r\n", b"NOOP", b" ", b"\0", b"x" * (MAX_AUTH_LINE + 3)]


def read(chunks: list[bytes]) -> list[bytes | Reply]:
    lines = Lines()
    found: list[bytes | Reply] = []
    for chunk in chunks:
        lines.feed(chunk)
        while (line := lines.next()) is not None:
            found.append(line)
        assert len(lines) <= MAX_AUTH_LINE + 1
    return found


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join), st.integers(1, 5000))
def test_any_split_gives_the_same_lines(stream: bytes, step: int) -> None:
    chunks = [stream[at : at + step] for at in range(0, len(stream), step)]
    assert read(chunks) == read([stream])


def test_only_cr_lf_ends_a_line() -> None:
    assert read([b"NOOP\nQUIT\r\n"]) == [replies.BARE_LINE_END, b"QUIT"]


def test_an_overlong_line_is_told_once_and_the_next_is_read() -> None:
    assert read([b"x" * 100_000, b"y" * 100_000, b"\r", b"\nNOOP\r\n"]) == [
        replies.LINE_TOO_LONG,
        b"NOOP",
    ]


def test_what_is_taken_as_a_message_is_all_that_is_left() -> None:
    lines = Lines()
    lines.feed(b"DATA\r\nab")
    assert lines.next() == b"DATA"
    lines.feed(b"c")
    assert (lines.take(), len(lines)) == (b"abc", 0)
