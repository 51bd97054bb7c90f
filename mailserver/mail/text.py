"""What SEARCH compares: header fields and text parts decoded, and text folded."""

from __future__ import annotations

import binascii
import functools
import mmap
import unicodedata
from collections.abc import Iterator

from mailserver.mail.charsets import decode
from mailserver.mail.headers import decode_base64, decode_words, field_value
from mailserver.mail.parts import Encoding, Part, PartTable


def header_text(raw_field: bytes) -> str:
    """The body of a raw header field: unfolded, encoded words decoded; never raises."""
    return decode_words(field_value(raw_field))


def body_text(message: bytes | mmap.mmap, parts: PartTable) -> Iterator[str]:
    """The text of each text/* leaf in order, decoded by its encoding and charset; never raises.

    HTML is as it stands in the message, markup too. `parts` is the table of this very message.
    """
    for part in parts.leaves():
        if part.media_type.startswith("text/"):
            yield part_text(message[part.body : part.end], part)


def part_text(content: bytes, part: Part) -> str:
    """The text of one leaf from its raw content."""
    return decode(decode_content(content, part.encoding), part.charset or "us-ascii")


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
