"""Which bytes of a message a BODY[section]<partial> is.

Pure. Offsets count in the message as served: the prefix that delivery wrote, then the received
bytes. The prefix belongs to the message's own header, so to BODY[], BODY[HEADER] and its fields.
"""

from imap.messages.header_fields import header_fields
from imap.protocol.fetch import BodyItem
from imap.protocol.section import Section, SectionKind
from mailserver.mail import parts
from mailserver.mail.digest import CACHED_FIELDS
from mailserver.mail.parts import PartTable

Range = tuple[int, int]  # [start, end) in bytes

_OF_PART = {
    SectionKind.ALL: parts.Section.ALL,
    SectionKind.HEADER: parts.Section.HEADER,
    SectionKind.HEADER_FIELDS: parts.Section.HEADER,
    SectionKind.HEADER_FIELDS_NOT: parts.Section.HEADER,
    SectionKind.TEXT: parts.Section.TEXT,
    SectionKind.MIME: parts.Section.MIME,
}
_WITH_FIELDS = (SectionKind.HEADER_FIELDS, SectionKind.HEADER_FIELDS_NOT)


def locate(section: Section, table: PartTable, prefix: int) -> Range | None:
    """The range of a section, for HEADER.FIELDS the header to choose from; None: no such part.

    `prefix` is the prefix's length in bytes.
    """
    found = table.locate(section.path, _OF_PART[section.kind])
    if found is None:
        return None
    start, end = found
    if not section.path and section.kind is not SectionKind.TEXT:
        return 0, prefix + end
    return prefix + start, prefix + end


def is_made(section: Section) -> bool:
    """True if the section is made from a header, False if it is a range of the message."""
    return section.kind in _WITH_FIELDS


def clip(found: Range, partial: Range | None) -> Range:
    """The part of a range that `<origin.count>` asks for; empty if it begins beyond the end."""
    if partial is None:
        return found
    start, end = found
    origin, count = partial
    # RFC 3501 §6.4.5: truncated where the text ends, an empty string beyond
    return min(start + origin, end), min(start + origin + count, end)


def is_cached(section: Section) -> bool:
    """True if the section can be made of the prefix and the header fields kept at ingest.

    A field that only the prefix is known to have may stand in the received bytes as well, so that
    names beyond CACHED_FIELDS need the header itself.
    """
    return (
        section.kind is SectionKind.HEADER_FIELDS
        and not section.path
        and all(name.lower() in CACHED_FIELDS for name in section.fields)
    )


def finish(item: BodyItem, found: bytes) -> bytes:
    """The item's value of the bytes at its range (`wanted_range`), or of the cached fields."""
    if not is_made(item.section):
        return found
    others = item.section.kind is SectionKind.HEADER_FIELDS_NOT
    made = header_fields(found, item.section.fields, others=others)
    start, end = clip((0, len(made)), item.partial)
    return made[start:end]


def wanted_range(item: BodyItem, table: PartTable, prefix: int) -> Range | None:
    """The bytes to read for an item; None if the message has no such section."""
    found = locate(item.section, table, prefix)
    if found is None or is_made(item.section):
        return found
    return clip(found, item.partial)
