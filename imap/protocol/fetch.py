"""FETCH (RFC 3501 §6.4.5): the command, and the names its response gives the items."""

import enum
import re
from dataclasses import dataclass, field

from imap.protocol.modseq import FetchModifiers, parse_fetch_modifiers
from imap.protocol.section import Section, SectionKind, parse_section
from imap.protocol.sequence import SequenceSet
from imap.protocol.tokens import Cursor


class FetchAttribute(enum.Enum):
    """An item without a section; the value is its name on the wire, both ways."""

    ENVELOPE = b"ENVELOPE"
    FLAGS = b"FLAGS"
    INTERNALDATE = b"INTERNALDATE"
    RFC822_SIZE = b"RFC822.SIZE"
    BODY = b"BODY"
    BODYSTRUCTURE = b"BODYSTRUCTURE"
    UID = b"UID"
    MODSEQ = b"MODSEQ"  # RFC 7162 §3.1.4.2
    EMAILID = b"EMAILID"  # RFC 8474 §5.1
    THREADID = b"THREADID"  # RFC 8474 §5.2
    PREVIEW = b"PREVIEW"  # RFC 8970 §3.2
    SAVEDATE = b"SAVEDATE"  # RFC 8514 §4.2


@dataclass(slots=True)
class BodyItem:
    """An item with the bytes of a section: BODY[…], BODY.PEEK[…] and the RFC822 words.

    `peek`: the item does not set \\Seen. `partial`: first byte and greatest count of bytes.
    `rfc822`: asked for by its old name (RFC822 = BODY[], RFC822.HEADER = BODY.PEEK[HEADER],
    RFC822.TEXT = BODY[TEXT]), and so to be named in the response.
    """

    section: Section
    peek: bool = False
    partial: tuple[int, int] | None = None
    rfc822: bool = False

    @property
    def label(self) -> bytes:
        """The item's name in the response: `BODY[TEXT]<0>`, never with PEEK or the count."""
        if self.rfc822:
            return _RFC822_LABELS[self.section.kind]
        label = b"BODY" + self.section.encode()
        # RFC 3501 §7.4.2: BODY[<section>]<<origin octet>>
        return label if self.partial is None else b"%b<%d>" % (label, self.partial[0])


@dataclass(slots=True)
class BinaryItem:
    """BINARY[…], BINARY.PEEK[…] and, with `size`, BINARY.SIZE[…]: a part decoded (RFC 3516 §4.2).

    `path` empty: the message as it is. `partial` counts decoded bytes.
    """

    path: tuple[int, ...] = ()
    peek: bool = False
    partial: tuple[int, int] | None = None
    size: bool = False

    @property
    def label(self) -> bytes:
        """The item's name in the response: `BINARY[1.2]<0>`."""
        label = (b"BINARY.SIZE" if self.size else b"BINARY") + Section(self.path).encode()
        return label if self.partial is None else b"%b<%d>" % (label, self.partial[0])


SectionItem = BodyItem | BinaryItem
FetchItem = FetchAttribute | SectionItem


@dataclass(slots=True)
class Fetch:
    """FETCH, or UID FETCH if `by_uid`: whose response holds UID also unasked (§6.4.8)."""

    sequence: SequenceSet
    items: tuple[FetchItem, ...]
    by_uid: bool = False
    modifiers: FetchModifiers = field(default_factory=FetchModifiers)


_RFC822_LABELS = {
    SectionKind.ALL: b"RFC822",
    SectionKind.HEADER: b"RFC822.HEADER",
    SectionKind.TEXT: b"RFC822.TEXT",
}
_LAZY = re.compile(rb" +\( *LAZY(?: +LAZY)* *\)", re.IGNORECASE).match
_BINARY = (b"BINARY", b"BINARY.PEEK", b"BINARY.SIZE")
_ATTRIBUTES = {attribute.value: attribute for attribute in FetchAttribute}
_FAST = (FetchAttribute.FLAGS, FetchAttribute.INTERNALDATE, FetchAttribute.RFC822_SIZE)
_MACROS: dict[bytes, tuple[FetchItem, ...]] = {
    b"FAST": _FAST,
    b"ALL": (*_FAST, FetchAttribute.ENVELOPE),
    b"FULL": (*_FAST, FetchAttribute.ENVELOPE, FetchAttribute.BODY),
}


