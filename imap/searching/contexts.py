"""Results that a session is told the changes of (RFC 5267 §4.3), as its client was told them.

Pure. Messages are held by their UIDs: what numbers they have is asked when a change is told. A
message that neither came nor changed stays as it was: criteria that mean something else by the
hour, or as numbers shift, are refused. Sorted results hold what they are sorted by, which never
changes.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from imap.mailboxes.named import Span
from imap.mailboxes.view import View
from imap.protocol.context import Change, added, removed
from imap.protocol.search import AgeKey, Search, SearchKey, SequenceKey, UidKey, each_key
from imap.protocol.sequence import STAR
from imap.protocol.sort import Criterion
from imap.searching.sort_values import Rank
from mailserver.storage.events import Kind

MOST = 8  # contexts of a session
MOST_MESSAGES = 100_000  # in all of them together

Pair = tuple[bytes, bytes]
Number = Callable[[int], int]
"""What the client calls the message of a UID."""

_EVERY = ((1, STAR),)  # 1:* is any message, whatever comes


class Unsorted:
    """The result of a SEARCH, which is always in the order of the mailbox: no position is told."""

    __slots__ = ("_uids",)

    def __init__(self, uids: Iterable[int]) -> None:
        self._uids = set(uids)

    def __len__(self) -> int:
        return len(self._uids)

    def among(self, uids: Iterable[int]) -> set[int]:
        """Those of `uids` that are in the result."""
        return self._uids.intersection(uids)

    def without(self, uids: Iterable[int]) -> list[Change]:
        """Take out what is there of `uids`."""
        gone = sorted(self.among(uids))
        self._uids.difference_update(gone)
        return [(0, gone)] if gone else []

    def with_(self, uids: Iterable[int]) -> list[Change]:
        """Put in those of `uids` that are not there."""
        new = sorted(set(uids) - self._uids)
        self._uids.update(new)
        return [(0, new)] if new else []


class Sorted:
    """The result of a SORT, in its order."""

    __slots__ = ("_order", "_ranks")

    def __init__(self, ranks: Sequence[Rank]) -> None:
        """`ranks` in order."""
        self._order = list(ranks)
        self._ranks: dict[int, Rank] = {rank[-1]: rank for rank in ranks}

    def __len__(self) -> int:
        return len(self._order)

    def among(self, uids: Iterable[int]) -> set[int]:
        return self._ranks.keys() & set(uids)

    def without(self, uids: Iterable[int]) -> list[Change]:
        """Take out what is there of `uids`, from the last on: no position shifts another."""
        gone = [self._ranks.pop(uid) for uid in self.among(uids)]
        order, kept, end = self._order, [], 0
        changes = []
        for start, following in _runs(sorted(bisect_left(order, rank) for rank in gone)):
            changes.append(_run(order, start, following))
            kept += order[end:start]
            end = following
        self._order = kept + order[end:]
        return changes[::-1]

    def with_(self, ranks: Iterable[Rank]) -> list[Change]:
        """Put in those of `ranks` that are not there; each run where it will stand."""
        new = sorted(rank for rank in ranks if rank[-1] not in self._ranks)
        self._ranks |= {rank[-1]: rank for rank in new}
        order, merged, end = self._order, [], 0
        places = []
        for rank in new:
            start = bisect_left(order, rank, end)
            merged += order[end:start]
            places.append(len(merged))
            merged.append(rank)
            end = start
        self._order = merged + order[end:]
        return [_run(self._order, start, end) for start, end in _runs(places)]


def _run(order: Sequence[Rank], start: int, end: int) -> Change:
    return start + 1, [rank[-1] for rank in order[start:end]]


def _runs(places: Sequence[int]) -> Iterator[Span]:
    """Ascending places as ranges [start, end)."""
    start = 0
    for n in range(1, len(places) + 1):
        if n == len(places) or places[n] != places[n - 1] + 1:
            yield places[start], places[n - 1] + 1
            start = n


@dataclass(slots=True)
class Context:
    """A search whose changes are told; `criteria` of a SORT."""

    search: Search
    result: Unsorted | Sorted
    criteria: Sequence[Criterion] = ()


@dataclass(slots=True)
class Contexts:
    """Those of a session in its selected mailbox, by the tags of their commands."""

    by_tag: dict[bytes, Context] = field(default_factory=dict)
    changed: list[Span] = field(default_factory=list)  # UIDs that are to be looked at again

    def has_room(self, messages: int, *, in_order: bool) -> bool:
        """True if another context of so many messages may be kept."""
        # RFC 5267 §4.3.1: every client may have one; what is kept of a sorted one is much more.
        if not self.by_tag and not in_order:
            return True
        kept = sum(len(context.result) for context in self.by_tag.values())
        return len(self.by_tag) < MOST and kept + messages <= MOST_MESSAGES

    def notice(self, view: View) -> None:
        """Note what changed or came since the picture moved last, before it moves again."""
        for event in view.state.events_since(view.position):
            if event.kind is not Kind.EXPUNGE:
                self.changed += event.ranges()


def changes_by_itself(key: SearchKey) -> bool:
    """True if a message may match sooner or later although nothing happens to it.

    Ages do; so do message numbers, `*` and `$`.
    """
    for one in each_key(key):
        match one:
            case AgeKey():
                return True
            case SequenceKey(numbers):
                if numbers.ranges != _EVERY:
                    return True
            case UidKey(uids):
                if uids.saved or (uids.ranges[-1][1] == STAR and uids.ranges != _EVERY):
                    return True
    return False


def told(out: list[Change], in_: list[Change], number: Number) -> list[Pair]:
    """What an ESEARCH response says of the messages that went out of a result and came into it."""
    pairs = []
    if out:
        pairs.append(removed(_numbered(out, number)))
    if in_:
        pairs.append(added(_numbered(in_, number)))
    return pairs


def _numbered(changes: Iterable[Change], number: Number) -> list[Change]:
    return [(place, [number(uid) for uid in uids]) for place, uids in changes]
