"""SQL of the group commit: everything a batch of arrivals writes, in one statement.

One statement is one round trip and, on its own, one transaction: the answer to it is the commit's.
A mailbox is touched once per batch, whatever arrives for it. The columns of all rows go over as
arrays, in binary. Rows for the queue are copied beside it, in a transaction with it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mailserver.storage.database import Connection
from mailserver.storage.terms import TERMS

GENERATION = 1  # the spool partition that is written to
ID_BLOCK = 1024

# Locks in id order, so that two processes' batches can not deadlock.
_LOCKED = """
WITH wanted AS (
    SELECT * FROM unnest($1::bigint[], $2::integer[], $3::integer[], $4::bigint[])
        AS w (id, messages, unseen, bytes)
), locked AS MATERIALIZED (
    SELECT m.id FROM mailbox m WHERE m.id = ANY($1) ORDER BY m.id FOR UPDATE
)"""
_COUNTED = """
UPDATE mailbox m SET
    uid_next = m.uid_next + w.messages,
    highest_modseq = m.highest_modseq + 1,
    -- An append is in the rows from the start: nothing to fold, unless something waits already.
    folded_modseq = m.folded_modseq + (m.folded_modseq = m.highest_modseq)::integer,
    messages = m.messages + w.messages,
    unseen = m.unseen + w.unseen,
    bytes = m.bytes + w.bytes
FROM wanted w JOIN locked USING (id)
WHERE m.id = w.id"""

# All or nothing: when a mailbox does not exist any more, `complete` is false and no row is written.
_PLACE = f"""{_LOCKED}, complete AS MATERIALIZED (
    SELECT count(*) = cardinality($1) AS yes FROM locked
), advanced AS (
    {_COUNTED} AND (SELECT yes FROM complete)
    RETURNING m.id, m.uid_validity, m.uid_next - w.messages AS uid, w.messages,
        m.highest_modseq AS modseq
), new_blob AS (
    INSERT INTO blob (id, organization_id, size, digest, generation, object)
    SELECT b.* FROM unnest(
            $5::bigint[], $6::bigint[], $7::bigint[], $8::bytea[], $9::smallint[], $10::text[]
        ) AS b, complete WHERE yes
), new_spool AS (
    INSERT INTO spool (generation, blob_id, bytes)
    SELECT s.* FROM unnest($11::smallint[], $12::bigint[], $13::bytea[]) AS s, complete WHERE yes
), new_message AS (
    INSERT INTO message (
        id, blob_id, prefix, size, internal_date, static, body, bodystructure, fields, parts,
        sent_at, preview, thread_id
    )
    SELECT m.* FROM unnest(
            $14::bigint[], $15::bigint[], $16::bytea[], $17::bigint[], $18::timestamptz[],
            $19::bytea[], $20::bytea[], $21::bytea[], $22::bytea[], $23::bytea[],
            $24::timestamptz[], $25::bytea[], $26::bigint[]
        ) AS m, complete WHERE yes
), new_placement AS (
    INSERT INTO mailbox_message (mailbox_id, uid, message_id, flags, modseq)
    SELECT a.id, a.uid + p.place, p.message_id, p.flags, a.modseq
    FROM unnest($27::bigint[], $28::bigint[], $29::bigint[], $30::bigint[])
        AS p (mailbox_id, place, message_id, flags)
    JOIN advanced a ON a.id = p.mailbox_id
), new_event AS (
    INSERT INTO mailbox_event (mailbox_id, modseq, kind, runs)
    SELECT id, modseq, 'a', ARRAY[uid, uid + messages - 1] FROM advanced
)
-- No payload is a payload, too: "" tells everybody that any mailbox may have changed.
SELECT id, uid_validity, uid,
    CASE WHEN told.payload IS NOT NULL THEN pg_notify('mailbox', told.payload) END
FROM advanced FULL JOIN unnest($31::text[]) AS told (payload) ON false
WHERE (SELECT yes FROM complete)
"""

_COPY = """
WITH locked AS MATERIALIZED (
    SELECT id FROM mailbox WHERE id = $1 FOR UPDATE
), copied AS MATERIALIZED (
    SELECT p.message_id, p.flags, p.place, x.size
    FROM unnest($2::bigint[], $3::bigint[]) WITH ORDINALITY AS p (message_id, flags, place)
    LEFT JOIN message x ON x.id = p.message_id
), advanced AS (
    UPDATE mailbox m SET
        uid_next = m.uid_next + cardinality($2),
        highest_modseq = m.highest_modseq + 1,
        folded_modseq = m.folded_modseq + (m.folded_modseq = m.highest_modseq)::integer,
        messages = m.messages + cardinality($2),
        unseen = m.unseen + $4,
        bytes = m.bytes + (SELECT coalesce(sum(size), 0) FROM copied)
    FROM locked WHERE m.id = locked.id
    RETURNING m.id, m.uid_validity, m.uid_next - cardinality($2) AS uid, m.highest_modseq AS modseq
), placed AS (
    INSERT INTO mailbox_message (mailbox_id, uid, message_id, flags, modseq)
    SELECT a.id, a.uid + p.place - 1, p.message_id, p.flags, a.modseq FROM copied p, advanced a
), recorded AS (
    INSERT INTO mailbox_event (mailbox_id, modseq, kind, runs)
    SELECT id, modseq, 'a', ARRAY[uid, uid + cardinality($2) - 1] FROM advanced
)
SELECT uid_validity, uid, modseq,
    (SELECT count(pg_notify('mailbox', payload)) FROM unnest($5::text[]) AS t (payload))
