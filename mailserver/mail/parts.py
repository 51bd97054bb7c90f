"""The part table: where each MIME part of a message lies, packed to be stored beside it.

Invariants: 0 <= start <= body <= end <= size of the message as received; rows are in depth-first
order, so the children of a row are the rows one deeper that follow it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, IntEnum


class Kind(IntEnum):
    """What a part holds."""

    LEAF = 0
    MULTIPART = 1
    MESSAGE = 2  # message/rfc822: one child, the message inside


class Encoding(IntEnum):
    """Content-Transfer-Encoding of a leaf (RFC 2045 §6), as far as decoding it goes."""

    IDENTITY = 0  # 7bit, 8bit, binary
    QUOTED_PRINTABLE = 1
    BASE64 = 2
    UNKNOWN = 3


class Section(Enum):
    """What of a part is wanted: the section-text of RFC 3501 §6.4.5, ALL where there is none."""

    ALL = "ALL"
    HEADER = "HEADER"
    TEXT = "TEXT"
    MIME = "MIME"


@dataclass(slots=True)
class Part:
    """One row. Offsets in bytes from the start of the message as received.

    The part's header is start to body (with its empty line), its content body to end.
    """

    kind: Kind
    depth: int
    encoding: Encoding
    start: int
    body: int
    end: int
    media_type: str  # lower case, "text/plain"
    charset: str  # lower case, "" if none is named


# version, then rows of kind, depth, encoding, start, body, end, length of type, length of charset
_ROWS = {1: struct.Struct("<BBBIIIBB"), 2: struct.Struct("<BBBQQQBB")}
_NARROW = 1
_WIDE = 2
_KINDS = tuple(Kind)
_ENCODINGS = tuple(Encoding)


@dataclass(slots=True)
class PartTable:
    """All parts of one message, the message itself first."""

    parts: list[Part]

    def encode(self) -> bytes:
        """The table packed: about 35 bytes a part."""
        version = _NARROW if self.parts[0].end < 1 << 32 else _WIDE
        pack = _ROWS[version].pack
        out = [bytes((version,))]
        for part in self.parts:
            media = part.media_type.encode("ascii", "replace")[:255]
            charset = part.charset.encode("ascii", "replace")[:255]
            row = pack(
                part.kind,
                part.depth,
                part.encoding,
                part.start,
                part.body,
                part.end,
                len(media),
                len(charset),
            )
            out += (row, media, charset)
        return b"".join(out)

    @classmethod
    def decode(cls, packed: bytes) -> PartTable:
        """The table `encode` packed; ValueError if the bytes are none."""
        row = _ROWS.get(packed[0] if packed else 0)
        if row is None:
            raise ValueError("not a part table")
        parts: list[Part] = []
        pos = 1
        try:
            while pos < len(packed):
                kind, depth, encoding, start, body, end, m, c = row.unpack_from(packed, pos)
                pos += row.size
                media = packed[pos : pos + m].decode("ascii")
                charset = packed[pos + m : pos + m + c].decode("ascii")
                pos += m + c
                what, how = _KINDS[kind], _ENCODINGS[encoding]
                parts.append(Part(what, depth, how, start, body, end, media, charset))
        except (struct.error, IndexError, UnicodeDecodeError):
            raise ValueError("not a part table") from None
        if pos != len(packed) or not parts or parts[0].depth:
            raise ValueError("not a part table")
        return cls(parts)

    def leaves(self) -> Iterator[Part]:
        """The parts that hold content of their own, in order."""
        return (part for part in self.parts if part.kind is Kind.LEAF)

    def part(self, path: tuple[int, ...]) -> Part | None:
        """The part that a section-part names, of path () the message; None if there is none."""
        index = self._index(path)
        return None if index is None else self.parts[index]

    def locate(self, path: tuple[int, ...], what: Section = Section.ALL) -> tuple[int, int] | None:
        """(start, end) offsets of a section, or None if the message has no such section.

        Offsets are those of the message as received: a prefix written before it comes on top, and
        belongs to ALL and HEADER of path ().
        """
        index = self._index(path)
        if index is None:
            return None
        part = self.parts[index]
        if not path:
            return self._of_message(part, what)
        if what is Section.ALL:
            return part.body, part.end
        if what is Section.MIME:
            # of part 1 of a message that is no multipart, this is the message's own header
            return part.start, part.body
        # RFC 3501 §6.4.5: HEADER and TEXT of a numbered part need it to be a message/rfc822
        if part.kind is not Kind.MESSAGE:
            return None
        return self._of_message(self.parts[index + 1], what)

    @staticmethod
    def _of_message(part: Part, what: Section) -> tuple[int, int] | None:
        if what is Section.ALL:
            return part.start, part.end
        if what is Section.HEADER:
            return part.start, part.body
        if what is Section.TEXT:
            return part.body, part.end
        return None  # RFC 3501 §6.4.5: MIME must have a part number before it

    def _index(self, path: tuple[int, ...]) -> int | None:
        """The row a path names. Numbers count the children of a multipart; a message that is none
        has itself as part 1; below a message/rfc822 they go on in the message inside."""
        index: int | None = 0
        above: int | None = 0  # the row whose parts the next number counts
        for number in path:
            if above is None:
                return None
            part = self.parts[above]
            if part.kind is Kind.MULTIPART:
                index = self._child(above, number)
            elif number == 1:
                index = above
            else:
                return None
            if index is None:
                return None
            above = self._below(index)
        return index

    def _below(self, index: int) -> int | None:
        """The row whose parts are counted below a part: itself, or the message inside."""
        kind = self.parts[index].kind
        if kind is Kind.MESSAGE:
            return index + 1
        return index if kind is Kind.MULTIPART else None

    def _child(self, above: int, number: int) -> int | None:
        depth = self.parts[above].depth + 1
        for index in range(above + 1, len(self.parts)):
            found = self.parts[index].depth
            if found < depth:
                return None
            if found == depth:
                number -= 1
                if number == 0:
                    return index
        return None
