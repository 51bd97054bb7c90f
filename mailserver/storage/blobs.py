"""Reading message bytes, wherever they are: in the spool or in the object store."""

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


class Blobs:
    """Bytes of received messages, without the prefixes."""

    def __init__(self, database: Database, objects: ObjectStore) -> None:
        self._database = database
        self._objects = objects

    async def read(self, blob_id: int, start: int = 0, end: int | None = None) -> bytes:
        """Bytes `start` (inclusive) to `end` (exclusive; None: the last).

        STORAGE EXTERNAL keeps the row's bytes uncompressed, so Postgres reads only the chunks
        of the range. Raises BlobMissing, StorageUnavailable.
        """
        length = _WHOLE - start if end is None else max(0, end - start)
        row = await self._database.fetchrow(_ROW, blob_id, start, length)
        if row is None:
            raise BlobMissing(blob_id)
        if row["object"] is not None:
            return await self._objects.get(row["object"], start, end)
        if row["bytes"] is None:  # the row is there, its bytes are not
            raise BlobMissing(blob_id)
        return bytes(row["bytes"])

    async def read_many(self, blob_ids: list[int]) -> dict[int, bytes]:
        """Whole blobs by id, in one query; those that do not exist are missing."""
        rows = await self._database.fetch(_MANY, blob_ids)
        found = {}
        for row in rows:
            key = row["object"]
            found[row["id"]] = row["bytes"] if key is None else await self._objects.get(key)
        return found
