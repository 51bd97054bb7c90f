"""The text index in Postgres: packs of each mailbox, what is behind them, what has to leave them.

Invariants: the packs of a mailbox cover its UIDs from 1 on without gap; only the youngest are taken
in by a new one. Nothing here is asked for by a commit: what waits is known from the mailbox's row.
"""

import asyncio
import sys
from array import array
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from mailserver.mail.text_pack import MOST_MESSAGES, Pack, absorbed, merge, without
from mailserver.storage.database import Connection, Record

_WAITING = """
WITH looked_at AS (
    SELECT id, uid_next FROM mailbox WHERE id > $1 ORDER BY id LIMIT $2
)
SELECT l.id, l.uid_next - 1 > coalesce(p.last_uid, 0) AS waits
FROM looked_at l LEFT JOIN LATERAL (
    SELECT last_uid FROM text_pack WHERE mailbox_id = l.id ORDER BY last_uid DESC LIMIT 1
) p ON true
ORDER BY l.id
"""
_BACKLOG = """
SELECT coalesce(sum(m.uid_next - 1 - coalesce((
    SELECT last_uid FROM text_pack WHERE mailbox_id = m.id ORDER BY last_uid DESC LIMIT 1
), 0)), 0)::bigint
FROM mailbox m WHERE m.id = ANY($1::bigint[])
"""
_SUMMARY = """
SELECT
    (SELECT coalesce(sum(messages), 0)::bigint FROM text_pack) AS messages,
    (SELECT coalesce(sum(m.uid_next - 1 - coalesce(p.last_uid, 0)), 0)::bigint
        FROM mailbox m LEFT JOIN (
            SELECT mailbox_id, max(last_uid) AS last_uid FROM text_pack GROUP BY mailbox_id
        ) p ON p.mailbox_id = m.id) AS waiting,
    (SELECT count(*) FROM text_pack) AS packs,
    pg_total_relation_size('text_pack') AS bytes
"""
_TAIL = """
SELECT m.uid_next - 1 AS last_uid, coalesce((
    SELECT last_uid FROM text_pack WHERE mailbox_id = m.id ORDER BY last_uid DESC LIMIT 1
), 0) AS indexed
FROM mailbox m WHERE m.id = $1
"""
_MESSAGES = """
SELECT x.uid, m.id, m.blob_id, m.prefix, m.size, m.parts
FROM mailbox_message x JOIN message m ON m.id = x.message_id
WHERE x.mailbox_id = $1 AND x.uid > $2 AND x.uid <= $3 ORDER BY x.uid LIMIT $4
"""
_PACK = (
    "first_uid, last_uid, messages, uids, partial, frequencies, beginnings, vocabulary, postings"
)
_SIZES = """
SELECT last_uid, messages FROM text_pack WHERE mailbox_id = $1 ORDER BY last_uid DESC LIMIT 64
"""
_ABSORB = f"""
SELECT {_PACK} FROM text_pack WHERE mailbox_id = $1 AND last_uid = ANY($2::bigint[])
ORDER BY last_uid FOR UPDATE
"""
_INSERT = f"""
INSERT INTO text_pack (mailbox_id, {_PACK}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT DO NOTHING RETURNING true
"""
_HOLDING = f"""
SELECT {_PACK} FROM text_pack
WHERE mailbox_id = $1 AND last_uid >= $2 AND first_uid <= $3 ORDER BY last_uid FOR UPDATE
"""
_DELETE = "DELETE FROM text_pack WHERE mailbox_id = $1 AND last_uid = ANY($2::bigint[])"
_PRESENT = """
SELECT count(*) FROM mailbox_message WHERE mailbox_id = $1 AND uid = ANY($2::bigint[])
"""
_KEPT = "SELECT true FROM mailbox WHERE id = $1 FOR KEY SHARE SKIP LOCKED"
_TRIES, _BUSY = 100, 0.02  # seconds between tries: a commit of ingest takes a few milliseconds
_REWRITE = """
UPDATE text_pack SET messages = $3, uids = $4, partial = $5, frequencies = $6, beginnings = $7,
    vocabulary = $8, postings = $9
WHERE mailbox_id = $1 AND last_uid = $2
"""
_VOCABULARIES = """
SELECT last_uid, uids, partial, frequencies, beginnings, vocabulary FROM text_pack
WHERE mailbox_id = $1 ORDER BY last_uid
"""
_POSTINGS = """
SELECT substring(p.postings FROM w.start + 1 FOR w.length) AS octets
FROM unnest($2::bigint[], $3::integer[], $4::integer[]) WITH ORDINALITY
    AS w (last_uid, start, length, place)
JOIN text_pack p ON p.mailbox_id = $1 AND p.last_uid = w.last_uid
ORDER BY w.place
"""


