"""APPEND is understood before its messages have arrived."""

from datetime import UTC, datetime

import pytest

from imap.protocol.append import Append, AppendMessage, Rest, parse_rest
from imap.protocol.catenate import Text
from imap.protocol.command import parse_command
from imap.protocol.errors import ParseError
from imap.protocol.events import Frame, Limits, LiteralChunk, LiteralRequested, Streamed
from imap.protocol.framer import Framer

PLAIN = AppendMessage((), None, (Text(Streamed(1)),))


def test_a_streamed_append_from_first_line_to_last() -> None:
    framer = Framer(Limits(message=100))
    framer.feed(b'a APPEND {5}\r\nINBOX (\\Seen) " 1-Jan-2020 00:00:00 +0000" {4}\r\n')
    assert isinstance(framer.next(), LiteralRequested)
    framer.accept()

    asked = framer.next()
    assert isinstance(asked, LiteralRequested)
    first = AppendMessage(("\\Seen",), datetime(2020, 1, 1, tzinfo=UTC), (Text(Streamed(4)),))
    assert parse_command(framer.command_so_far()).command == Append("INBOX", (first,))
    framer.accept(sink=True)
    framer.feed(b"abcd (foo) ~{3+}\r\n")
    assert framer.next() == LiteralChunk(b"abcd", 0)

    asked = framer.next()
    assert isinstance(asked, LiteralRequested)
    second = AppendMessage(("foo",), None, (Text(Streamed(3), binary=True),))
    assert parse_rest(asked.line, asked.size, first) == Rest((), 0, (second,))
    framer.accept(sink=True)
    framer.feed(b"xyz\r\n")
    assert framer.next() == LiteralChunk(b"xyz", 0)

    frame = framer.next()
    assert isinstance(frame, Frame)
    assert parse_command(frame).command == Append("INBOX", (first, second))


@pytest.mark.parametrize(
    "line",
    [b"{3}\n", b" foo {3}\n", b" (\\*) {3}\n", b' "never" {3}\n', b") {3}\n", b" TEXT {3}\n"],
)
def test_a_further_message_can_be_no_message(line: bytes) -> None:
    with pytest.raises(ParseError):
        parse_rest(line, 3, PLAIN)


def test_a_streamed_literal_is_no_string() -> None:
    frame = Frame(b"a LOGIN {3}\n x", (Streamed(3),))
    with pytest.raises(ParseError):
        parse_command(frame)


def test_a_frame_with_too_few_literals_is_an_error() -> None:
    with pytest.raises(ParseError):
        parse_command(Frame(b"a LOGIN {3}\n x"))


def test_a_utf8_message_is_understood_before_its_second_parenthesis() -> None:
    framer = Framer(Limits(message=100))
    framer.feed(b"a APPEND saved UTF8 (~{4}\r\n")
    assert isinstance(framer.next(), LiteralRequested)
    first = AppendMessage((), None, (Text(Streamed(4), utf8=True),), unclosed=1)
    assert parse_command(framer.command_so_far()).command == Append("saved", (first,))
    framer.accept(sink=True)
    framer.feed(b"abcd) (\\Seen) UTF8 (~{3+}\r\nxyz)\r\n")
    assert framer.next() == LiteralChunk(b"abcd", 0)
    asked = framer.next()
    assert isinstance(asked, LiteralRequested)
    second = AppendMessage(("\\Seen",), None, (Text(Streamed(3), utf8=True),), unclosed=1)
    assert parse_rest(asked.line, asked.size, first) == Rest((), 0, (second,))
    framer.accept(sink=True)
    assert framer.next() == LiteralChunk(b"xyz", 0)
    frame = framer.next()
    assert isinstance(frame, Frame)
    assert parse_rest(b")", None, second) == Rest((), 0, ())
    whole = parse_command(frame).command
    assert isinstance(whole, Append)
    assert [message.unclosed for message in whole.messages] == [0, 0]


@pytest.mark.parametrize("line", [b"", b"x", b" )", b"))", b") x"])
def test_the_parenthesis_behind_a_utf8_message_has_to_come(line: bytes) -> None:
    message = AppendMessage((), None, (Text(Streamed(1), utf8=True),), unclosed=1)
    with pytest.raises(ParseError):
        parse_rest(line, None, message)


@pytest.mark.parametrize(
    "text",
    [
        b"UTF8 {1}\n",
        b"UTF8 ({1}\n)",
        b"UTF8 (~{1}\n {1}\n",
        b"UTF8 (~{1}\n))",
        b"UTF8 ()",
        b"{1}\n)",
    ],
)
def test_what_is_no_utf8_message(text: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(Frame(b"a APPEND x " + text, (Streamed(1), Streamed(1))))
