"""An open mailbox of this process: one columnar state shared by its sessions, kept by the log.

`MailboxState` is pure: it is told rows and events and holds what sessions need to catch up.
Invariants: events are applied in the order of their modseq, each once; a view never sees an
expunge before it has asked for it (view.py).
"""

from collections.abc import Iterable, Iterator, Sequence

from imap.mailboxes.columns import Columns, Entry
from mailserver.storage.events import Event, Kind, State

_LOG_LIMIT = 100_000  # events remembered for sessions that do not catch up


class MailboxState:
    """What this process knows of one mailbox."""

    def __init__(self, row: State) -> None:
        self.id = row.id
        self.account_id = row.account_id
        self.uid_validity = row.uid_validity
        self.uid_next = row.uid_next
        self.keywords = row.keywords
        self.modseq = row.folded_modseq
        self.columns = Columns()
        self.deleted = False
        self.recent_from = row.first_recent_uid  # no session here was told of UIDs from here on
        # Events since somebody here opened the mailbox; `log[0]` has the absolute number `base`.
        self.log: list[Event] = []
        self.base = 0
        # Messages that are expunged while a session here may still show them.
        self.ghosts: dict[int, Entry] = {}

    def load(self, rows: Iterable[Sequence[int]]) -> None:
        """Take the rows; the events after `folded_modseq` must be applied next."""
        self.columns.append(rows)

    @property
    def end(self) -> int:
        """The absolute number of the next event: where a new view starts."""
        return self.base + len(self.log)

    def entry(self, uid: int) -> Entry | None:
        """The message, also one that is expunged but not yet told to every session here."""
        index = self.columns.find(uid)
        return self.ghosts.get(uid) if index is None else self.columns.entry(index)

    def apply(self, event: Event, rows: Iterable[Sequence[int]] = ()) -> None:
        """Take one event; for an append, the `rows` of its UIDs that still exist.

        An event that is known already is ignored.
        """
        if event.modseq <= self.modseq:
            return
        self.modseq = event.modseq
        if event.kind is Kind.APPEND:
            self.uid_next = max(self.uid_next, event.runs[-1] + 1)
            last = self.columns.uids[-1] if self.columns else 0
            self.columns.append(row for row in rows if row[0] > last)
        elif event.kind is Kind.FLAGS:
            for start, end in self.columns.slices(event.ranges()):
                self.columns.change(start, end, event.set_mask, event.clear_mask, event.modseq)
        else:
            self._expunge(list(self.columns.slices(event.ranges())))
        self.log.append(event)

    def events_since(self, position: int) -> Iterator[Event]:
        """Events with absolute numbers from `position` on."""
        return iter(self.log[max(0, position - self.base) :])

    def forget(self, positions: Iterable[int], *, settled: bool) -> None:
        """Drop what all views, which stand at `positions`, have seen.

        `settled`: no view shows a message that is expunged.
        """
        seen = min(positions, default=self.end) - self.base
        if seen > 0:
            del self.log[:seen]
            self.base += seen
        if settled:
            self.ghosts.clear()

    @property
    def overfull(self) -> bool:
        """True when some session has not caught up for very long."""
        return len(self.log) > _LOG_LIMIT

    def _expunge(self, gone: list[tuple[int, int]]) -> None:
        for start, end in gone:
            for index in range(start, end):
                entry = self.columns.entry(index)
                self.ghosts[entry.uid] = entry
        if gone:
            self.columns = self.columns.without(gone)
