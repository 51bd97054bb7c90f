"""THREAD: the command and its response."""

from collections.abc import Callable

import pytest

from imap.protocol.command import Command
from imap.protocol.errors import ParseError
from imap.protocol.search import AllKey, Search
from imap.protocol.thread import Algorithm, Threading, encode_thread
from mailserver.mail.threads import Thread

Parse = Callable[[bytes], Command]


def test_the_command(parse: Parse) -> None:
    assert parse(b"THREAD ORDEREDSUBJECT UTF-8 ALL") == Threading(
        Algorithm.ORDEREDSUBJECT, Search(AllKey(), b"UTF-8")
    )
    assert parse(b'UID THREAD references "US-ASCII" ALL') == Threading(
        Algorithm.REFERENCES, Search(AllKey(), b"US-ASCII", by_uid=True)
    )


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"REFERENCES", b"REFERENCES UTF-8", b"REFS UTF-8 ALL", b"(REFERENCES) UTF-8 ALL"),
        *(b"REFERENCES ALL", b"REFERENCES RETURN (ALL) UTF-8 ALL", b"REFERENCES UTF-8 FOO"),
    ],
)
def test_what_is_no_thread(parse: Parse, text: bytes) -> None:
    with pytest.raises(ParseError):
        parse(b"THREAD " + text)


def chain(*numbers: int | None, ends: tuple[Thread, ...] = ()) -> Thread:
    """Each number the only child of the one before; the last has `ends`."""
    children = list(ends)
    for number in reversed(numbers):
        children = [Thread(number, children)]
    return children[0]


@pytest.mark.parametrize(
    ("threads", "line"),
    [
        ([], b"* THREAD\r\n"),
        # RFC 5256 §4's examples
        (
            [chain(2), chain(3, 6, ends=(chain(4, 23), chain(44, 7, 96)))],
            b"* THREAD (2)(3 6 (4 23)(44 7 96))\r\n",
        ),
        ([chain(None, ends=(chain(3), chain(5)))], b"* THREAD ((3)(5))\r\n"),
        (
            [chain(None, ends=(chain(1, 2), chain(5, ends=(chain(6), chain(7)))))],
            b"* THREAD ((1 2)(5 (6)(7)))\r\n",
        ),
    ],
)
def test_the_response(threads: list[Thread], line: bytes) -> None:
    assert encode_thread(threads) == line


def test_a_thread_deeper_than_the_stack() -> None:
    numbers = range(1, 20_001)
    line = encode_thread([chain(*numbers)])
    assert line == b"* THREAD (%b)\r\n" % " ".join(map(str, numbers)).encode()
