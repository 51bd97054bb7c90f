"""One session's picture of a mailbox: which sequence number its client thinks is which message.

Pure. The picture changes only in `sync()`, and messages leave it only where the protocol allows
an EXPUNGE response (RFC 3501 §7.4.1: not while no command runs, nor during FETCH, STORE, SEARCH).
Flag values are never part of the picture: they are always read from the state.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from imap.mailboxes.columns import Columns, Entry
from imap.mailboxes.state import MailboxState
from mailserver.storage.events import Kind


@dataclass(slots=True)
class Updates:
    """What a client must be told, in this order."""

    expunged: list[int] = field(default_factory=list)  # sequence numbers, each as of its turn
    vanished: list[int] = field(default_factory=list)  # their UIDs, ascending
    exists: int | None = None  # new count, when messages came
    recent: int = 0  # with `exists`
    flags: list[int] = field(default_factory=list)  # sequence numbers whose flags changed

    def __bool__(self) -> bool:
        return bool(self.expunged or self.flags or self.exists is not None)


class View:
    """The picture of one session that has `state` selected."""

    def __init__(
        self,
        state: MailboxState,
        *,
        read_only: bool,
        recent: Iterable[tuple[int, int]] = (),
        takes_recent: bool = True,
    ) -> None:
        self.state = state
        self.read_only = read_only
        self.uids: array[int] = state.columns.uids
        self.count = len(self.uids)
        self.position = state.end
        # RFC 3501 §2.3.2: \Recent belongs to the first session told of a message. These ranges of
        # UIDs, ascending, are recent in this session.
        self._recent = list(recent)
        self._takes_recent = takes_recent and not read_only  # of messages that come
        self.claimed = False  # took \Recent of messages that came while it was selected
        # RFC 5182: `$`, the messages of the last SEARCH that was saved: ranges of UIDs, ascending.
        self.saved: Sequence[tuple[int, int]] = ()
        self._own: set[int] = set()  # modseqs of flag changes this session made and was told
        self._seen = state.modseq  # what there was to tell the last time
        self._withheld = 0  # modseq of the first expunge that still waits to be told

    # ── sequence numbers ─────────────────────────────────────────────────────────────────────

    def uid(self, number: int) -> int:
        """The UID of sequence number 1 … count."""
        return self.uids[number - 1]

    def number(self, uid: int) -> int | None:
        """The sequence number of `uid`, if the client knows the message."""
        place = bisect_left(self.uids, uid, 0, self.count)
        return place + 1 if place < self.count and self.uids[place] == uid else None

    def known_number(self, uid: int) -> int:
        """The sequence number of a message that the client knows."""
        return bisect_left(self.uids, uid, 0, self.count) + 1

    def entry(self, number: int) -> Entry | None:
        """The message at a sequence number; None for one that was expunged and forgotten."""
        columns = self.columns
        if columns is not None:
            return columns.entry(number - 1)
        return self.state.entry(self.uids[number - 1])

    @property
    def columns(self) -> Columns | None:
        """The state's columns when index = sequence number - 1 holds for all of the picture."""
        return self.state.columns if self.settled else None

    def numbers_of(self, ranges: Iterable[tuple[int, int]]) -> Iterator[int]:
        """Sequence numbers of the UIDs in `ranges` (inclusive), ascending; unknown UIDs have none.

        RFC 3501 §6.4.8: a UID that does not exist is ignored without any error.
        """
        for first, last in ranges:
            start = bisect_left(self.uids, first, 0, self.count)
            end = bisect_left(self.uids, last + 1, 0, self.count)
            yield from range(start + 1, end + 1)

    def recent(self, uid: int) -> bool:
        return any(first <= uid <= last for first, last in self._recent)

    def forget_recent(self) -> None:
        """Nothing is recent in this session any more: its client does not know the word."""
        self._recent, self._takes_recent = [], False

    @property
    def recent_ranges(self) -> Sequence[tuple[int, int]]:
        """Ranges of UIDs (inclusive), ascending, that are recent in this session."""
        return self._recent

    def recent_count(self) -> int:
        return sum(1 for _ in self.numbers_of(self._recent))

    @property
    def modseq(self) -> int:
        """The client was told of everything up to this modseq.

        RFC 7162 §3.2: of what it was told later it may not conclude that nothing is missing.
        """
        return self._withheld - 1 if self._withheld else self._seen

    @property
    def withholds(self) -> bool:
        """True while an expunge waits and later changes were told."""
        return self._withheld > 0

    # ── catching up ──────────────────────────────────────────────────────────────────────────

    def told(self, modseq: int) -> None:
        """The client knows of the flag change `modseq` already: it asked for it."""
        if modseq:
            self._own.add(modseq)

    @property
    def settled(self) -> bool:
        """True when the picture shows no message that is expunged."""
        return self.uids is self.state.columns.uids

    @property
    def behind(self) -> bool:
        """True when `sync()` may have something to tell."""
        return self.position < self.state.end or not self.settled

    def sync(self, *, expunge: bool) -> Updates:
        """Bring the picture up to the state; `expunge`: messages may leave it now."""
        updates = Updates()
        if not self.behind:
            return updates
        changed = self._changed_uids()
        arrived = self._arrived()
        if expunge:
            updates.expunged = self._leave()
            updates.vanished = [self.uids[number - 1] for number in reversed(updates.expunged)]
            self.uids = self.state.columns.uids
            self.count = len(self.uids)
        elif arrived:
            # Others' expunges wait: from here on the picture is a list of this session's own.
            if not self.settled:
                self.uids = self.uids[: self.count] + arrived
            self.count += len(arrived)
        if self.settled:
            self._withheld = 0
        if arrived:
            self._claim(arrived)
            updates.exists = self.count
            updates.recent = self.recent_count()
        numbers = (self.number(uid) for uid in sorted(changed))
        updates.flags = [number for number in numbers if number is not None]
        return updates

    def _changed_uids(self) -> set[int]:
        """UIDs of the picture whose flags changed since the last time; moves the position.

        Expunges are withheld from here on: who may tell them says that they are not.
        """
        changed: set[int] = set()
        for event in self.state.events_since(self.position):
            if event.kind is Kind.FLAGS and event.modseq not in self._own:
                for first, last in event.ranges():
                    start = bisect_left(self.uids, first, 0, self.count)
                    end = bisect_left(self.uids, last + 1, 0, self.count)
                    changed.update(self.uids[start:end])
            elif event.kind is Kind.EXPUNGE and not self._withheld:
                self._withheld = event.modseq
        self._own.clear()
        self.position = self.state.end
        self._seen = self.state.modseq
        return changed

    def _arrived(self) -> "array[int]":
        last = self.uids[self.count - 1] if self.count else 0
        uids = self.state.columns.uids
        return uids[bisect_left(uids, last + 1) :]

    def _claim(self, arrived: "array[int]") -> None:
        first, last = max(arrived[0], self.state.recent_from), arrived[-1]
        if self._takes_recent and first <= last:
            self._recent.append((first, last))
            self.state.recent_from = last + 1
            self.claimed = True

    def leaving(self) -> list[int]:
        """The UIDs that leave the picture at the next `sync` that may expunge, ascending."""
        if self.settled:
            return []
        here = set(self.state.columns.uids)
        return [uid for uid in self.uids[: self.count] if uid not in here]

    def _leave(self) -> list[int]:
        """Sequence numbers that leave, from the last to the first, so that none shifts another."""
        if self.settled:
            return []
        here = set(self.state.columns.uids)
        return [n for n in range(self.count, 0, -1) if self.uids[n - 1] not in here]
