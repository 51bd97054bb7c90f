"""Bringing the state of a mailbox up to its log: loading it, catching up, keeping it for others."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

from imap.mailboxes import snapshot
from imap.mailboxes.state import MailboxState
from mailserver.storage import events, snapshots
from mailserver.storage.database import Connection
from mailserver.storage.events import Event, Kind
from mailserver.storage.keywords import SYSTEM_BITS

_WORTH_SAVING = 1_000  # messages or events that a load had to go through one by one

Rows = Sequence[Sequence[int]]


@dataclass(slots=True)
class Loaded:
    """A new state; `taken`: the messages and events that loading it had to go through."""

    state: MailboxState
    taken: int


async def load(c: Connection, mailbox_id: int) -> Loaded | None:
    """Read the rows, in a transaction that sees one moment; None if the mailbox is gone."""
    row = await events.state(c, mailbox_id)
    if row is None:
        return None
    state = MailboxState(row)
    state.load(await events.rows(c, state.id))
    taken = len(state.columns)
    for event in await events.since(c, state.id, row.folded_modseq):
        # Rows of appended messages were in the load; only the modseq moves.
        state.apply(event)
    state.uid_next = row.uid_next
    state.forget((), settled=True)
    return Loaded(state, taken)


async def restore(c: Connection, mailbox_id: int) -> Loaded | None:
    """Take the columns kept of the mailbox, and what happened since; None if they are no use."""
    kept = await snapshots.read(c, mailbox_id)
    columns = None if kept is None else snapshot.decode(kept.columns)
    if kept is None or columns is None:
        return None
    found = await events.since(c, mailbox_id, kept.modseq)
    if (found[0].modseq - 1 if found else kept.state.highest_modseq) != kept.modseq:
        return None  # the log was trimmed
    state = MailboxState(kept.state)
    state.columns, state.modseq = columns, kept.modseq
    taken = await _take(c, state, found)
    state.forget((), settled=True)
    return Loaded(state, taken)


def worth_saving(state: MailboxState, taken: int) -> bool:
    """Whether loading the columns was long work, by what it had to go through (`load`)."""
    return taken >= max(_WORTH_SAVING, len(state.columns) // 10)


async def save(c: Connection, state: MailboxState) -> None:
    """Keep the columns for cold processes."""
    await snapshots.save(c, state.id, state.modseq, snapshot.encode(state.columns))


async def catch_up(c: Connection, state: MailboxState) -> None:
    """Apply what the log has more; the state is `deleted` when that cannot be known any more."""
    found = await events.since(c, state.id, state.modseq)
    if not found and await events.state(c, state.id) is None:
        state.deleted = True
    if found and found[0].modseq > state.modseq + 1:
        # The log was trimmed before we read it: sessions must select the mailbox anew.
        state.deleted = True
        return
    await _take(c, state, found)


async def _take(c: Connection, state: MailboxState, found: Sequence[Event]) -> int:
    """Apply the events that follow the state; gives how many messages and events that were."""
    appended = [event for event in found if event.kind is Kind.APPEND]
    rows: Rows = ()
    if appended:
        rows = await events.rows(c, state.id, appended[0].runs[0], appended[-1].runs[-1])
    await _learn_keywords(c, state, found, rows)
    for event in found:
        state.apply(event, _of(event, rows))
    return len(found) + len(rows)


async def _learn_keywords(
    c: Connection, state: MailboxState, found: Sequence[Event], rows: Rows
) -> None:
    """Read the table of keywords again if `found` uses more of it than is known here."""
    used = 0
    for event in found:
        used |= event.set_mask
    for row in rows:
        used |= row[2]
    if used >> (SYSTEM_BITS + len(state.keywords)):
        mailbox = await events.state(c, state.id)
        if mailbox is not None:
            state.keywords = mailbox.keywords


def _of(event: Event, rows: Rows) -> Rows:
    """The rows, which ascend, of the messages that an event appended."""
    if event.kind is not Kind.APPEND:
        return ()
    start = bisect_left(rows, event.runs[0], key=itemgetter(0))
    return rows[start : bisect_right(rows, event.runs[-1], key=itemgetter(0))]
