"""GETMETADATA, SETMETADATA and the METADATA response (RFC 5464), RETURN (METADATA …) (RFC 9590).

Entry names are the same in any case (RFC 5464 §3.2): they are in small letters here.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from imap.protocol.errors import ParseError
from imap.protocol.events import Streamed
from imap.protocol.mailbox_name import mailbox_token
from imap.protocol.strings import astring, nstring
from imap.protocol.tokens import Cursor

INFINITY = 1 << 30
"""DEPTH infinity; no name has so many levels."""

LONGEST_NAME = 1000  # bytes
MOST_ENTRIES = 100  # in one command

# RFC 5464 §3.2.1: levels that are not empty, printable ASCII without wildcards, below one of two.
_NAME = re.compile(r"/(?:private|shared)(?:/[^\x00-\x1f/*%\x7f-\U0010ffff]+)*")
# No entry begins with a letter.
_OPTIONS = re.compile(rb"\( *[A-Za-z]").match
_DEPTHS = {b"0": 0, b"1": 1, b"INFINITY": INFINITY}


@dataclass(slots=True)
class GetMetadata:
    """GETMETADATA; `mailbox` "" is the server. `max_size` in bytes, None: values of any size.

    `depth`: how many levels below the named entries are told as well.
    """

    mailbox: str
    entries: tuple[str, ...]
    max_size: int | None = None
    depth: int = 0


@dataclass(slots=True)
class SetMetadata:
    """SETMETADATA; None removes an entry."""

    mailbox: str
    values: dict[str, bytes | None]


# RFC 5464 §5: getmetadata = "GETMETADATA" [SP getmetadata-options] SP mailbox SP entries
def parse_getmetadata(cursor: Cursor) -> GetMetadata:
    command = GetMetadata("", ())
    cursor.space()
    asked = cursor.at(b"(")
    if asked:
        _parse_options(cursor, command)
        cursor.space()
    command.mailbox = cursor.mailbox()
    cursor.space()
    if not asked and _OPTIONS(cursor.text, cursor.position):
        # The examples of RFC 5464 §4.2.1 and §4.2.2 have the options behind the mailbox.
        _parse_options(cursor, command)
        cursor.space()
    command.entries = parse_entries(cursor)
    return command


# getmetadata-options = "(" getmetadata-option *(SP getmetadata-option) ")"
def _parse_options(cursor: Cursor, command: GetMetadata) -> None:
    cursor.items(lambda: _parse_option(cursor, command))


# "MAXSIZE" SP number / "DEPTH" SP ("0" / "1" / "infinity")
def _parse_option(cursor: Cursor, command: GetMetadata) -> None:
    start = cursor.position
    option = cursor.word()
    cursor.space()
    if option == b"MAXSIZE":
        command.max_size = cursor.number64()
        return
    depth = _DEPTHS.get(cursor.word()) if option == b"DEPTH" else None
    if depth is None:
        raise cursor.fail("unknown GETMETADATA option", start)
    command.depth = depth


# entries = entry / "(" entry *(SP entry) ")"
def parse_entries(cursor: Cursor) -> tuple[str, ...]:
    """Names of entries, each once, also those of LIST … RETURN (METADATA …)."""
    start = cursor.position
    entries = cursor.items(lambda: _parse_entry(cursor)) if cursor.at(b"(") else None
    names = tuple(dict.fromkeys(entries or (_parse_entry(cursor),)))
    if len(names) > MOST_ENTRIES:
        raise cursor.fail("too many entries", start)
    return names


# setmetadata = "SETMETADATA" SP mailbox SP entry-values
# entry-values = "(" entry-value *(SP entry-value) ")"
def parse_setmetadata(cursor: Cursor) -> SetMetadata:
    cursor.space()
    mailbox = cursor.mailbox()
    cursor.space()
    start = cursor.position
    values = cursor.items(lambda: _parse_value(cursor))
    if len(dict(values)) < len(values) or len(values) > MOST_ENTRIES:
        raise cursor.fail("an entry is named twice, or there are too many", start)
    return SetMetadata(mailbox, dict(values))


# entry-value = entry SP value;  value = nstring / literal8
def _parse_value(cursor: Cursor) -> tuple[str, bytes | None]:
    start = cursor.position
    name = _parse_entry(cursor)
    if name.count("/") < 2:
        raise cursor.fail("this entry has no value", start)
    cursor.space()
    if not cursor.at(b"~"):
        return name, cursor.nstring()
    value, _ = cursor.literal()
    if isinstance(value, Streamed):
        raise cursor.fail("expected a short literal", start)
    return name, value


# entry = astring
def _parse_entry(cursor: Cursor) -> str:
    start = cursor.position
    name = cursor.astring().decode("latin-1").lower()
    if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
        raise ParseError(start, "this is no name of an entry")
    return name


# metadata-resp = "METADATA" SP mailbox SP (entry-values / entry-list)
def encode_metadata(
    mailbox: str, values: Iterable[tuple[str, bytes | None]], *, utf8: bool = False
) -> bytes:
    """`* METADATA INBOX (/shared/comment "Shared comment")`."""
    pairs = b" ".join(
        b"%b %b" % (astring(name.encode("ascii")), _value(value)) for name, value in values
    )
    return b"* METADATA %b (%b)\r\n" % (mailbox_token(mailbox, utf8=utf8), pairs)


# entry-list = entry *(SP entry)
def encode_entries(mailbox: str, entries: Iterable[str], *, utf8: bool = False) -> bytes:
    """`* METADATA INBOX /shared/comment`: these changed (RFC 5464 §4.4.2)."""
    names = b" ".join(astring(name.encode("ascii")) for name in entries)
    return b"* METADATA %b %b\r\n" % (mailbox_token(mailbox, utf8=utf8), names)


def _value(value: bytes | None) -> bytes:
    if value is not None and b"\0" in value:
        # RFC 5464 §5: a literal8 holds what a string cannot.
        return b"~{%d}\r\n%b" % (len(value), value)
    return nstring(value)


# resp-text-code =/ "METADATA" SP ("LONGENTRIES" SP number / "MAXSIZE" SP number / "TOOMANY" / …)
TOO_MANY = b"METADATA TOOMANY"


def longentries_code(size: int) -> bytes:
    """`METADATA LONGENTRIES 2199`: how large the largest value is that was left out."""
    return b"METADATA LONGENTRIES %d" % size


def maxsize_code(size: int) -> bytes:
    """`METADATA MAXSIZE 1024`: how large a value may be."""
    return b"METADATA MAXSIZE %d" % size
