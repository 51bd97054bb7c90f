"""What SEARCH compares: header fields and text parts decoded, and text folded."""

from __future__ import annotations

import binascii
import functools
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from mailserver.mail.charsets import decode
from mailserver.mail.headers import decode_base64, decode_words, field_value, fields, unfold
from mailserver.mail.parts import Encoding, Kind, Part, PartTable


def header_text(raw_field: bytes) -> str:
    """The body of a raw header field: unfolded, encoded words decoded; never raises."""
    return decode_words(field_value(raw_field))


class What(Enum):
    """What a stretch of a message is."""

    MIME = "the header of a part"
    HEADER = "the header of a message within the message"
    CONTENT = "the content of a leaf"


@dataclass(slots=True)
class Stretch:
    """A run of a message that a reader sees as text; offsets as in `part`, which it belongs to."""

    what: What
    start: int
    end: int
    part: Part


def readable(parts: PartTable) -> Iterator[Stretch]:
    """What can be read in the body of a message, in order: the content of text/* and message/*
    leaves, headers of parts and of messages within. The message's own header is not of its body.
    """
    above = Kind.LEAF
    for place, part in enumerate(parts.parts):
        if place and part.start < part.body:
            what = What.HEADER if above is Kind.MESSAGE else What.MIME
            yield Stretch(what, part.start, part.body, part)
        # message/delivery-status and its like; a message/rfc822 that was parsed is no leaf
        if part.kind is Kind.LEAF and part.media_type.startswith(("text/", "message/")):
            yield Stretch(What.CONTENT, part.body, part.end, part)
        above = part.kind  # depth first: only a message's one child follows it directly


def stretch_text(raw: bytes, stretch: Stretch) -> str:
    """The text of a stretch, encodings and charset undone; HTML is as it stands, markup too.

    Fields of a header are lines. Never raises.
    """
    if stretch.what is not What.CONTENT:
        return "\r\n".join([decode_words(unfold(field)) for _, field in fields(raw)])
    part = stretch.part
    return decode(decode_content(raw, part.encoding), part.charset or "us-ascii")


def field_texts(header: bytes) -> Iterator[str]:
    """The fields of a message's header as SEARCH TEXT compares them: name and body, folded."""
    for _, raw in fields(header):
        yield fold(decode_words(unfold(raw)))


def decode_content(content: bytes, encoding: Encoding) -> bytes:
    """A leaf's octets without their Content-Transfer-Encoding; what is malformed is skipped."""
    if encoding is Encoding.QUOTED_PRINTABLE:
        return binascii.a2b_qp(content)
    if encoding is Encoding.BASE64:
        return decode_base64(content)
    return content


def fold(text: str) -> str:
    """`text` as i;unicode-casemap (RFC 5051 §2) compares it: equality and substrings are plain.

    Each character is title-cased by its simple mapping, then decomposed for compatibility; unlike
    the RFC's form, combining marks come in canonical order.
    """
    if text.isascii():
        return text.upper()
    return unicodedata.normalize("NFKD", text.translate(_titlecase()))


_LAST_CASED = 0x1FFFF  # no letter beyond has case


@functools.cache
def _titlecase() -> dict[int, int]:
    """The simple title-case mapping where it changes something, about 1,400 characters."""
    table: dict[int, int] = {}
    for code in range(_LAST_CASED + 1):
        letter = chr(code)
        titled = letter.title()
        # a mapping to several characters (SpecialCasing) is no simple one
        if titled != letter and len(titled) == 1:
            table[code] = ord(titled)
    return table
