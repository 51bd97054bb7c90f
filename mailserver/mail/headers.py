"""Header fields as they stand in a message: finding, splitting, unfolding, decoding words.

Invariants: no function here raises on any bytes; the raw fields of a header, joined, are the header
(less its empty line); every function is linear in its input.
"""

from __future__ import annotations

import binascii
import mmap
import re
from collections.abc import Iterator

from mailserver.mail.charsets import decode

_BLANK_LINE = re.compile(rb"\n\r?\n")

# A field is a line and the lines after it that begin with white space (RFC 5322 §2.2.3). The
# pattern matches at every position, a line without name too, so that iterating never searches.
# White space before the colon is RFC 5322 §4.5's obsolete form.
_FIELD = re.compile(rb"((?:([!-9;-~]+)[ \t]*:)?[^\n]*(?:\n[ \t][^\n]*)*\n?)")
_FIELD_ENDS = re.compile(rb"\n(?![ \t])")
_FOLD = re.compile(rb"\r*\n(?=[ \t])")

# RFC 2047 §2: encoded-word = "=?" charset "?" encoding "?" encoded-text "?="; RFC 2231 §5 adds
# "*language" to the charset. QUIRKS: spaces within the text are a common sin.
_WORD = re.compile(rb"=\?([^?\s*]+)(?:\*[^?\s]*)?\?([bBqQ])\?([^?]*)\?=")
_NOT_BASE64 = bytes(
    c
    for c in range(256)
    if c not in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
)


def end_of_header(message: bytes | mmap.mmap) -> int:
    """Where the body begins: after the first empty line, or at the end if there is none.

    The header is `message[:end]` with its empty line (RFC 3501 §6.4.5). Lines end by CR LF or LF.
    """
    if message[:1] == b"\n":
        return 1
    if message[:2] == b"\r\n":
        return 2
    found = _BLANK_LINE.search(message)
    return found.end() if found is not None else len(message)


def fields(header: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(name, raw) of each field in order; `raw` is the whole field with folding and line end.

    A line that is no field has the name b""; the empty line that ends a header is left out.
    """
    for found in _FIELD.finditer(header):
        raw, name = found.groups()
        if name or raw.strip(b"\r\n"):
            yield name or b"", raw


def values(
    header: bytes, wanted: frozenset[bytes], raw_wanted: frozenset[bytes] = frozenset()
) -> tuple[dict[bytes, list[bytes]], list[bytes]]:
    """(unfolded bodies by lower-case name, raw fields less their LF), of the wanted, in order.

    The hot path of ingest: one split and one look-up a field.
    """
    bodies: dict[bytes, list[bytes]] = {}
    raws: list[bytes] = []
    for raw in _FIELD_ENDS.split(header):
        name, colon, value = raw.partition(b":")
        key = name.rstrip(b" \t").lower() if colon else b""
        if key in wanted:
            value = value.strip()
            if b"\n" in value:
                value = _FOLD.sub(b"", value)
            if key in bodies:
                bodies[key].append(value)
            else:
                bodies[key] = [value]
        if key in raw_wanted:
            raws.append(raw)
    return bodies, raws


def select(header: bytes, names: frozenset[bytes], *, others: bool = False) -> bytes:
    """The raw fields whose lower-case name is in `names` (or, with `others`, is not), in order.

    This is HEADER.FIELDS and HEADER.FIELDS.NOT of RFC 3501 §6.4.5 without the closing empty line.
    A last field that lacks its line end is given one.
    """
    found = b"".join([raw for name, raw in fields(header) if (name.lower() in names) is not others])
    return found + b"\r\n" if found and not found.endswith(b"\n") else found


def field_value(raw: bytes) -> bytes:
    """The body of a raw field: what stands after the colon, unfolded, without outer white space."""
    return unfold(raw.partition(b":")[2])


def unfold(value: bytes) -> bytes:
    """`value` without the line ends of folding (RFC 5322 §2.2.3) and without outer white space."""
    value = value.strip()
    return _FOLD.sub(b"", value) if b"\n" in value else value


def decode_words(value: bytes) -> str:
    """An unfolded field body as text, its RFC 2047 encoded words decoded; never raises.

    White space between adjacent encoded words goes (§6.2). Words of one charset that follow each
    other are decoded together, for senders that split a character between two. What is not encoded
    is read as UTF-8 (RFC 6532) or else windows-1252.
    """
    if b"=?" not in value:
        return decode(value)
    out: list[str] = []
    pos = 0
    pending = b""  # decoded bytes of the words so far, in `charset`
    charset = ""
    for found in _WORD.finditer(value):
        gap = value[pos : found.start()]
        name = found[1].decode("ascii", "replace").lower()
        if not pending or name != charset or not (not gap or gap.isspace()):
            out.append(decode(pending, charset))
            # the gap is text unless it only divides two encoded words
            if pos == 0 or not (not gap or gap.isspace()):
                out.append(decode(gap))
            pending, charset = b"", name
        pending += _decode_word(found[2], found[3])
        pos = found.end()
    out.append(decode(pending, charset))
    out.append(decode(value[pos:]))
    return "".join(out)


def _decode_word(encoding: bytes, text: bytes) -> bytes:
    if encoding in b"qQ":
        # RFC 2047 §4.2: "_" is a space whatever the charset
        return binascii.a2b_qp(text, header=True)
    return decode_base64(text)


def decode_base64(raw: bytes) -> bytes:
    """`raw` from base64; characters outside the alphabet are skipped, an odd rest is dropped."""
    try:
        return binascii.a2b_base64(raw)
    except binascii.Error:
        kept = raw.translate(None, _NOT_BASE64)
        # one letter alone holds no octet; two or three lack their padding
        usable = len(kept) - (len(kept) % 4 == 1)
        return binascii.a2b_base64(kept[:usable] + b"=" * (-usable % 4))