# fetch = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" / fetch-att /
#         "(" fetch-att *(SP fetch-att) ")") [fetch-modifiers] (RFC 4466 §2.4)
def parse_fetch(cursor: Cursor, by_uid: bool) -> Fetch:
    cursor.space()
    sequence = cursor.sequence_set()
    cursor.space()
    items = _parse_items(cursor)
    return Fetch(sequence, items, by_uid, parse_fetch_modifiers(cursor, by_uid))


def _parse_items(cursor: Cursor) -> tuple[FetchItem, ...]:
    if cursor.at(b"("):
        return parse_fetch_list(cursor)
    start = cursor.position
    macro = _MACROS.get(cursor.word())
    if macro is not None:
        return macro
    cursor.position = start
    return (_parse_item(cursor),)


def parse_fetch_list(cursor: Cursor) -> tuple[FetchItem, ...]:
    """ "(" fetch-att *(SP fetch-att) ")", also in NOTIFY (RFC 5465 §8)."""
    return cursor.items(lambda: _parse_item(cursor))


# fetch-att = "ENVELOPE" / "FLAGS" / "INTERNALDATE" / "RFC822" [".HEADER" / ".SIZE" / ".TEXT"] /
#             "BODY" ["STRUCTURE"] / "UID" / "MODSEQ" /
#             "BODY" section ["<" number "." nz-number ">"] /
#             "BODY.PEEK" section ["<" number "." nz-number ">"]
def _parse_item(cursor: Cursor) -> FetchItem:
    start = cursor.position
    word = cursor.word()
    if word in (b"BODY", b"BODY.PEEK") and cursor.at(b"["):
        return BodyItem(parse_section(cursor), word == b"BODY.PEEK", _parse_partial(cursor))
    if word in _BINARY:
        return _parse_binary(cursor, word)
    attribute = _ATTRIBUTES.get(word)
    if attribute is not None:
        if attribute is FetchAttribute.PREVIEW:
            _skip_preview_modifiers(cursor)
        return attribute
    if word == b"RFC822":
        return BodyItem(Section(), rfc822=True)
    if word == b"RFC822.HEADER":
        return BodyItem(Section(kind=SectionKind.HEADER), peek=True, rfc822=True)
    if word == b"RFC822.TEXT":
        return BodyItem(Section(kind=SectionKind.TEXT), rfc822=True)
    raise cursor.fail("unknown FETCH item", start)


# RFC 3516 §7: fetch-att =/ "BINARY" [".PEEK"] section-binary [partial] /
#              "BINARY.SIZE" section-binary;  section-binary = "[" [section-part] "]"
def _parse_binary(cursor: Cursor, word: bytes) -> BinaryItem:
    start = cursor.position
    section = parse_section(cursor)
    if section.kind is not SectionKind.ALL:
        raise cursor.fail("expected the number of a part", start)
    if word == b"BINARY.SIZE":
        return BinaryItem(section.path, peek=True, size=True)
    return BinaryItem(section.path, word == b"BINARY.PEEK", _parse_partial(cursor))


# RFC 8970 §6: fetch-att =/ "PREVIEW" [SP "(" preview-mod *(SP preview-mod) ")"]
# preview-mod = "LAZY"
def _skip_preview_modifiers(cursor: Cursor) -> None:
    """LAZY asks for no other preview than the one that is ready. Other words are FETCH's own."""
    found = _LAZY(cursor.text, cursor.position)
    if found is not None:
        cursor.position = found.end()


# "<" number "." nz-number ">", with number64 as in RFC 9051 §9
def _parse_partial(cursor: Cursor) -> tuple[int, int] | None:
    if not cursor.take(b"<"):
        return None
    origin = cursor.number64()
    cursor.expect(b".")
    start = cursor.position
    count = cursor.number64()
    if count == 0:
        raise cursor.fail("expected a number above 0", start)
    cursor.expect(b">")
    return origin, count


# RFC 9586 §4: message-data =/ uniqueid SP "UIDFETCH" SP msg-att
def encode_uid_fetch(uid: int, pairs: bytes) -> bytes:
    """`* 25996 UIDFETCH (FLAGS (\\Seen))`: without sequence number, which the client knows not."""
    return b"* %d UIDFETCH (%b)\r\n" % (uid, pairs)


def encode_fetch(number: int, pairs: bytes) -> bytes:
    """`* 12 FETCH (FLAGS (\\Seen) UID 4)`: `pairs` are item names and values, ready-made."""
    return b"* %d FETCH (%b)\r\n" % (number, pairs)
