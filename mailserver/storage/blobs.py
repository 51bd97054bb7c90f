"""Reading message bytes, wherever they are: in the spool or in the object store.

What is read whole is kept in memory for a while: the devices of a user fetch the same new mail one
after the other.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence

from mailserver.objects import ObjectStore
from mailserver.storage.database import Database

_ROW = """
SELECT b.size, b.object,
    CASE WHEN b.object IS NULL THEN substring(s.bytes FROM $2::integer + 1 FOR $3::integer) END
        AS bytes
FROM blob b LEFT JOIN spool s ON s.generation = b.generation AND s.blob_id = b.id
WHERE b.id = $1
"""
_MANY = """
SELECT b.id, b.object, s.bytes
FROM blob b LEFT JOIN spool s ON s.generation = b.generation AND s.blob_id = b.id
WHERE b.id = ANY($1::bigint[])
"""
_WHOLE = 2**31 - 2  # bytes; more than a row can hold


class BlobMissing(Exception):
    """No such blob; its id is the argument."""


def batches(sizes: Sequence[int], most: int) -> Iterator[tuple[int, int]]:
    """Index ranges [start, end) of what is read together: at most `most` bytes each, or one."""
    start = total = 0
    for index, size in enumerate(sizes):
        if index > start and total + size > most:
            yield start, index
            start, total = index, 0
        total += size
    if start < len(sizes):
        yield start, len(sizes)


class Blobs:
    """Bytes of received messages, without the prefixes; `kept` bytes of them stay in memory."""

    def __init__(self, database: Database, objects: ObjectStore, *, kept: int = 0) -> None:
        self._database = database
        self._objects = objects
        self._kept = _Kept(kept)

    async def read(self, blob_id: int, start: int = 0, end: int | None = None) -> bytes:
        """Bytes `start` (inclusive) to `end` (exclusive; None: the last).

        STORAGE EXTERNAL keeps the row's bytes uncompressed, so Postgres reads only the chunks
        of the range. Raises BlobMissing, StorageUnavailable.
        """
        if (whole := self._kept.find(blob_id)) is not None:
            return whole[start:end]
        length = _WHOLE - start if end is None else max(0, end - start)
        row = await self._database.fetchrow(_ROW, blob_id, start, length)
        if row is None:
            raise BlobMissing(blob_id)
        if row["object"] is not None:
            return await self._objects.get(row["object"], start, end)
        if row["bytes"] is None:  # the row is there, its bytes are not
            raise BlobMissing(blob_id)
        return bytes(row["bytes"])

    async def read_many(self, blob_ids: Iterable[int]) -> dict[int, bytes]:
        """Whole blobs by id, in one query; those that do not exist are missing."""
        found: dict[int, bytes] = {}
        missing = []
        for blob_id in blob_ids:
            whole = self._kept.find(blob_id)
            if whole is None:
                missing.append(blob_id)
            else:
                found[blob_id] = whole
        if missing:
            for row in await self._database.fetch(_MANY, missing):
                key = row["object"]
                whole = row["bytes"] if key is None else await self._objects.get(key)
                if whole is None:  # the row is there, its bytes are not
                    continue
                found[row["id"]] = whole
                self._kept.add(row["id"], whole)
        return found


class _Kept:
    """Blobs in memory, at most `limit` bytes; what was used longest ago goes first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._blobs: OrderedDict[int, bytes] = OrderedDict()

    def find(self, blob_id: int) -> bytes | None:
        whole = self._blobs.get(blob_id)
        if whole is not None:
            self._blobs.move_to_end(blob_id)
        return whole

    def add(self, blob_id: int, whole: bytes) -> None:
        if len(whole) > self._limit // 16:
            return  # it would drive out too many others
        self._size += len(whole) - len(self._blobs.pop(blob_id, b""))
        self._blobs[blob_id] = whole
        while self._size > self._limit:
            _, oldest = self._blobs.popitem(last=False)
            self._size -= len(oldest)
