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

    `binary`: given as literal8, may hold NUL (RFC 3516 §4.4).
    """

    flags: tuple[str, ...]
    internal_date: datetime | None
    content: bytes | Streamed = field(repr=False)
    binary: bool = False


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
    return _parse_message(Cursor(Frame(line, (Streamed(size),))))


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
    content, binary = cursor.literal()
    return AppendMessage(flags, internal_date, content, binary)
