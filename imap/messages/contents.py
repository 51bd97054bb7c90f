"""Reading ranges of messages, in batches that are bounded in bytes.

Offsets count in the message as served, prefix first (sections.py). A small message is read whole,
many in one query; of a large one only the ranges are read.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

from imap.messages.binary import Encoded, Window
from imap.messages.sections import Range
from mailserver.logs import logger
from mailserver.mail.transfer_encoding import decoder
from mailserver.objects.interface import ObjectMissing
from mailserver.storage.blobs import BlobMissing, Blobs, batches
from mailserver.storage.messages import MessageRow

_SMALL = 32 * 1024  # bytes: reading more of a message than was asked for costs less than a query
_GAP = 4 * 1024  # bytes: the same, between two ranges
BATCH = 1 << 20  # bytes read at once, but for a message that alone needs more

log = logger("imap")


@dataclass(slots=True)
class Wanted:
    """Ranges of one message."""

    row: MessageRow
    ranges: list[Range]

    @property
    def whole(self) -> bool:
        """True if the message is read whole."""
        return self.row.size <= _SMALL or 2 * self.length >= self.row.size

    @property
    def weight(self) -> int:
        """Bytes in memory once it is loaded."""
        if not self.ranges:
            return 0
        return self.row.size if self.whole else self.length

    @property
    def length(self) -> int:
        """Bytes asked for."""
        return sum(end - start for start, end in self.ranges)

    @property
    def received(self) -> bool:
        """True if any range reaches beyond the prefix, so that something has to be read."""
        prefix = len(self.row.prefix)
        return any(end > prefix and end > start for start, end in self.ranges)


def groups(wanted: Sequence[Wanted], most: int = BATCH) -> Iterator[tuple[int, int]]:
    """Index ranges [start, end) that cover `wanted`: at most `most` bytes each, or one message."""
    return batches([one.weight for one in wanted], most)


async def load(blobs: Blobs, wanted: Sequence[Wanted]) -> list[list[bytes] | None]:
    """The bytes of each message's ranges; None for a message whose bytes are gone.

    All is in memory at the same time: see `groups`. Raises StorageUnavailable.
    """
    together = {one.row.blob_id for one in wanted if one.whole and one.received}
    found = await _read_many(blobs, sorted(together))
    result: list[list[bytes] | None] = []
    for one in wanted:
        if not one.received:
            result.append([one.row.prefix[start:end] for start, end in one.ranges])
        elif not one.whole:
            result.append(await _read_ranges(blobs, one))
        elif (content := found.get(one.row.blob_id)) is not None:
            result.append([_served(one.row.prefix, content, span) for span in one.ranges])
        else:
            result.append(None)
        if result[-1] is None:
            # Expunged and removed between two queries, or lost: then this line is the trace.
            log.warning("message bytes are gone", message=one.row.id, blob=one.row.blob_id)
    return result


async def read(blobs: Blobs, row: MessageRow, span: Range) -> bytes:
    """One range of a message. Raises BlobMissing, ObjectMissing, StorageUnavailable."""
    start, end = span
    prefix = len(row.prefix)
    head = row.prefix[start:end]
    if end <= max(start, prefix):
        return head
    return head + await blobs.read(row.blob_id, max(0, start - prefix), end - prefix)


async def decoded(
    blobs: Blobs, row: MessageRow, encoded: Encoded, partial: Range | None, piece: int
) -> AsyncIterator[bytes]:
    """A part without its encoding, or bytes `partial` of that; reads `piece` bytes at a time.

    Raises as `read`.
    """
    decoding, window = decoder(encoded.encoding), Window(partial)
    start, end = encoded.span
    for place in range(start, end, piece):
        found = await read(blobs, row, (place, min(place + piece, end)))
        yield window.cut(decoding.feed(found))
        if window.full:
            return
    yield window.cut(decoding.end())


def _served(prefix: bytes, content: bytes, span: Range) -> bytes:
    start, end = span
    head = len(prefix)
    if start >= head:
        return content[start - head : end - head]
    return prefix[start:end] + content[: max(0, end - head)]


async def _read_many(blobs: Blobs, blob_ids: list[int]) -> dict[int, bytes]:
    if not blob_ids:
        return {}
    try:
        return await blobs.read_many(blob_ids)
    except ObjectMissing:
        # One is gone: the others are still to be had.
        found = {}
        for blob_id in blob_ids:
            try:
                found[blob_id] = await blobs.read(blob_id)
            except (BlobMissing, ObjectMissing):
                continue
        return found


async def _read_ranges(blobs: Blobs, one: Wanted) -> list[bytes] | None:
    pieces: dict[Range, bytes] = {}
    try:
        for (start, end), spans in _together(one.ranges):
            content = await read(blobs, one.row, (start, end))
            pieces.update({span: content[span[0] - start : span[1] - start] for span in spans})
    except (BlobMissing, ObjectMissing):
        return None
    return [pieces[span] for span in one.ranges]


def _together(ranges: Sequence[Range]) -> Iterator[tuple[Range, list[Range]]]:
    """Ranges that lie near each other, and the range to read for them."""
    start = end = 0
    near: list[Range] = []
    for span in sorted(ranges):
        if near and span[0] > end + _GAP:
            yield (start, end), near
            near = []
        if not near:
            start = end = span[0]
        end = max(end, span[1])
        near.append(span)
    if near:
        yield (start, end), near
