"""APPEND (RFC 3501 §6.3.11), with several messages as RFC 3502 writes them.

Messages are large, so an APPEND can be understood before they are read: at `LiteralRequested` with
`message` set, `Framer.command_so_far` parses to an `Append` whose last message is still to come;
for the further messages of a MULTIAPPEND `parse_append_message` reads the request's line alone.
"""

from dataclasses import dataclass, field
from datetime import datetime

from imap.protocol.events import Frame, Streamed
from imap.protocol.tokens import Cursor


@dataclass(slots=True)
class AppendMessage:
    """One message: its flags, its INTERNALDATE (None: now), its bytes or their count.

    `binary`: given as literal8, may hold NUL (RFC 3516 §4.4). `utf8`: given as UTF8 (literal8), may
    have UTF-8 in its header (RFC 6855 §4).
    """

    flags: tuple[str, ...]
    internal_date: datetime | None
    content: bytes | Streamed = field(repr=False)
    binary: bool = False
    utf8: bool = False


@dataclass(slots=True)
class Append:
    """APPEND: all messages or none (RFC 3502 §6.3.11)."""

    mailbox: str
    messages: tuple[AppendMessage, ...]


# append = "APPEND" SP mailbox 1*append-message
def parse_append(cursor: Cursor) -> Append:
    cursor.space()
    mailbox = cursor.mailbox()
    messages = [_parse_message(cursor)]
    while cursor.at(b" ") and cursor.more():
        messages.append(_parse_arguments(cursor))
    return Append(mailbox, tuple(messages))


def parse_append_message(line: bytes, size: int) -> AppendMessage:
    """A further message from `LiteralRequested.line` and `.size`. Raises ParseError."""
    cursor = Cursor(Frame(line, (Streamed(size),)))
    cursor.take(b")")  # of the message before; whether it belongs there the whole command shows
    return _parse_message(cursor)


# RFC 3502 §6.3.11: append-message = SP [flag-list SP] [date-time SP] literal
def _parse_message(cursor: Cursor) -> AppendMessage:
    cursor.space()
    return _parse_arguments(cursor)


def _parse_arguments(cursor: Cursor) -> AppendMessage:
    flags: tuple[str, ...] = ()
    internal_date = None
    if cursor.at(b"("):
        flags = cursor.flag_list()
        cursor.space()
    if cursor.at(b'"'):
        internal_date = cursor.date_time()
        cursor.space()
    if cursor.text[cursor.position : cursor.position + 5].upper() == b"UTF8 ":
        return AppendMessage(flags, internal_date, _parse_utf8(cursor), utf8=True)
    content, binary = cursor.literal()
    return AppendMessage(flags, internal_date, content, binary)


# RFC 6855 §4: append-data =/ "UTF8" SP "(" literal8 ")"
def _parse_utf8(cursor: Cursor) -> bytes | Streamed:
    """The parenthesis may be missing behind the last literal, which may be still to come."""
    cursor.word()
    cursor.space()
    cursor.expect(b"(")
    start = cursor.position
    content, binary = cursor.literal()
    if not binary:
        raise cursor.fail("expected a literal8", start)
    if cursor.position < len(cursor.text):
        cursor.expect(b")")
    return content


def is_closed(frame: Frame) -> bool:
    """Whether the UTF8 that ends an APPEND has its second parenthesis, now that all has come."""
    return frame.text.rstrip(b" ").endswith(b")")
