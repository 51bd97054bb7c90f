"""Ready-made bytes of messages in memory: rows for few, columns for many.

What is asked of many messages at once (the static items, structures, chosen header fields) is kept
in columns, by message id, so that a batch of 500 is one pass of `map` and no Python for each.
All together is bounded; what came first goes first, which costs a hit nothing.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from mailserver.storage import messages, packs
from mailserver.storage.database import Database
from mailserver.storage.messages import Column, MessageRow

_OVERHEAD = 150  # bytes of memory that an entry takes beside its value's
_FEW = 50  # messages: for fewer no pack is read
_PACKS_AT_ONCE = 8
_LABELS = 32  # kinds of made values that are kept
_WISHED = 500  # messages read one by one in a command that are worth packs


@dataclass(slots=True)
class Batch:
    """Messages of one mailbox whose bytes are asked for, ascending."""

    mailbox_id: int
    uids: Sequence[int]
    message_ids: Sequence[int]


@dataclass(slots=True)
class RowByRow:
    """What a command had to read row by row, though packs would have served it."""

    count: int = 0
    first: int = 0
    last: int = 0

    def add(self, uids: Sequence[int]) -> None:
        self.first = self.first or uids[0]
        self.last = uids[-1]
        self.count += len(uids)


class MessageCache:
    """Rows and columns of messages, at most `limit` bytes of them."""

    def __init__(self, database: Database, limit: int) -> None:
        self._database = database
        self._limit = limit
        self.size = 0  # bytes
        self._rows: OrderedDict[int, MessageRow] = OrderedDict()
        self._columns: dict[Column, OrderedDict[int, bytes]] = {
            which: OrderedDict() for which in Column
        }
        self._made: OrderedDict[object, OrderedDict[int, bytes]] = OrderedDict()

    async def read(self, message_ids: Sequence[int]) -> dict[int, MessageRow]:
        """The rows by id; one that was removed meanwhile is missing."""
        rows = list(map(self._rows.get, message_ids))
        found = {row.id: row for row in rows if row is not None}
        if len(found) < len(rows):
            missing = [key for key in message_ids if key not in found]
            async with self._database.connection() as c:
                read = await messages.read(c, missing)
            for row in read.values():
                self._keep(self._rows, row.id, row, row.weight)
            found.update(read)
        return found

    async def column(self, which: Column, batch: Batch, row_by_row: RowByRow) -> list[bytes] | None:
        """The values of all messages, none of them empty; None if one has none or is gone."""
        kept = self._columns[which]
        values = list(map(kept.get, batch.message_ids))
        if all(values):
            return values  # type: ignore[return-value]
        found = await self._read_column(which, batch, values, row_by_row)
        # What was just read may have gone again where the limit is small: `found` has it still.
        merged = [
            value or found.get(key) for key, value in zip(batch.message_ids, values, strict=True)
        ]
        return merged if all(merged) else None  # type: ignore[return-value]

    async def made(
        self,
        label: object,
        batch: Batch,
        row_by_row: RowByRow,
        make: Callable[[Sequence[bytes]], Sequence[bytes]],
    ) -> list[bytes] | None:
        """What `make` makes of the messages' headers, kept under `label`; None as `column`."""
        kept = self._labelled(label)
        values = list(map(kept.get, batch.message_ids))
        if all(values):
            return values  # type: ignore[return-value]
        headers = await self.column(Column.HEADER, batch, row_by_row)
        if headers is None:
            return None
        made = list(make(headers))
        for key, value in zip(batch.message_ids, made, strict=True):
            self._keep(kept, key, value, len(value) + _OVERHEAD)
        return made

    async def wish(self, mailbox_id: int, row_by_row: RowByRow) -> None:
        """Ask for packs, if a command would have gained by them."""
        if row_by_row.count >= _WISHED:
            async with self._database.connection() as c:
                await packs.wish(c, mailbox_id, row_by_row.first, row_by_row.last)

    async def _read_column(
        self, which: Column, batch: Batch, values: Sequence[bytes | None], row_by_row: RowByRow
    ) -> dict[int, bytes]:
        places = [place for place, value in enumerate(values) if not value]
        found: dict[int, bytes] = {}
        kept = self._columns[which]
        async with self._database.connection() as c:
            if len(places) >= _FEW and which in packs.PACKED:
                first, last = batch.uids[places[0]], batch.uids[places[-1]]
                for pack in await packs.read(
                    c, batch.mailbox_id, which, first, last, _PACKS_AT_ONCE
                ):
                    found.update(_unpacked(pack))
                places = [place for place in places if batch.message_ids[place] not in found]
            if places:
                ids = [batch.message_ids[place] for place in places]
                found.update(await messages.column(c, which, ids))
                if which in packs.PACKED:
                    row_by_row.add([batch.uids[place] for place in places])
        for key, value in found.items():
            self._keep(kept, key, value, len(value) + _OVERHEAD)
        return found

    def _labelled(self, label: object) -> "OrderedDict[int, bytes]":
        """The made values of a kind; what was asked for longest ago makes room."""
        kept = self._made.setdefault(label, OrderedDict())
        self._made.move_to_end(label)
        if len(self._made) > _LABELS:
            _, oldest = self._made.popitem(last=False)
            self.size -= sum(map(len, oldest.values())) + _OVERHEAD * len(oldest)
        return kept

    def _keep(self, kept: "OrderedDict[int, Any]", key: int, value: object, weight: int) -> None:
        if key not in kept:
            self.size += weight
        kept[key] = value
        while self.size > self._limit:
            self._forget_one()

    def _forget_one(self) -> None:
        """The oldest entry of the largest kind goes."""
        kinds = [*self._columns.values(), *self._made.values()]
        largest: OrderedDict[int, Any] = max((self._rows, *kinds), key=len)
        _, value = largest.popitem(last=False)
        self.size -= value.weight if isinstance(value, MessageRow) else len(value) + _OVERHEAD


def _unpacked(pack: packs.Pack) -> dict[int, bytes]:
    ends = accumulate((max(size, 0) for size in pack.sizes), initial=0)
    return {
        key: pack.bytes[start:end]
        for key, (start, end) in zip(pack.message_ids, pairwise(ends), strict=True)
        if end > start
    }
