"""Packs: the ready-made bytes of up to 500 messages of a mailbox in one row.

A client that lists a mailbox which this process does not know would cost one look-up for each
message; a pack costs one for 500. Packs are made where somebody has read many messages row by
row, in the background; they are derived and may be missing, overlap, or hold messages that are
gone: readers take from them what they ask for by its message id.
"""

from dataclasses import dataclass
from datetime import datetime

from mailserver.storage.database import Connection, Database
from mailserver.storage.messages import Column

SIZE = 500  # messages in a pack
_WORTH = 100  # fewer stay in their rows
_AT_ONCE = 20 * SIZE  # messages packed in one transaction

_CLAIM = """
DELETE FROM mailbox_unpacked WHERE ctid = (
    SELECT ctid FROM mailbox_unpacked LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING mailbox_id, first_uid, last_uid
"""
# Who wished saw no pack there; if another did too, the same packs are there by now.
_BUILD = f"""
WITH open AS (
    SELECT x.uid, x.message_id FROM mailbox_message x
    WHERE x.mailbox_id = $1 AND x.uid BETWEEN $2 AND $3
    ORDER BY x.uid LIMIT {_AT_ONCE}
), numbered AS (
    SELECT open.uid, (row_number() OVER (ORDER BY open.uid) - 1) / {SIZE} AS place, m.*,
        m.prefix || m.fields AS header
    FROM open JOIN message m ON m.id = open.message_id
), packed AS (
    INSERT INTO mailbox_pack (
        mailbox_id, first_uid, last_uid, message_ids, static_sizes, static,
        bodystructure_sizes, bodystructure, header_sizes, header
    )
    SELECT $1, min(uid), max(uid), array_agg(id ORDER BY uid),
        array_agg(octet_length(static) ORDER BY uid), string_agg(static, '' ORDER BY uid),
        array_agg(octet_length(bodystructure) ORDER BY uid),
        string_agg(bodystructure, '' ORDER BY uid),
        array_agg(coalesce(octet_length(header), -1) ORDER BY uid),
        coalesce(string_agg(header, '' ORDER BY uid), '')
    FROM numbered GROUP BY place HAVING count(*) >= {_WORTH}
    ON CONFLICT DO NOTHING
)
SELECT max(uid) FROM open HAVING count(*) = {_AT_ONCE}
"""
_READ = """
SELECT message_ids, {column}_sizes AS sizes, {column} AS bytes FROM mailbox_pack
WHERE mailbox_id = $1 AND last_uid >= $2 AND first_uid <= $3 AND first_uid >= coalesce((
    SELECT max(first_uid) FROM mailbox_pack WHERE mailbox_id = $1 AND first_uid <= $2
), 0)
ORDER BY first_uid LIMIT $4
"""
_STALE = """
UPDATE mailbox_pack SET stale_at = now()
WHERE mailbox_id = $1 AND stale_at IS NULL AND last_uid >= $2 AND first_uid <= $3
"""

PACKED = frozenset((Column.STATIC, Column.BODYSTRUCTURE, Column.HEADER))


@dataclass(slots=True)
class Pack:
    """One column of a pack: the values one behind the other; size -1: not kept."""

    message_ids: list[int]
    sizes: list[int]
    bytes: bytes


async def read(
    c: Connection, mailbox_id: int, column: Column, first: int, last: int, most: int
) -> list[Pack]:
    """The column, one of PACKED, in the packs with UIDs of first to last, at most `most` packs."""
    sql = _READ.format(column=column.value)
    return [Pack(*row) for row in await c.fetch(sql, mailbox_id, first, last, most)]


async def wish(c: Connection, mailbox_id: int, first: int, last: int) -> None:
    """Ask for packs of the messages with UIDs of first to last."""
    await c.execute(
        "INSERT INTO mailbox_unpacked (mailbox_id, first_uid, last_uid) VALUES ($1, $2, $3)",
        mailbox_id,
        first,
        last,
    )


async def pack_one(database: Database) -> bool:
    """Fulfil a wish, or some of it; False when there is none."""
    async with database.transaction() as c:
        found = await c.fetchrow(_CLAIM)
        if found is None:
            return False
        mailbox_id, first, last = found
        # The mailbox's row keeps its deletion away, which takes the packs along.
        if not await c.fetchval("SELECT 1 FROM mailbox WHERE id = $1 FOR KEY SHARE", mailbox_id):
            return True
        reached = await c.fetchval(_BUILD, mailbox_id, first, last)
        if reached is not None and reached < last:
            await wish(c, mailbox_id, reached + 1, last)
        return True


async def expunged(c: Connection, mailbox_id: int, first: int, last: int) -> None:
    """Mark the packs that hold messages with UIDs of first to last, which are gone."""
    await c.execute(_STALE, mailbox_id, first, last)


async def sweep(database: Database, stale_before: datetime) -> None:
    """Remove the packs that have held expunged messages since before that moment."""
    await database.execute("DELETE FROM mailbox_pack WHERE stale_at < $1", stale_before)
