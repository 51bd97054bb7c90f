"""The framer of DATA: one message or one refusal, at any split of packets."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp.data import DataFramer

END = b"\r\n.\r\n"
# Pieces that meet in all orders: line ends, half ones, dots, and what is none of that.
PIECES = [b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"..", b"a", b"\0", b"\xff", END, b"MAIL FROM:<>"]
streams = st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join)


def run(stream: bytes, cuts: list[int]) -> tuple[bytes, bytes | None, DataFramer]:
    """Feed `stream` cut at these places; gives content, what follows the end, and the framer."""
    framer = DataFramer()
    content = b""
    places = [0, *sorted({cut % (len(stream) + 1) for cut in cuts}), len(stream)]
    for at, (start, stop) in enumerate(itertools.pairwise(places)):
        piece, rest = framer.feed(stream[start:stop])
        content += piece
        if rest is not None:
            return content, rest + stream[places[at + 1] :], framer
    return content, None, framer


def reference(stream: bytes) -> tuple[bytes, bool, bytes] | None:
    """RFC 5321 §4.5.2 said plainly: content, whether a CR or LF is bare, what follows the end."""
    text = b"\r\n" + stream
    end = text.find(END)
    if end < 0:
        return None
    lines = text[: end + 2]
    bare = re.search(rb"\r(?!\n)|(?<!\r)\n", lines) is not None
    return lines.replace(b"\r\n.", b"\r\n")[2:], bare, text[end + 5 :]


@given(streams, st.lists(st.integers(0, 400), max_size=12))
def test_any_split_gives_what_the_rfc_says(stream: bytes, cuts: list[int]) -> None:
    content, rest, framer = run(stream, cuts)
    expected = reference(stream)
    if expected is None:
        assert rest is None
        return
    assert (content, framer.bare, rest) == expected
    assert framer.size == len(content)
    assert framer.eight_bit == (not content.isascii())


@given(streams)
def test_one_octet_at_a_time_is_the_same_as_all_at_once(stream: bytes) -> None:
    whole = run(stream, [])
    single = run(stream, list(range(len(stream) + 1)))
    assert single[:2] == whole[:2]
    assert single[2].bare == whole[2].bare


@given(st.binary(max_size=200).filter(lambda body: b"\r" not in body and b"\n" not in body))
def test_what_a_sender_stuffs_comes_back(body: bytes) -> None:
    lines = [body, b"." + body, b"..", b"", b"."]
    message = b"".join(line + b"\r\n" for line in lines)
    wire = b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines)
    content, rest, framer = run(wire + b".\r\nQUIT\r\n", [3, 5, 7])
    assert (content, rest, framer.bare) == (message, b"QUIT\r\n", False)


SMUGGLING = [
    b"\n.\n",
    b"\r.\r",
    b"\r\n.\n",
    b"\n.\r\n",
    b"\r\n.\r",
    b"\r.\r\n",
    b"\r\r\n.\r\r\n",
    b"\n\n.\n\n",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\r\0\n.\r\n",
    b"\n.\r",
    b"\r.\n",
]


@pytest.mark.parametrize("sequence", SMUGGLING)
def test_no_other_sequence_ends_a_message(sequence: bytes) -> None:
    smuggled = b"MAIL FROM:<a@b.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\nx\r\n"
    stream = b"Subject: x\r\n\r\ntext" + sequence + smuggled + b".\r\nNOOP\r\n"
    for cut in range(len(stream)):
        content, rest, framer = run(stream, [cut])
        # all of it is one message: refused, or (where no CR or LF is bare) taken as it is
        assert rest == b"NOOP\r\n"
        assert framer.bare == (re.search(rb"\r(?!\n)|(?<!\r)\n", content) is not None)
        assert framer.bare or b"MAIL FROM" in content


def test_an_empty_message() -> None:
    assert run(b".\r\nNOOP", [])[:2] == (b"", b"NOOP")


def test_memory_is_bounded_while_undecided() -> None:
    framer = DataFramer()
    for octet in b"\r\n.\r" * 1000:
        framer.feed(bytes([octet]))
        assert len(framer._held) <= 4