FROM advanced
"""

_COLUMNS = {
    "queue_message": (
        *("id", "organization_id", "account_id", "blob_id", "prefix", "sender", "size"),
        *("smtputf8", "eight_bit", "expires_at", *TERMS),
    ),
    "queue_recipient": ("queue_id", "recipient", "domain"),
}

# Few recipients ask for anything: they are kept out of the COPY of the others.
_ADD_ASKING = """
INSERT INTO queue_recipient
    (queue_id, recipient, domain, notify, original_recipient, done, next_attempt_at)
SELECT queue_id, recipient, domain, notify, original_recipient, done, coalesce(held, now())
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
        $7::timestamptz[])
    AS a (queue_id, recipient, domain, notify, original_recipient, done, held)
"""

Row = tuple[object, ...]


@dataclass(slots=True)
class Rows:
    """What a batch writes; the columns of each kind are those of the statement above."""

    blobs: list[Row]
    spool: list[Row]
    messages: list[Row]
    placements: list[Row]  # mailbox id, place within the batch's messages for it, message id, flags
    payloads: list[str]  # of the notifications to other processes


@dataclass(slots=True)
class Place:
    """What a mailbox gave to a batch: `uid` is the first of the UIDs reserved."""

    uid_validity: int
    uid: int


@dataclass(slots=True)
class PlacedCopies:
    """The first of the UIDs that the target gave, and its modseq after that."""

    uid_validity: int
    uid: int
    modseq: int


async def new_ids(c: Connection) -> range:
    """A block of ids no other process has."""
    block = int(await c.fetchval("SELECT nextval('id_block')"))
    return range(block * ID_BLOCK, (block + 1) * ID_BLOCK)


async def place(
    c: Connection, mailboxes: dict[int, tuple[int, int, int]], rows: Rows
) -> dict[int, Place] | None:
    """Write the batch: `mailboxes` is id → (messages, unseen, bytes) to add. Gives id → Place.

    None when one of the mailboxes does not exist any more: nothing was written then.
    """
    ids = sorted(mailboxes)
    found = await c.fetch(
        _PLACE,
        *_columns([(key, *mailboxes[key]) for key in ids], 4),
        *_columns(rows.blobs, 6),
        *_columns(rows.spool, 3),
        *_columns(rows.messages, 13),
        *_columns(rows.placements, 4),
        rows.payloads,
    )
    places = {row[0]: Place(row[1], row[2]) for row in found if row[0] is not None}
    return places if len(places) == len(ids) else None


async def place_copies(
    c: Connection,
    mailbox_id: int,
    message_ids: Sequence[int],
    flags: Sequence[int],
    unseen: int,
    payloads: Sequence[str],
) -> PlacedCopies | None:
    """Place messages that exist already, in their order; None if the mailbox does not exist."""
    row = await c.fetchrow(_COPY, mailbox_id, message_ids, flags, unseen, payloads)
    return None if row is None else PlacedCopies(row[0], row[1], row[2])


def _columns(rows: Sequence[Row], count: int) -> Iterable[Sequence[object]]:
    return zip(*rows, strict=True) if rows else ((),) * count


async def existing(c: Connection, mailbox_ids: Iterable[int]) -> set[int]:
    """Those of the mailboxes that exist."""
    rows = await c.fetch("SELECT id FROM mailbox WHERE id = ANY($1)", list(mailbox_ids))
    return {row["id"] for row in rows}


async def lock(c: Connection, mailbox_ids: Iterable[int]) -> dict[int, list[str]]:
    """Lock mailboxes in the order of ids until the transaction ends; gives id → keywords."""
    rows = await c.fetch(
        "SELECT id, keywords FROM mailbox WHERE id = ANY($1) ORDER BY id FOR UPDATE",
        sorted(mailbox_ids),
    )
    return {row["id"]: row["keywords"] for row in rows}


async def set_keywords(c: Connection, mailbox_id: int, keywords: Sequence[str]) -> None:
    """Replace the keyword table of a mailbox whose lock the caller holds."""
    await c.execute("UPDATE mailbox SET keywords = $2 WHERE id = $1", mailbox_id, keywords)


async def queue(
    c: Connection, messages: Sequence[Row], recipients: Sequence[Row], asking: Sequence[Row]
) -> None:
    """Append to the queue, in the order of the tables' columns above, by binary COPY.

    `asking` are the recipients that something is asked for: id of the message, address, domain,
    NOTIFY, ORCPT, what is done, until when they are held.
    """
    for table, rows in (("queue_message", messages), ("queue_recipient", recipients)):
        await c.copy_records_to_table(table, records=rows, columns=list(_COLUMNS[table]))
    if asking:
        await c.execute(_ADD_ASKING, *_columns(asking, 7))


async def notify(c: Connection, channel: str, payload: str) -> None:
    """Tell every listener when this transaction commits."""
    await c.execute("SELECT pg_notify($1, $2)", channel, payload)
