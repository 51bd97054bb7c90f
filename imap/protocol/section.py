"""Body sections (RFC 3501 §6.4.5): which part of a message a FETCH asks for, both ways."""

import enum
from dataclasses import dataclass

from imap.protocol.strings import astring
from imap.protocol.tokens import Cursor

# Deeper than any message anyone made on purpose.
MAX_PATH = 100


class SectionKind(enum.Enum):
    """What of the part is meant; the value is the word on the wire."""

    ALL = b""
    HEADER = b"HEADER"
    HEADER_FIELDS = b"HEADER.FIELDS"
    HEADER_FIELDS_NOT = b"HEADER.FIELDS.NOT"
    TEXT = b"TEXT"
    MIME = b"MIME"


_KINDS = {kind.value: kind for kind in SectionKind if kind is not SectionKind.ALL}
_WITH_FIELDS = (SectionKind.HEADER_FIELDS, SectionKind.HEADER_FIELDS_NOT)


@dataclass(slots=True)
class Section:
    """A section-spec: the part at `path` (empty: the message), and what of it.

    `fields` are header field names in upper case, in the client's order, for HEADER.FIELDS and
    HEADER.FIELDS.NOT only. MIME always has a path.
    """

    path: tuple[int, ...] = ()
    kind: SectionKind = SectionKind.ALL
    fields: tuple[bytes, ...] = ()

    def encode(self) -> bytes:
        """`[1.2.HEADER.FIELDS (FROM TO)]`, as the FETCH response repeats it."""
        words = [b"%d" % number for number in self.path]
        if self.kind is not SectionKind.ALL:
            words.append(self.kind.value)
        spec = b".".join(words)
        if self.kind in _WITH_FIELDS:
            spec += b" (" + b" ".join(astring(name) for name in self.fields) + b")"
        return b"[" + spec + b"]"


def parse_section(cursor: Cursor) -> Section:
    """section = "[" [section-spec] "]" """
    cursor.expect(b"[")
    if cursor.take(b"]"):
        return Section()
    section = _parse_spec(cursor)
    cursor.expect(b"]")
    return section


# section-spec = section-msgtext / (section-part ["." section-text])
# section-part = nz-number *("." nz-number)
# section-text = section-msgtext / "MIME"
def _parse_spec(cursor: Cursor) -> Section:
    start = cursor.position
    path: list[int] = []
    word = cursor.word()
    while True:
        number, dot, rest = word.partition(b".")
        if not number.isdigit():
            break
        path.append(_part_number(cursor, number, start))
        if len(path) > MAX_PATH:
            raise cursor.fail("section is too deep", start)
        if not dot:
            return Section(tuple(path))
        word = rest
    kind = _KINDS.get(word)
    # RFC 3501 §6.4.5: the MIME part specifier MUST be prefixed by numbers.
    if kind is None or (kind is SectionKind.MIME and not path):
        raise cursor.fail("unknown section", start)
    if kind not in _WITH_FIELDS:
        return Section(tuple(path), kind)
    cursor.space()
    # header-list = "(" header-fld-name *(SP header-fld-name) ")"
    fields = cursor.items(cursor.astring)
    return Section(tuple(path), kind, tuple(name.upper() for name in fields))


def _part_number(cursor: Cursor, digits: bytes, start: int) -> int:
    if digits[:1] == b"0" or len(digits) > 10:
        raise cursor.fail("expected a part number", start)
    return int(digits)
