"""Which messages of a client's memory exist no more (RFC 7162 §3.2.5, §3.2.6).

Pure. What is told may hold UIDs that the client never had, but none of a message that exists, nor
of one that the client still sees: that one is told by VANISHED without EARLIER.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

from imap.mailboxes.named import Span
from imap.mailboxes.view import View
from imap.protocol.sequence import SequenceSet, runs


def vanished_earlier(
    view: View, wanted: Iterable[Span], expunged: Iterable[Span] | None
) -> list[Span]:
    """The UIDs of `wanted` (ranges, ascending) that are gone.

    `expunged`: ranges that the log names. None: it does not reach back far enough, and all is
    told that does not exist (RFC 7162 §3.2.6).
    """
    last = view.state.uid_next - 1
    asked = [(low, min(high, last)) for low, high in wanted if low <= last]
    if expunged is not None:
        asked = list(common(asked, SequenceSet.of(expunged).ranges))
    unseen = without(asked, view.uids, view.count)
    existing = view.state.columns.uids
    return list(without(unseen, existing, len(existing)))


def matched_uid(view: View, matches: tuple[SequenceSet, SequenceSet] | None) -> int:
    """The greatest UID that has the number it had for the client; 0 if none has.

    RFC 7162 §3.2.5.2: up to there the client knows of all expunges, or the number were less.
    """
    found = 0
    for number, uid, length in _pairs(*matches) if matches else ():
        length = min(length, view.count - number + 1)
        # UIDs ascend in larger steps than numbers: once one is ahead, all that follow are.
        same = bisect_right(range(length), 0, key=lambda i: _ahead(view, number + i, uid + i))
        if same and _ahead(view, number + same - 1, uid + same - 1) == 0:
            found = uid + same - 1
    return found


def _ahead(view: View, number: int, uid: int) -> int:
    return view.uid(number) - uid


def _pairs(numbers: SequenceSet, uids: SequenceSet) -> Iterator[tuple[int, int, int]]:
    """(first number, first UID, length) of stretches in which both count by one."""
    others = iter(uids.ranges)
    uid, last_uid = next(others)
    for number, last in numbers.ranges:
        while number <= last:
            if uid > last_uid:
                uid, last_uid = next(others)
            length = min(last - number, last_uid - uid) + 1
            yield number, uid, length
            number, uid = number + length, uid + length


def common(left: Sequence[Span], right: Sequence[Span]) -> Iterator[Span]:
    """What both sets of ranges hold; ranges ascend and do not overlap."""
    at = 0
    for low, high in left:
        at = bisect_left(right, low, at, key=lambda span: span[1])
        for first, last in right[at:]:
            if first > high:
                break
            yield max(low, first), min(high, last)


def without(ranges: Iterable[Span], uids: Sequence[int], count: int) -> Iterator[Span]:
    """The ranges less the first `count` of `uids`, which ascend."""
    for low, high in ranges:
        start = bisect_left(uids, low, 0, count)
        end = bisect_right(uids, high, start, count)
        for first, last in runs(uids[start:end]):
            if low < first:
                yield low, first - 1
            low = last + 1
        if low <= high:
            yield low, high
