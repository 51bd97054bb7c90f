"""Which bytes of a message a BINARY[section] is, and how they are decoded (RFC 3516 §4.2).

Pure. Offsets as in imap/messages/sections.py.
"""

from dataclasses import dataclass

from imap.messages.sections import Range
from imap.protocol.fetch import BinaryItem
from imap.protocol.strings import literal8
from mailserver.mail.parts import Encoding, Kind, PartTable
from mailserver.mail.transfer_encoding import decoder


@dataclass(slots=True)
class Encoded:
    """Bytes of a message that are to be decoded."""

    span: Range
    encoding: Encoding


def locate(item: BinaryItem, table: PartTable, prefix: int) -> Encoded | None:
    """Where the item lies; None: no such part. `prefix` is the prefix's length in bytes."""
    part = table.part(item.path)
    if part is None:
        return None
    if not item.path:
        # The message with its header has no encoding of its own.
        return Encoded((0, prefix + part.end), Encoding.IDENTITY)
    # RFC 2045 §6.4: what is made of parts is not encoded itself; its parts stay as they are.
    encoding = part.encoding if part.kind is Kind.LEAF else Encoding.IDENTITY
    return Encoded((prefix + part.body, prefix + part.end), encoding)


def value(item: BinaryItem, encoded: Encoded, found: bytes) -> bytes:
    """The item's value of the bytes at its span, as the response has it."""
    decoding = decoder(encoded.encoding)
    whole = decoding.feed(found) + decoding.end()
    if item.size:
        return b"%d" % len(whole)
    if item.partial is not None:
        origin, count = item.partial
        whole = whole[origin : origin + count]
    return literal8(whole)


def missing(item: BinaryItem) -> bytes:
    """The value where there is no such part."""
    return b"0" if item.size else b"NIL"


class Window:
    """Cuts `<origin.count>` out of a stream of decoded pieces."""

    def __init__(self, partial: Range | None) -> None:
        self._skip = partial[0] if partial else 0
        self._room = partial[1] if partial else None

    @property
    def full(self) -> bool:
        """True if nothing more is wanted."""
        return self._room == 0

    def cut(self, piece: bytes) -> bytes:
        """The part of the next piece that is wanted."""
        skipped = min(self._skip, len(piece))
        self._skip -= skipped
        wanted = piece[skipped:] if self._room is None else piece[skipped : skipped + self._room]
        if self._room is not None:
            self._room -= len(wanted)
        return wanted
