"""The append-only log of a mailbox and the rows it is folded into.

Every change of a mailbox is one event with one modseq, written under the mailbox's row lock:
append ("a": the rows exist already), flags ("f": set and clear masks for runs of UIDs), expunge
("e"). Rows plus the events after `folded_modseq` are the truth; readers apply them in order.
Applying an event that the rows have already is harmless, so a reader never needs to know.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import cast

from mailserver.storage.database import Connection


class Kind(Enum):
    """What an event does."""

    APPEND = b"a"
    FLAGS = b"f"
    EXPUNGE = b"e"


@dataclass(slots=True)
class Event:
    """One change: `runs` is first, last, first, last, … of UIDs, ascending."""

    modseq: int
    kind: Kind
    runs: Sequence[int]
    set_mask: int = 0
    clear_mask: int = 0

    def ranges(self) -> Iterator[tuple[int, int]]:
        """(first, last) of each run, both inclusive."""
        return zip(self.runs[::2], self.runs[1::2], strict=True)


@dataclass(slots=True)
class Written:
    """What one write does to a mailbox: its event, and what that adds to the row."""

    event: Event
    unseen: int = 0  # to add
    gone: list[int] = field(default_factory=list)  # ids of messages that leave
    keywords: list[str] | None = None  # the table that replaces the present one


@dataclass(slots=True)
class State:
    """A mailbox's row, as far as its readers and writers need it."""

    id: int
    account_id: int
    uid_validity: int
    uid_next: int
    first_recent_uid: int
    highest_modseq: int
    folded_modseq: int
    keywords: list[str]


STATE = """
m.id, m.account_id, m.uid_validity, m.uid_next, m.first_recent_uid, m.highest_modseq,
m.folded_modseq, m.keywords
"""
_STATE = f"SELECT {STATE} FROM mailbox m WHERE m.id = $1"
# Each modseq is one event: the log is whole after $2 if it has the next one.
_EXPUNGED = """
SELECT modseq, kind, runs FROM mailbox_event
WHERE mailbox_id = $1 AND modseq > $2 AND (kind = 'e' OR modseq = $2 + 1)
ORDER BY modseq
"""


_WRITE = """
WITH locked AS MATERIALIZED (
    SELECT id FROM mailbox WHERE id = $1 AND highest_modseq = $2 FOR UPDATE
), recorded AS (
    INSERT INTO mailbox_event (mailbox_id, modseq, kind, runs, set_mask, clear_mask)
    SELECT id, $3, $4, $5, $6, $7 FROM locked
), unfolded AS (
    INSERT INTO mailbox_unfolded (mailbox_id) SELECT id FROM locked ON CONFLICT DO NOTHING
), changed AS (
    UPDATE mailbox m SET
        highest_modseq = $3,
        messages = m.messages - cardinality($9::bigint[]),
        unseen = m.unseen + $8,
        bytes = m.bytes - (
            SELECT coalesce(sum(x.size), 0) FROM unnest($9::bigint[]) AS g (id)
            JOIN message x ON x.id = g.id
        ),
        keywords = coalesce($10, m.keywords)
    FROM locked WHERE m.id = locked.id
    RETURNING m.id
)
SELECT id, (SELECT count(pg_notify('mailbox', payload)) FROM unnest($11::text[]) AS t (payload))
FROM changed
"""


def runs(uids: Iterable[int]) -> list[int]:
    """Ascending UIDs as first, last, first, last, …"""
    result: list[int] = []
    for uid in uids:
        if result and result[-1] + 1 == uid:
            result[-1] = uid
        else:
            result += (uid, uid)
    return result


async def state(c: Connection, mailbox_id: int) -> State | None:
    row = await c.fetchrow(_STATE, mailbox_id)
    return State(**dict(row)) if row else None


async def modseq(c: Connection, mailbox_id: int) -> int | None:
    """The highest; None if the mailbox is gone."""
    value = await c.fetchval("SELECT highest_modseq FROM mailbox WHERE id = $1", mailbox_id)
    return None if value is None else int(value)


async def lock(c: Connection, mailbox_id: int) -> State | None:
    """The mailbox, ours to change until the transaction ends; None when it is gone.

    Whoever locks two mailboxes does it in the order of their ids.
    """
    row = await c.fetchrow(_STATE + " FOR UPDATE", mailbox_id)
    return State(**dict(row)) if row else None


async def rows(
    c: Connection, mailbox_id: int, first: int = 1, last: int = 2**32
) -> Sequence[Sequence[int]]:
    """(uid, message id, flags, modseq) of UIDs first to last, ascending."""
    found = await c.fetch(
        "SELECT uid, message_id, flags, modseq FROM mailbox_message"
        " WHERE mailbox_id = $1 AND uid BETWEEN $2 AND $3 ORDER BY uid",
        mailbox_id,
        first,
        last,
    )
    return cast(Sequence[Sequence[int]], found)


async def since(c: Connection, mailbox_id: int, modseq: int) -> list[Event]:
    """Events after `modseq`, in order."""
    found = await c.fetch(
        "SELECT modseq, kind, runs, set_mask, clear_mask FROM mailbox_event"
        " WHERE mailbox_id = $1 AND modseq > $2 ORDER BY modseq",
        mailbox_id,
        modseq,
    )
    return [
        Event(row["modseq"], Kind(row["kind"]), row["runs"], row["set_mask"], row["clear_mask"])
        for row in found
    ]


async def expunged(c: Connection, mailbox_id: int, modseq: int) -> list[tuple[int, int]] | None:
    """Runs of UIDs expunged after `modseq`, which is less than the mailbox's own.

    None when the log reaches back that far no more: trimming has taken the next event. Between
    the ends of a run there may be UIDs that were expunged before, and none that exist.
    """
    found = await c.fetch(_EXPUNGED, mailbox_id, modseq)
    if not found or found[0]["modseq"] != modseq + 1:
        return None
    events = (row["runs"] for row in found if Kind(row["kind"]) is Kind.EXPUNGE)
    return [pair for runs in events for pair in zip(runs[::2], runs[1::2], strict=True)]


async def write(c: Connection, mailbox_id: int, written: Written, payloads: Sequence[str]) -> bool:
    """Write to a mailbox, in one statement; False if its newest modseq is not the one before.

    Takes the mailbox's row lock. `payloads` are told to other processes at the commit. Outside of
    a transaction it is one: durable when this returns True.
    """
    event = written.event
    row = await c.fetchrow(
        _WRITE,
        *(mailbox_id, event.modseq - 1, event.modseq, event.kind.value, list(event.runs)),
        *(event.set_mask, event.clear_mask, written.unseen, written.gone, written.keywords),
        list(payloads),
    )
    return row is not None


async def first_recent(c: Connection, mailbox_id: int) -> int | None:
    """The first UID that no session was told of; None if the mailbox is gone."""
    value = await c.fetchval("SELECT first_recent_uid FROM mailbox WHERE id = $1", mailbox_id)
    return None if value is None else int(value)


async def claim_recent(c: Connection, mailbox_id: int) -> int | None:
    """Take the \\Recent messages: gives the first recent UID, and none are recent any more."""
    value = await c.fetchval(
        "UPDATE mailbox m SET first_recent_uid = m.uid_next"
        " FROM (SELECT id, first_recent_uid FROM mailbox WHERE id = $1 FOR UPDATE) old"
        " WHERE m.id = old.id AND old.first_recent_uid < m.uid_next"
        " RETURNING old.first_recent_uid",
        mailbox_id,
    )
    return None if value is None else int(value)
