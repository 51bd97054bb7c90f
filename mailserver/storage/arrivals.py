"""SQL of the group commit: everything a batch of arrivals writes, in one transaction.

Rows go in by binary COPY; a mailbox is touched once per batch, whatever arrives for it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mailserver.storage.database import Connection
from mailserver.storage.terms import TERMS

GENERATION = 1  # the spool partition that is written to
ID_BLOCK = 1024

# Locks in id order, so that two processes' batches can not deadlock.
_ADVANCE = """
WITH wanted AS (
    SELECT * FROM unnest($1::bigint[], $2::integer[], $3::integer[], $4::bigint[])
        AS w (id, messages, unseen, bytes)
), locked AS MATERIALIZED (
    SELECT m.id FROM mailbox m WHERE m.id = ANY($1) ORDER BY m.id FOR UPDATE
)
UPDATE mailbox m SET
    uid_next = m.uid_next + w.messages,
    highest_modseq = m.highest_modseq + 1,
    -- An append is in the rows from the start: nothing to fold, unless something waits already.
    folded_modseq = m.folded_modseq + (m.folded_modseq = m.highest_modseq)::integer,
    messages = m.messages + w.messages,
    unseen = m.unseen + w.unseen,
    bytes = m.bytes + w.bytes
FROM wanted w JOIN locked USING (id) WHERE m.id = w.id
RETURNING m.id, m.uid_validity, m.uid_next - w.messages AS uid, m.highest_modseq AS modseq,
    m.keywords
"""

_COLUMNS = {
    "blob": ("id", "organization_id", "size", "digest", "generation", "object"),
    "spool": ("generation", "blob_id", "bytes"),
    "message": (
        *("id", "blob_id", "prefix", "size", "internal_date", "static", "body"),
        *("bodystructure", "fields", "parts", "sent_at"),
    ),
    "mailbox_message": ("mailbox_id", "uid", "message_id", "flags", "modseq"),
    "mailbox_event": ("mailbox_id", "modseq", "kind", "runs"),
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


@dataclass(slots=True)
class Advance:
    """What a mailbox gave to a batch: `uid` is the first of the UIDs reserved."""

    id: int
    uid_validity: int
    uid: int
    modseq: int
    keywords: list[str]


async def new_ids(c: Connection) -> range:
    """A block of ids no other process has."""
    block = int(await c.fetchval("SELECT nextval('id_block')"))
    return range(block * ID_BLOCK, (block + 1) * ID_BLOCK)


async def advance(c: Connection, mailboxes: dict[int, tuple[int, int, int]]) -> dict[int, Advance]:
    """Reserve UIDs and one modseq in each mailbox: id → (messages, unseen, bytes) to add.

    A mailbox that does not exist any more is missing from the answer.
    """
    ids = sorted(mailboxes)
    rows = await c.fetch(_ADVANCE, ids, *zip(*(mailboxes[key] for key in ids), strict=True))
    return {row["id"]: Advance(**dict(row)) for row in rows}


async def set_keywords(c: Connection, mailbox_id: int, keywords: Sequence[str]) -> None:
    """Replace the keyword table of a mailbox whose lock the caller holds."""
    await c.execute("UPDATE mailbox SET keywords = $2 WHERE id = $1", mailbox_id, keywords)


async def copy(c: Connection, table: str, rows: Iterable[tuple[object, ...]]) -> None:
    """Append `rows`, in the order of the table's columns above, by binary COPY."""
    if records := list(rows):
        await c.copy_records_to_table(table, records=records, columns=list(_COLUMNS[table]))


async def add_asking(c: Connection, rows: Iterable[tuple[object, ...]]) -> None:
    """Append recipients to the queue: id of the message, address, domain, NOTIFY, ORCPT, what is
    done, until when they are held."""
    if columns := list(zip(*rows, strict=True)):
        await c.execute(_ADD_ASKING, *columns)


async def notify(c: Connection, channel: str, payload: str) -> None:
    """Tell every listener when this transaction commits."""
    await c.execute("SELECT pg_notify($1, $2)", channel, payload)