class Overtaken(Exception):
    """Another process changed what a pack was made of."""


@dataclass(slots=True)
class Source:
    """A message to index: where its bytes are, and where in them is text."""

    uid: int
    id: int
    blob_id: int
    prefix: bytes
    size: int
    parts: bytes


@dataclass(slots=True)
class Tail:
    """What of a mailbox is not indexed: UIDs first_uid to last_uid, and messages of the oldest."""

    first_uid: int
    last_uid: int
    sources: list[Source]


@dataclass(slots=True)
class Words:
    """A pack without its postings."""

    last_uid: int
    uids: "array[int]"
    partial: "array[int]"
    frequencies: "array[int]"
    beginnings: "array[int]"
    vocabulary: bytes


async def waiting(c: Connection, after: int, most: int) -> tuple[list[int], int | None]:
    """(mailboxes that wait to be indexed, where to go on) of `most` mailboxes with ids above."""
    rows = await c.fetch(_WAITING, after, most)
    return [row["id"] for row in rows if row["waits"]], rows[-1]["id"] if rows else None


async def tail(c: Connection, mailbox_id: int) -> Tail | None:
    """The oldest messages that are not indexed, one pack's worth; None where nothing waits.

    The caller's snapshot makes the two statements one.
    """
    row = await c.fetchrow(_TAIL, mailbox_id)
    if row is None or row["last_uid"] <= row["indexed"]:
        return None
    found = await c.fetch(_MESSAGES, mailbox_id, row["indexed"], row["last_uid"], MOST_MESSAGES)
    sources = [Source(**dict(one)) for one in found]
    last = sources[-1].uid if len(sources) == MOST_MESSAGES else row["last_uid"]
    return Tail(row["indexed"] + 1, last, sources)


async def add(c: Connection, mailbox_id: int, first_uid: int, last_uid: int, pack: Pack) -> None:
    """Put a pack behind the others, taking in small ones; within the caller's transaction.

    Raises Overtaken when the mailbox is not what it was when its tail was read.
    """
    sizes = await c.fetch(_SIZES, mailbox_id)
    if first_uid != (sizes[0]["last_uid"] if sizes else 0) + 1:
        raise Overtaken
    uids = list(pack.uids)
    if taken := absorbed([row["messages"] for row in sizes], len(uids)):
        ends = [row["last_uid"] for row in sizes[:taken]]
        older = await c.fetch(_ABSORB, mailbox_id, ends)
        if len(older) != taken:
            raise Overtaken
        first_uid = older[0]["first_uid"]
        pack = await asyncio.to_thread(merge, [*(_pack(row) for row in older), pack])
        await c.execute(_DELETE, mailbox_id, ends)
    values = await asyncio.to_thread(_columns, pack)
    if not await c.fetchval(_INSERT, mailbox_id, first_uid, last_uid, *values):
        raise Overtaken
    await _prove(c, mailbox_id, uids)


