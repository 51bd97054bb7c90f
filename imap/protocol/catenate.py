"""What an APPEND makes a message of: literals, or with CATENATE (RFC 4469) also URLs.

A literal may end the text that is there so far; then what should close it is still to come, and
`Unclosed` says how many parentheses that are.
"""

from dataclasses import dataclass, field

from imap.protocol.events import Streamed
from imap.protocol.tokens import Cursor

Unclosed = int
"""Parentheses that are missing behind the last literal: one of CATENATE, one of UTF8."""


@dataclass(slots=True)
class Text:
    """Bytes that the client sends, or their count while they are to come.

    `binary`: given as literal8, may hold NUL (RFC 3516 §4.4). `utf8`: given as UTF8 (literal8), may
    have UTF-8 in its header (RFC 6855 §4).
    """

    content: bytes | Streamed = field(repr=False)
    binary: bool = False
    utf8: bool = False

    @property
    def size(self) -> int:
        """Bytes that are announced."""
        return size_of(self.content)


@dataclass(slots=True)
class Url:
    """The URL of a message or a part of one on this server (RFC 5092), or the URL's length."""

    content: bytes | Streamed


Part = Text | Url


def size_of(content: bytes | Streamed) -> int:
    """Bytes of a literal that is there or to come."""
    return content.size if isinstance(content, Streamed) else len(content)


def at_utf8(cursor: Cursor) -> bool:
    """True if UTF8 and a space are next."""
    return cursor.text[cursor.position : cursor.position + 5].upper() == b"UTF8 "


# RFC 6855 §4: append-data =/ "UTF8" SP "(" literal8 ")"; cat-part =/ the same
def parse_utf8(cursor: Cursor) -> tuple[Text, Unclosed]:
    cursor.word()
    cursor.space()
    cursor.expect(b"(")
    start = cursor.position
    content, binary = cursor.literal()
    if not binary:
        raise cursor.fail("expected a literal8", start)
    text = Text(content, utf8=True)
    if cursor.position == len(cursor.text):
        return text, 1
    cursor.expect(b")")
    return text, 0


# RFC 4469 §5: append-data =/ "CATENATE" SP "(" cat-part *(SP cat-part) ")"
def parse_catenate(cursor: Cursor) -> tuple[tuple[Part, ...], Unclosed]:
    """Behind the word CATENATE."""
    cursor.space()
    cursor.expect(b"(")
    cursor.spaces()
    part, unclosed = _parse_part(cursor)
    if unclosed:
        return (part,), unclosed
    further, unclosed = parse_further_parts(cursor)
    return (part, *further), unclosed


def parse_further_parts(cursor: Cursor) -> tuple[tuple[Part, ...], Unclosed]:
    """What follows a part, to the parenthesis that ends CATENATE or to a literal."""
    parts: list[Part] = []
    while True:
        gap = cursor.spaces()
        if cursor.take(b")"):
            return tuple(parts), 0
        if not gap:
            raise cursor.fail("expected a space or a closing parenthesis")
        part, unclosed = _parse_part(cursor)
        parts.append(part)
        if unclosed:
            return tuple(parts), unclosed


# cat-part = text-literal / url;  text-literal = "TEXT" SP literal;  url = "URL" SP astring
def _parse_part(cursor: Cursor) -> tuple[Part, Unclosed]:
    start = cursor.position
    if at_utf8(cursor):
        text, unclosed = parse_utf8(cursor)
        return text, 2 * unclosed
    word = cursor.word()
    cursor.space()
    part: Part
    if word == b"TEXT":
        part = Text(*cursor.literal())
    elif word == b"URL":
        # What a client sends of a message is streamed, and the literal of a URL with it.
        part = Url(cursor.literal()[0] if cursor.at(b"{") else cursor.astring())
    else:
        raise cursor.fail("expected TEXT or URL", start)
    ends_in_literal = cursor.position == len(cursor.text) and cursor.text.endswith(b"\n")
    return part, int(ends_in_literal)
