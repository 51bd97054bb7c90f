"""Removing what nobody can reach any more: messages without placements, blobs without messages.

Two steps, each in its own transaction and each deciding again what is unreferenced: a message
goes when it lost a placement long enough ago and has none now; a blob goes when neither a message
nor the queue names it. What is referenced can not be removed.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from mailserver.storage import text_packs
from mailserver.storage.database import Connection, Database, Record
from mailserver.storage.folding import KEPT_EVENTS

_BATCH = 1_000

# COPY only takes messages that have a placement, so a message that has had none for the whole
# retention time gets none again: no lock is needed between the two.
_CANDIDATES = """
DELETE FROM message_released WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM message_released WHERE released_at < $1 ORDER BY released_at LIMIT $2
)) RETURNING message_id, mailbox_id, uid
"""
_REMOVE = """
DELETE FROM message m WHERE m.id = ANY($1::bigint[])
    AND NOT EXISTS (SELECT 1 FROM mailbox_message x WHERE x.message_id = m.id)
RETURNING m.blob_id
"""
_FINISHED = """
DELETE FROM queue_message q WHERE q.id IN (
    SELECT queue_id FROM queue_recipient GROUP BY queue_id
    HAVING bool_and(state IN ('delivered', 'bounced', 'removed')) AND max(finished_at) < $1
    LIMIT $2
) RETURNING q.blob_id
"""
_BLOBS = """
WITH gone AS (
    DELETE FROM blob b WHERE b.id = ANY($1::bigint[])
        AND NOT EXISTS (SELECT 1 FROM message m WHERE m.blob_id = b.id)
        AND NOT EXISTS (SELECT 1 FROM queue_message q WHERE q.blob_id = b.id)
    RETURNING b.id, b.generation, b.object
), emptied AS (
    DELETE FROM spool s USING gone WHERE s.generation = gone.generation AND s.blob_id = gone.id
)
SELECT object FROM gone WHERE object IS NOT NULL
"""
_TRIM = """
DELETE FROM mailbox_event e USING mailbox m
WHERE m.id = e.mailbox_id AND e.modseq <= m.folded_modseq AND e.modseq < m.highest_modseq - $1
"""


@dataclass(slots=True)
class Swept:
    """What one sweep removed; `objects` are keys whose rows are gone and which may go now."""

    messages: int
    blobs: int
    objects: list[str]


async def sweep_messages(database: Database, released_before: datetime) -> Swept:
    """Remove up to 1,000 messages that lost their last placement before that moment.

    Their words leave the text index with them; those of a copy stay, in the packs of its mailbox.
    """
    async with database.transaction() as c:
        rows = await c.fetch(_CANDIDATES, released_before, _BATCH)
        ids = sorted({row["message_id"] for row in rows})
        await _drop_texts(c, rows)
        blobs = [row["blob_id"] for row in await c.fetch(_REMOVE, ids)]
        return await _sweep_blobs(c, blobs, messages=len(blobs))


async def sweep_queue(database: Database, finished_before: datetime) -> Swept:
    """Remove up to 1,000 queued messages all of whose recipients were done before that moment."""
    async with database.transaction() as c:
        rows = await c.fetch(_FINISHED, finished_before, _BATCH)
        return await _sweep_blobs(c, [row["blob_id"] for row in rows], messages=len(rows))


async def trim_events(database: Database) -> None:
    """Drop folded events that are far behind in their mailbox."""
    await database.execute(_TRIM, KEPT_EVENTS)


async def _drop_texts(c: Connection, released: list[Record]) -> None:
    uids: dict[int, set[int]] = defaultdict(set)
    for row in released:
        if row["mailbox_id"] is not None:  # else its packs went with the mailbox
            uids[row["mailbox_id"]].add(row["uid"])
    for mailbox_id in sorted(uids):
        await text_packs.drop(c, mailbox_id, uids[mailbox_id])


async def _sweep_blobs(c: Connection, blob_ids: list[int], *, messages: int) -> Swept:
    rows = await c.fetch(_BLOBS, sorted(set(blob_ids)))
    return Swept(messages, len(set(blob_ids)), [row["object"] for row in rows])
