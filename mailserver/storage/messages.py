"""Reading what ingest made of each message: ready bytes for FETCH, and where the bytes are."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from mailserver.storage.database import Connection


@dataclass(slots=True)
class MessageRow:
    """A message's ready-made bytes; offsets in `parts` count within the blob, without `prefix`."""

    id: int
    blob_id: int
    prefix: bytes
    size: int
    internal_date: datetime
    static: bytes
    body: bytes
    bodystructure: bytes
    fields: bytes | None
    parts: bytes
    sent_at: datetime | None
    thread_id: int | None = None

    @property
    def thread(self) -> bytes:
        """What FETCH tells as THREADID."""
        return b"NIL" if self.thread_id is None else b"(T%d)" % self.thread_id

    @property
    def weight(self) -> int:
        """About how many bytes of memory it takes."""
        return 400 + sum(
            len(value or b"")
            for value in (
                *(self.prefix, self.static, self.body, self.bodystructure, self.fields),
                self.parts,
            )
        )


class Column(Enum):
    """Ready-made bytes that are asked for of many messages at once."""

    STATIC = "static"
    BODY = "body"
    BODYSTRUCTURE = "bodystructure"
    THREAD = "thread"  # as `MessageRow.thread`
    HEADER = "header"  # the prefix and the kept fields; not there when those are too large


_EXPRESSIONS = {
    Column.HEADER: "prefix || fields",
    Column.THREAD: "convert_to(coalesce('(T' || thread_id || ')', 'NIL'), 'UTF8')",
}


async def column(c: Connection, which: Column, message_ids: list[int]) -> list[tuple[int, bytes]]:
    """(id, value) of the messages that exist and have it."""
    expression = _EXPRESSIONS.get(which, which.value)
    rows = await c.fetch(
        f"SELECT id, {expression} FROM message WHERE id = ANY($1::bigint[])", message_ids
    )
    return [(key, value) for key, value in rows if value is not None]


async def read(c: Connection, message_ids: list[int]) -> dict[int, MessageRow]:
    """Messages by id; those that do not exist (any more) are missing."""
    rows = await c.fetch(
        "SELECT id, blob_id, prefix, size, internal_date, static, body, bodystructure, fields,"
        " parts, sent_at, thread_id FROM message WHERE id = ANY($1::bigint[])",
        message_ids,
    )
    return {row["id"]: MessageRow(**dict(row)) for row in rows}


async def previews(c: Connection, message_ids: list[int]) -> dict[int, bytes | None]:
    """What FETCH tells as PREVIEW, by id; None: the message came before previews were kept."""
    rows = await c.fetch(
        "SELECT id, preview FROM message WHERE id = ANY($1::bigint[])", message_ids
    )
    return {row["id"]: row["preview"] for row in rows}


async def total_size(c: Connection, message_ids: list[int]) -> int:
    """Bytes of the messages together, each counted once per mention."""
    value = await c.fetchval(
        "SELECT coalesce(sum(m.size), 0)::bigint"
        " FROM unnest($1::bigint[]) AS w (id) JOIN message m USING (id)",
        message_ids,
    )
    return int(value)
