"""An open mailbox: its state in memory, kept true by Postgres, changed only through it.

A write decides on the state (writing.py), appends one event under the mailbox's row lock, if nobody
else has written meanwhile, and after the commit applies it to the state. If somebody has, it takes
the lock first, catches up with the log and decides again: the row lock is the one order of writes
for all processes.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from imap.mailboxes import following
from imap.mailboxes.columns import MAX_UID
from imap.mailboxes.copying import Copied, Copies, pick_copies
from imap.mailboxes.state import MailboxState
from imap.mailboxes.view import View
from imap.mailboxes.writing import Plan, Storing, plan_expunge, plan_store, removal
from mailserver.errors import StorageUnavailable
from mailserver.storage import arrivals, events
from mailserver.storage.database import Connection, Database
from mailserver.storage.events import State, Written
from mailserver.storage.keywords import KEYWORD_LIMIT, extended
from mailserver.storage.notifications import MailboxChanges, Version

T = TypeVar("T")

_RETRY = 1.0  # seconds until a mailbox of idle clients is looked at again when storage was away


class MailboxDeleted(Exception):
    """The mailbox is gone; sessions that have it selected are told BYE."""


class MessageGone(Exception):
    """The message that was to be replaced is expunged; nothing was written."""


@dataclass(slots=True)
class Stored:
    """What STORE did: its modseq, 0 when nothing changed, and whom it had to leave alone."""

    modseq: int
    modified: list[int]  # runs of UIDs whose modseq was greater: first, last, first, last, …


class OpenMailbox:
    """One per mailbox and process; sessions hold it through their views."""

    def __init__(
        self, database: Database, changes: MailboxChanges, state: MailboxState, version: Version
    ) -> None:
        """`version` is what the mailbox had when `state` was read, or before."""
        self.state = state
        self.views: set[View] = set()
        self._taken = 0  # messages and events that loading it had to go through
        self._database = database
        self._changes = changes
        self._writing = asyncio.Lock()
        self._reading = asyncio.Lock()
        self._version = version
        self._told = False  # of a change that the board may not say yet
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
            self._changes.changed([self.state.id])
            raise

    @classmethod
    async def load(
        cls, database: Database, changes: MailboxChanges, mailbox_id: int
    ) -> "OpenMailbox":
        """Read the mailbox; raises MailboxDeleted."""
        version = changes.version(mailbox_id)  # what changes from here on is not in the state
        async with database.connection() as c:
            loaded = await following.restore(c, mailbox_id)
        if loaded is None:
            async with database.transaction(snapshot=True) as c:
                loaded = await following.load(c, mailbox_id)
        if loaded is None:
            raise MailboxDeleted(mailbox_id)
        opened = cls(database, changes, loaded.state, version)
        opened._taken = loaded.taken
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

    async def enter(self, *, read_only: bool, takes_recent: bool = True) -> View:
        """A new session's picture, up to date. One that may write takes \\Recent.

        Without `takes_recent` it neither does nor sees any.
        """
        await self.refresh()
        recent = await self._recent(take=not read_only) if takes_recent else []
        view = View(self.state, read_only=read_only, recent=recent, takes_recent=takes_recent)
        self.views.add(view)
        return view

    async def _recent(self, *, take: bool) -> list[tuple[int, int]]:
        """The UIDs that no session was told of, which nobody else will be told of if `take`."""
        state = self.state
        # Sessions here took some already that the row will know of when they leave.
        first = state.recent_from
        if first < state.uid_next:
            async with self._database.connection() as c:
                known = await (events.claim_recent if take else events.first_recent)(c, state.id)
            first = max(first, state.uid_next if known is None else known)
        if not take:
            return [(first, MAX_UID)]
        state.recent_from = max(state.recent_from, state.uid_next)
        return [(first, state.uid_next - 1)]

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
        if self._behind or self._reading.locked():
            self._heard()  # what a command is catching up with just now is news here, too
        return lambda: self._idlers.pop(view, None) and None

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    async def refresh(self) -> None:
        """Catch up with the log if anything has changed; raises MailboxDeleted."""
        if self.state.deleted:
            raise MailboxDeleted(self.state.id)
        if not self._behind and not self._reading.locked():
            return  # whoever asks while another is catching up waits for that one
        async with self._reading:
            if self._behind:
                version, self._told = self._changes.version(self.state.id), False
                async with self._database.connection() as c:
                    await following.catch_up(c, self.state)
                self._version = version
        if self.state.deleted:
            raise MailboxDeleted(self.state.id)

    @property
    def _behind(self) -> bool:
        """True if the mailbox has changed since the state was read."""
        if self._version != self._changes.version(self.state.id):
            return True
        # Commands need not know of what nobody has answered for yet; who is in IDLE hears it now.
        return self._told and bool(self._idlers)

    def _heard(self) -> None:
        self._told = True
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
            if not self._behind:
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
            if not await self._at_once(plan.written):
                async with self._database.transaction() as c:
                    await self._lock(c)
                    plan = decide()
                    if plan.written is not None:
                        await self._append(c, plan.written)
        if plan.written is not None:
            self._written(plan.written)
        return plan

    async def _at_once(self, written: Written | None) -> bool:
        """Write if nobody else has; one round trip, and the commit with it.

        That there is nothing to write must hold for the newest state, too.
        """
        async with self._database.connection() as c:
            if written is None:
                return await events.modseq(c, self.state.id) == self.state.modseq
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
        if move:
            return await self._move(ranges, target_id, keep)
        async with self._turn():
            copies = pick_copies(self.state, list(self.state.columns.slices(ranges)), keep)
            if not copies.sources:
                return Copied(0, [], [])
            # Without keywords it is one statement, which is a transaction of its own.
            opening = self._database.transaction if copies.words else self._database.connection
            async with opening() as c:
                copied, _ = await self._place(c, copies, target_id)
        self._changes.changed([target_id])
        return copied

    async def _move(self, ranges: Sequence[tuple[int, int]], target_id: int, keep: int) -> Copied:
        here = target_id == self.state.id
        async with self._turn(), self._database.transaction() as c:
            row = await self._lock_after(c, target_id)
            spans = list(self.state.columns.slices(ranges))
            if not spans:
                return Copied(0, [], [])
            copied, modseq = await self._place(c, pick_copies(self.state, spans, keep), target_id)
            removed = removal(self.state, (modseq if here else row.highest_modseq) + 1, spans)
            await self._append(c, removed)
            copied.modseq = removed.event.modseq
        if not here:
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

    async def _place(self, c: Connection, copies: Copies, target_id: int) -> tuple[Copied, int]:
        """Gives what was placed, and the target's modseq after it."""
        if words := copies.words:
            copies.translate(await self._taught(c, target_id, words))
        payloads = list(self._changes.payloads([target_id]))
        placed = await arrivals.place_copies(
            c, target_id, copies.message_ids, copies.flags, copies.unseen, payloads
        )
        if placed is None:
            raise MailboxDeleted(target_id)
        targets = list(range(placed.uid, placed.uid + len(copies.sources)))
        return Copied(placed.uid_validity, copies.sources, targets), placed.modseq

    async def _taught(self, c: Connection, target_id: int, words: Sequence[str]) -> list[str]:
        """The keywords of the target, which learns `words` as it has room."""
        known = (await arrivals.lock(c, [target_id])).get(target_id)
        if known is None:
            raise MailboxDeleted(target_id)
        table = extended(known, words)[:KEYWORD_LIMIT]
        if len(table) > len(known):
            await arrivals.set_keywords(c, target_id, table)
        return table

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
        self._version = self._changes.written(self.state.id, self._version)
        self._wake_idlers()
