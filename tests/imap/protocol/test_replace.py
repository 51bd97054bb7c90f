"""REPLACE names one message and has one in its place (RFC 8508 §5)."""

import pytest

from imap.protocol.append import AppendMessage
from imap.protocol.catenate import Text, Url
from imap.protocol.command import parse_command
from imap.protocol.errors import ParseError
from imap.protocol.events import Frame, Streamed
from imap.protocol.replace import Replace
from imap.protocol.sequence import STAR, SequenceSet


def parsed(text: bytes, *sizes: int) -> object:
    return parse_command(Frame(text, tuple(map(Streamed, sizes)))).command


def test_the_example_of_the_rfc() -> None:
    message = AppendMessage(("\\Seen", "\\Draft"), None, (Text(Streamed(312)),))
    command = Replace(SequenceSet(((4, 4),)), "Drafts", message)
    assert parsed(b"A003 REPLACE 4 Drafts (\\Seen \\Draft) {312}\n", 312) == command


def test_by_uid_and_of_the_last_message() -> None:
    message = AppendMessage((), None, (Text(Streamed(1), binary=True),))
    command = Replace(SequenceSet(((2000, 2000),)), "Drafts", message, by_uid=True)
    assert parsed(b"a uid replace 2000 Drafts ~{1}\n", 1) == command
    command = Replace(SequenceSet(((STAR, STAR),)), "INBOX", message)
    assert parsed(b"a REPLACE * inbox ~{1+}\n", 1) == command


def test_a_message_that_is_catenated() -> None:
    command = parsed(b'a REPLACE 1 x (\\Draft) CATENATE (URL "/x/;UID=1" TEXT {5}\n', 5)
    assert isinstance(command, Replace)
    assert command.message.parts == (Url(b"/x/;UID=1"), Text(Streamed(5)))


@pytest.mark.parametrize(
    "text",
    [
        b"REPLACE 1:2 x {1}\n",
        b"REPLACE 1,3 x {1}\n",
        b"REPLACE $ x {1}\n",
        b"REPLACE 0 x {1}\n",
        b"REPLACE x {1}\n",
        b"REPLACE 1 {1}\n",
        b"REPLACE 1 x",
        b"REPLACE 1 x (\\Seen)",
        b"REPLACE 1 x {1}\n {1}\n",
        b"REPLACE 1 x CATENATE ()",
        b"UID REPLACE 1",
    ],
)
def test_what_is_no_replace(text: bytes) -> None:
    with pytest.raises(ParseError):
        parsed(b"a " + text, 1, 1)
