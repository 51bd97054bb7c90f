"""APPEND (RFC 3501 §6.3.11), with several messages as RFC 3502 writes them, and CATENATE.

Messages are large, so an APPEND can be understood before they are read: at `LiteralRequested` with
`message` set, `Framer.command_so_far` parses to an `Append` whose last literal is still to come;
from there on `parse_rest` reads the command line by line, as each literal is there.
"""

from dataclasses import dataclass
from datetime import datetime

from imap.protocol.catenate import (
    Part,
    Text,
    Unclosed,
    at_utf8,
    parse_catenate,
    parse_further_parts,
    parse_utf8,
)
from imap.protocol.events import Frame, Streamed
from imap.protocol.tokens import Cursor


@dataclass(slots=True)
class AppendMessage:
    """One message: its flags, its INTERNALDATE (None: now), what it is made of.

    `catenated`: by CATENATE (RFC 4469), else of one `Text`.
    """

    flags: tuple[str, ...]
    internal_date: datetime | None
    parts: tuple[Part, ...]
    catenated: bool = False
    unclosed: Unclosed = 0


@dataclass(slots=True)
class Append:
    """APPEND: all messages or none (RFC 3502 §6.3.11)."""

    mailbox: str
    messages: tuple[AppendMessage, ...]


@dataclass(slots=True)
class Rest:
    """What follows a literal: further `parts` of its message, then further messages.

    `unclosed` is of the message that the parts belong to.
    """

    parts: tuple[Part, ...]
    unclosed: Unclosed
    messages: tuple[AppendMessage, ...]


# append = "APPEND" SP mailbox 1*append-message
def parse_append(cursor: Cursor) -> Append:
    cursor.space()
    mailbox = cursor.mailbox()
    message = parse_message(cursor)
    return Append(mailbox, (message, *_parse_further(cursor)))


def parse_rest(line: bytes, size: int | None, message: AppendMessage) -> Rest:
    """What follows a literal of `message`; `line` ends in another, of `size` bytes, if not None.

    Of the message only `catenated` and `unclosed` matter. Raises ParseError.
    """
    cursor = Cursor(Frame(line, () if size is None else (Streamed(size),)))
    parts: tuple[Part, ...] = ()
    unclosed = 0
    if message.unclosed > message.catenated and not cursor.take(b")"):  # of UTF8
        raise cursor.fail("expected a closing parenthesis")
    if message.catenated and message.unclosed:
        parts, unclosed = parse_further_parts(cursor)
    messages = _parse_further(cursor)
    cursor.end()
    return Rest(parts, unclosed, messages)


# RFC 3502 §6.3.11: append-message = SP [flag-list SP] [date-time SP] literal
def parse_message(cursor: Cursor) -> AppendMessage:
    cursor.space()
    return _parse_arguments(cursor)


def _parse_further(cursor: Cursor) -> tuple[AppendMessage, ...]:
    messages = []
    while cursor.at(b" ") and cursor.more():
        messages.append(_parse_arguments(cursor))
    return tuple(messages)


def _parse_arguments(cursor: Cursor) -> AppendMessage:
    flags: tuple[str, ...] = ()
    internal_date = None
    if cursor.at(b"("):
        flags = cursor.flag_list()
        cursor.space()
    if cursor.at(b'"'):
        internal_date = cursor.date_time()
        cursor.space()
    if at_utf8(cursor):
        text, unclosed = parse_utf8(cursor)
        return AppendMessage(flags, internal_date, (text,), unclosed=unclosed)
    if cursor.at(b"{") or cursor.at(b"~"):
        return AppendMessage(flags, internal_date, (Text(*cursor.literal()),))
    start = cursor.position
    if cursor.word() != b"CATENATE":
        raise cursor.fail("expected a literal", start)
    parts, unclosed = parse_catenate(cursor)
    return AppendMessage(flags, internal_date, parts, catenated=True, unclosed=unclosed)
