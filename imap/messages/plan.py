"""What has to be read of a message for the sections that FETCH asks for, and what is made of it.

Pure: it is planned from the message's row, then the ranges are read, then the strings are made.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imap.messages import binary
from imap.messages.binary import Encoded
from imap.messages.contents import Wanted
from imap.messages.sections import Range, clip, finish, wanted_range
from imap.protocol.fetch import BinaryItem, SectionItem
from imap.protocol.section import Section
from imap.protocol.strings import literal
from mailserver.mail.parts import Encoding, PartTable
from mailserver.storage.messages import MessageRow

_WHOLE = Section()

Value = bytes | Range | Encoded | None


@dataclass(slots=True)
class PlannedMessage:
    """A message and, for each section item: its value, the range to read, or None: there is none.

    `wanted.ranges` are the ranges among the values, in order.
    """

    wanted: Wanted
    values: list[Value]

    @property
    def undecodable(self) -> bool:
        """True if a part would have to be decoded that cannot be."""
        return any(
            isinstance(value, Encoded) and value.encoding is Encoding.UNKNOWN
            for value in self.values
        )


def plan(
    row: MessageRow, sections: Sequence[SectionItem], cached: Sequence[bool]
) -> PlannedMessage:
    """`cached` says of which sections the value can be made of what the row keeps."""
    values: list[Value] = []
    table = None
    for item, kept in zip(sections, cached, strict=True):
        if isinstance(item, BinaryItem):
            table = table or PartTable.decode(row.parts)
            values.append(binary.locate(item, table, len(row.prefix)))
        elif kept and row.fields is not None:
            values.append(finish(item, row.prefix + row.fields))
        elif item.section == _WHOLE:
            values.append(clip((0, row.size), item.partial))
        else:
            table = table or PartTable.decode(row.parts)
            values.append(wanted_range(item, table, len(row.prefix)))
    ranges = [v.span if isinstance(v, Encoded) else v for v in values]
    return PlannedMessage(Wanted(row, [v for v in ranges if isinstance(v, tuple)]), values)


def strings(
    message: PlannedMessage, sections: Sequence[SectionItem], read: Sequence[bytes]
) -> list[bytes]:
    """The nstrings of a message's section items; `read` are the bytes of its ranges."""
    remaining = iter(read)
    made = []
    for item, value in zip(sections, message.values, strict=True):
        if isinstance(item, BinaryItem):
            made.append(_binary(item, value, remaining))
        elif value is None:
            made.append(b"NIL")
        elif isinstance(value, bytes):
            made.append(literal(value))
        else:
            made.append(literal(finish(item, next(remaining))))
    return made


def _binary(item: BinaryItem, value: Value, read: Iterator[bytes]) -> bytes:
    if not isinstance(value, Encoded):
        return binary.missing(item)
    return binary.value(item, value, next(read))
