"""An open mailbox: its state in memory, kept true by Postgres, changed only through it.

A write decides on the state (writing.py), appends one event under the mailbox's row lock, if nobody
else has written meanwhile, and after the commit applies it to the state. If somebody has, it takes
the lock first, catches up with the log and decides again: the row lock is the one order of writes
for all processes.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from imap import following
from imap.columns import MAX_UID, SEEN, Entry
from imap.mailbox import MailboxState
from imap.view import View
from imap.writing import Plan, Storing, plan_expunge, plan_store, removal
from mailserver.errors import StorageUnavailable
from mailserver.storage import arrivals, events, messages
from mailserver.storage.arrivals import Advance
from mailserver.storage.database import Connection, Database
from mailserver.storage.events import Event, Kind, Row, State, Written
from mailserver.storage.keywords import (
    KEYWORD_LIMIT,
    SYSTEM_BITS,
    SYSTEM_MASK,
    extended,
    keyword_mask,
)
from mailserver.storage.notifications import MAILBOX, MailboxChanges

T = TypeVar("T")

_RETRY = 1.0  # seconds until a mailbox of idle clients is looked at again when storage was away


class MailboxDeleted(Exception):
    """The mailbox is gone; sessions that have it selected are told BYE."""


class MessageGone(Exception):
    """The message that was to be replaced is expunged; nothing was written."""


@dataclass(slots=True)
class Copied:
    """What COPYUID says (RFC 4315): pairs of UIDs, both ascending."""

    uid_validity: int
    sources: list[int]
    targets: list[int]
    modseq: int = 0  # of the removal, when they were moved


@dataclass(slots=True)
class Stored:
    """What STORE did: its modseq, 0 when nothing changed, and whom it had to leave alone."""

    modseq: int
    modified: list[int]  # runs of UIDs whose modseq was greater: first, last, first, last, …


class OpenMailbox:
    """One per mailbox and process; sessions hold it through their views."""

    def __init__(self, database: Database, changes: MailboxChanges, state: MailboxState) -> None:
        self.state = state
        self.views: set[View] = set()
        self._taken = 0  # messages and events that loading it had to go through
        self._database = database
        self._changes = changes
        self._writing = asyncio.Lock()
        self._reading = asyncio.Lock()
        self._dirty = False
        self._catching_up: asyncio.Task[None] | None = None
        self._idlers: dict[View, Callable[[], None]] = {}
        self._unwatch = changes.watch(state.id, self._heard)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """A write in its turn. When it fails, what was committed after all is in the log."""
        try:
            async with self._writing:
                yield
        except BaseException:
            self._dirty = True
            raise

    @classmethod
    async def load(
        cls, database: Database, changes: MailboxChanges, mailbox_id: int
    ) -> "OpenMailbox":
        """Read the mailbox; raises MailboxDeleted."""
        async with database.transaction(snapshot=True) as c:
            row = await events.state(c, mailbox_id)
            if row is None:
                raise MailboxDeleted(mailbox_id)
            state = MailboxState(row)
            # Watch before the snapshot ends, so that no change falls between.
            opened = cls(database, changes, state)
            opened._taken = await following.load(c, state, row)
        opened._dirty = True
        return opened

    async def save(self) -> None:
        """Keep the columns for cold processes, if loading them was long work."""
        if not following.worth_saving(self.state, self._taken):
            return
        async with self._database.connection() as c:
            await following.save(c, self.state)

    def close(self) -> None:
        """Stop listening; no session may use it any more."""
        self._unwatch()

    # ── sessions ─────────────────────────────────────────────────────────────────────────────

    async def enter(
        self, *, read_only: bool, first_recent: int | None = None, takes_recent: bool = True
    ) -> View:
        """A new session's picture, up to date. One that may write takes \\Recent.

        Without `takes_recent` it neither does nor sees any.
        `first_recent`: the first UID that nobody was told of, as the mailbox's row said just now.
        """
        await self.refresh()
        recent = await self._recent_of(read_only, first_recent) if takes_recent else []
        view = View(self.state, read_only=read_only, recent=recent, takes_recent=takes_recent)
        self.views.add(view)
        return view

    async def _recent_of(self, read_only: bool, first_recent: int | None) -> list[tuple[int, int]]:
        """The ranges of UIDs that are recent in a session that begins."""
        if first_recent is None:
            async with self._database.connection() as c:
                row = await events.state(c, self.state.id)
            first_recent = row.first_recent_uid if row else self.state.uid_next
        # Sessions here took some already that the row will know of when they leave.
        first = max(first_recent, self.state.recent_from)
        if read_only:
            return [(first, MAX_UID)]
        if first < self.state.uid_next:
            async with self._database.connection() as c:
                taken = await events.claim_recent(c, self.state.id)
            first = max(taken or self.state.uid_next, self.state.recent_from)
        recent = [(first, self.state.uid_next - 1)]
        self.state.recent_from = max(self.state.recent_from, self.state.uid_next)
        return recent

    async def leave(self, view: View) -> None:
        """The session has the mailbox selected no more."""
        self.views.discard(view)
        self._idlers.pop(view, None)
        self.tidy()
        if view.claimed and not self.state.deleted:
            async with self._database.connection() as c:
                await events.claim_recent(c, self.state.id)

    def tidy(self) -> None:
        """Forget what every session has been told."""
        self.state.forget(
            (view.position for view in self.views),
            settled=all(view.settled for view in self.views),
        )

    def idle(self, view: View, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback()` after changes until the returned function is called (RFC 2177)."""
        self._idlers[view] = callback
        if self._dirty or self._reading.locked():
            self._heard()  # what a command is catching up with just now is news here, too
        return lambda: self._idlers.pop(view, None) and None

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    async def refresh(self) -> None:
        """Catch up with the log if anything was heard; raises MailboxDeleted."""
        if self.state.deleted:
            raise MailboxDeleted(self.state.id)
        if not self._dirty and not self._reading.locked():
            return  # whoever asks while another is catching up waits for that one
        async with self._reading:
            if self._dirty:
                self._dirty = False
                try:
                    async with self._database.connection() as c:
                        await following.catch_up(c, self.state)
                except BaseException:
                    self._dirty = True
                    raise
        if self.state.deleted:
            raise MailboxDeleted(self.state.id)

    def _heard(self) -> None:
        self._dirty = True
        if self._idlers and (self._catching_up is None or self._catching_up.done()):
            self._catching_up = asyncio.get_running_loop().create_task(self._tell_idlers())

    async def _tell_idlers(self) -> None:
        # Once at least: a command may be catching up just now, and idlers are told after it.
        while self._idlers:
            try:
                await self.refresh()
            except MailboxDeleted:
                break
            except StorageUnavailable:
                await asyncio.sleep(_RETRY)
            if not self._dirty:
                break
        self._wake_idlers()

    def _wake_idlers(self) -> None:
        for callback in list(self._idlers.values()):
            callback()
        self.tidy()

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    async def store(self, storing: Storing) -> Stored:
        """Change flags. Raises TooManyKeywords, MailboxDeleted."""
        plan = await self._write(lambda: plan_store(self.state, storing))
        return Stored(0 if plan.written is None else plan.written.event.modseq, plan.modified)

    async def expunge(self, ranges: Sequence[tuple[int, int]] | None = None) -> int:
        """Remove messages with \\Deleted, of `ranges` or all; gives the modseq or 0."""
        plan = await self._write(lambda: plan_expunge(self.state, ranges))
        return 0 if plan.written is None else plan.written.event.modseq

    async def _write(self, decide: Callable[[], Plan]) -> Plan:
        """Write what `decide` says of the newest state."""
        await self.refresh()
        async with self._turn():
            plan = decide()
            if plan.written is None or not await self._at_once(plan.written):
                async with self._database.transaction() as c:
                    await self._lock(c)
                    plan = decide()
                    if plan.written is not None:
                        await self._append(c, plan.written)
        if plan.written is not None:
            self._written(plan.written)
        return plan

    async def _at_once(self, written: Written) -> bool:
        """Write if nobody else has; one round trip, and the commit with it."""
        async with self._database.connection() as c:
            return await self._append(c, written)

    async def _append(self, c: Connection, written: Written) -> bool:
        payloads = list(self._changes.payloads([self.state.id]))
        return await events.write(c, self.state.id, written, payloads)

    async def copy(
        self,
        ranges: Sequence[tuple[int, int]],
        target_id: int,
        *,
        move: bool = False,
        keep: int = -1,
    ) -> Copied:
        """Place the messages of `ranges` in another mailbox as well, or instead (`move`).

        All or nothing (RFC 3501 §6.4.7, RFC 6851 §3.3). A move to this same mailbox gives new
        UIDs. Gives no UIDs when no message exists. `keep`: the flags that come along, as a mask.
        Raises MailboxDeleted when the target is gone.
        """
        removed = None
        here = target_id == self.state.id
        async with self._turn(), self._database.transaction() as c:
            if move:
                row = await self._lock_after(c, target_id)
            spans = list(self.state.columns.slices(ranges))
            entries = [self.state.columns.entry(i) for span in spans for i in range(*span)]
            if not entries:
                return Copied(0, [], [])
            for entry in entries:
                entry.flags &= keep
            target, copied = await self._place(c, entries, target_id)
            if move:
                modseq = target.modseq if here else row.highest_modseq
                removed = removal(self.state, modseq + 1, spans)
                await self._append(c, removed)
                copied.modseq = removed.event.modseq
        if removed is not None and not here:
            self._written(removed)
        # Here too, if it is the target: then both events come from the log, in their order.
        self._changes.changed([target_id])
        return copied

    async def replace(
        self, uid: int, target_id: int, place: Callable[[Connection], Awaitable[T]]
    ) -> tuple[T, int]:
        """Remove a message in the transaction in which `place` writes another to the target.

        `place` locks the target and takes one modseq there. Gives what it gave, and the modseq of
        the removal. Raises MessageGone, MailboxDeleted.
        """
        here = target_id == self.state.id
        async with self._turn(), self._database.transaction() as c:
            # Locks are taken in the order of the ids.
            placed = await place(c) if target_id < self.state.id else None
            row = await self._lock(c)
            gone = list(self.state.columns.slices([(uid, uid)]))
            if not gone:
                raise MessageGone(uid)
            if placed is None:
                placed = await place(c)
            removed = removal(self.state, row.highest_modseq + 1 + here, gone)
            await self._append(c, removed)
        if not here:
            self._written(removed)
        # Here too, if it is the target: then both events come from the log, in their order.
        self._changes.changed([target_id])
        return placed, removed.event.modseq

    async def _place(
        self, c: Connection, entries: list[Entry], target_id: int
    ) -> tuple[Advance, Copied]:
        size = await messages.total_size(c, [entry.message_id for entry in entries])
        unseen = sum(not entry.flags & SEEN for entry in entries)
        advances = await arrivals.advance(c, {target_id: (len(entries), unseen, size)})
        target = advances.get(target_id)
        if target is None:
            raise MailboxDeleted(target_id)
        flags = await self._translated(c, entries, target)
        rows = [
            Row(target.uid + place, entry.message_id, mask, target.modseq)
            for place, (entry, mask) in enumerate(zip(entries, flags, strict=True))
        ]
        await events.insert(c, target_id, rows)
        placed = [rows[0].uid, rows[-1].uid]
        await events.record(c, target_id, Event(target.modseq, Kind.APPEND, placed))
        for payload in self._changes.payloads([target_id]):
            await arrivals.notify(c, MAILBOX, payload)
        sources, targets = [entry.uid for entry in entries], [row.uid for row in rows]
        return target, Copied(target.uid_validity, sources, targets)

    async def _translated(
        self, c: Connection, entries: list[Entry], target: Advance
    ) -> Iterable[int]:
        """The flags of `entries` as masks of the target, which learns keywords as it has room."""
        used = 0
        for entry in entries:
            used |= entry.flags >> SYSTEM_BITS
        if not used:
            return [entry.flags for entry in entries]
        words = [word for k, word in enumerate(self.state.keywords) if used >> k & 1]
        table = extended(target.keywords, words)[:KEYWORD_LIMIT]
        if len(table) > len(target.keywords):
            await arrivals.set_keywords(c, target.id, table)
        bits = [
            keyword_mask(table, [word]) if used >> k & 1 else 0
            for k, word in enumerate(self.state.keywords)
        ]
        return [
            entry.flags & SYSTEM_MASK
            | sum(bit for k, bit in enumerate(bits) if entry.flags >> (SYSTEM_BITS + k) & 1)
            for entry in entries
        ]

    async def _lock(self, c: Connection) -> State:
        row = await events.lock(c, self.state.id)
        if row is None:
            self.state.deleted = True
            raise MailboxDeleted(self.state.id)
        if row.highest_modseq > self.state.modseq:
            await following.catch_up(c, self.state)
        self.state.keywords = row.keywords
        return row

    async def _lock_after(self, c: Connection, target_id: int) -> State:
        """Both mailboxes of a move, in the order of their ids, before a message is picked: what
        two sessions move at the same time must go once.
        """
        if target_id < self.state.id and await events.lock(c, target_id) is None:
            raise MailboxDeleted(target_id)
        return await self._lock(c)

    def _written(self, written: Written) -> None:
        self.state.keywords = written.keywords or self.state.keywords
        self.state.apply(written.event)
        self._wake_idlers()