async def _prove(c: Connection, mailbox_id: int, uids: Sequence[int]) -> None:
    """Text must not come after its removal: raises Overtaken where message or mailbox is gone.

    The mailbox's row is locked for the time of the commit alone, and never waited for: who
    deletes a mailbox holds it and waits for its packs.
    """
    if await c.fetchval(_PRESENT, mailbox_id, uids) != len(uids):
        raise Overtaken
    for _ in range(_TRIES):
        if await c.fetchval(_KEPT, mailbox_id):
            return
        await asyncio.sleep(_BUSY)
    raise Overtaken


async def drop(c: Connection, mailbox_id: int, uids: Collection[int]) -> None:
    """Take messages out of the packs of a mailbox, within the caller's transaction."""
    for row in await c.fetch(_HOLDING, mailbox_id, min(uids), max(uids)):
        gone = frozenset(uids).intersection(_integers(row["uids"]))
        if gone:
            left = await asyncio.to_thread(without, _pack(row), gone)
            await c.execute(_REWRITE, mailbox_id, row["last_uid"], *_columns(left))


async def backlog(c: Connection, mailbox_ids: Sequence[int]) -> int:
    """How many UIDs of these mailboxes are behind their last packs."""
    return int(await c.fetchval(_BACKLOG, mailbox_ids))


async def summary(c: Connection) -> dict[str, int]:
    """What the index holds and takes: messages and packs, octets on disk, what waits."""
    row = await c.fetchrow(_SUMMARY)
    assert row is not None
    return dict(row)


async def mailboxes(c: Connection, account_id: int | None) -> list[int]:
    """The mailboxes of an account, or all."""
    rows = await c.fetch(
        "SELECT id FROM mailbox WHERE $1::bigint IS NULL OR account_id = $1 ORDER BY id", account_id
    )
    return [row["id"] for row in rows]


async def forget(c: Connection, mailbox_id: int) -> None:
    """Drop all packs of a mailbox: everything in it waits again."""
    await c.execute("DELETE FROM text_pack WHERE mailbox_id = $1", mailbox_id)


async def vocabularies(c: Connection, mailbox_id: int) -> list[Words]:
    """The packs of a mailbox without their postings, ascending by UID."""
    rows = await c.fetch(_VOCABULARIES, mailbox_id)
    return [
        Words(
            row["last_uid"],
            *(_integers(row["uids"]), _integers(row["partial"]), _integers(row["frequencies"])),
            _integers(row["beginnings"]),
            row["vocabulary"],
        )
        for row in rows
    ]


async def postings(
    c: Connection, mailbox_id: int, ranges: Sequence[tuple[int, int, int]]
) -> list[bytes]:
    """Ranges of postings (pack's last UID, start, end in octets), in their order.

    Vocabularies and postings belong together: the caller reads both in one snapshot.
    """
    rows = await c.fetch(
        _POSTINGS,
        mailbox_id,
        [last_uid for last_uid, _, _ in ranges],
        [start for _, start, _ in ranges],
        [end - start for _, start, end in ranges],
    )
    return [row["octets"] for row in rows]


def _pack(row: Record) -> Pack:
    return Pack(
        *(_integers(row["uids"]), _integers(row["partial"]), _integers(row["frequencies"])),
        _integers(row["beginnings"]),
        *(row["vocabulary"], row["postings"]),
    )


def _columns(pack: Pack) -> tuple[int, bytes, bytes, bytes, bytes, bytes, bytes]:
    return (
        len(pack.uids),
        *(_octets(pack.uids), _octets(pack.partial), _octets(pack.frequencies)),
        _octets(pack.beginnings),
        *(pack.vocabulary, pack.postings),
    )


def _integers(packed: bytes) -> "array[int]":
    return _little(array("I", packed))


def _octets(values: Iterable[int]) -> bytes:
    return _little(array("I", values)).tobytes()


def _little(values: "array[int]") -> "array[int]":
    if sys.byteorder == "big":
        values.byteswap()
    return values
