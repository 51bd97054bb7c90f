"""Which messages of a session's picture a command names, as spans of sequence numbers.

Pure. A span is (first, last), both inclusive; spans ascend and do not overlap. What was not told
to the client yet is never named, whatever the set says.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

from imap.mailboxes.view import View
from imap.protocol.partial import Partial
from imap.protocol.sequence import SequenceSet, runs

Span = tuple[int, int]


def named(view: View, sequence: SequenceSet, *, by_uid: bool) -> list[Span] | None:
    """The spans that `sequence` names; None when it names a sequence number that is not there.

    RFC 3501 §9 (seq-number): such a command is answered by BAD, also for `*` in an empty mailbox;
    §6.4.8: a UID that does not exist is ignored without any error.
    """
    if by_uid or sequence.saved:
        return uid_spans(view, sequence)
    if sequence.exceeds(view.count):
        return None
    return list(sequence.to_ranges(view.count))


def uid_spans(view: View, uids: SequenceSet) -> list[Span]:
    """The spans of the messages whose UIDs `uids` names.

    RFC 5182 §2.1: of `$` those that are still there; none is no error, whatever the command.
    """
    known, count = view.uids, view.count
    last = known[count - 1] if count else 0
    ranges = view.saved if uids.saved else uids.to_ranges(last)
    spans = (
        (bisect_left(known, low, 0, count) + 1, bisect_right(known, high, 0, count))
        for low, high in ranges
    )
    return [(first, last) for first, last in spans if first <= last]


def uid_ranges(view: View, spans: Iterable[Span]) -> list[Span]:
    """The spans as ranges of UIDs; between the UIDs of a span lies no message but its own."""
    return [(view.uid(first), view.uid(last)) for first, last in spans]


def changed_since(view: View, spans: Iterable[Span], modseq: int) -> list[Span]:
    """The spans of those messages whose modseq is greater (RFC 7162 §3.1.4.1)."""
    columns = view.columns
    if columns is not None:
        found = (columns.changed_since(first - 1, last, modseq) for first, last in spans)
        return [(start + 1, end) for ranges in found for start, end in ranges]
    numbered = ((n, view.entry(n)) for first, last in spans for n in range(first, last + 1))
    return runs([n for n, entry in numbered if entry is not None and entry.modseq > modseq])


def paged(spans: Sequence[Span], partial: Partial) -> list[Span]:
    """The messages at those places of the spans (RFC 9394 §3.3) that are there."""
    first, last = partial.window(size(spans))
    found = []
    place = 0  # of the span's first message
    for start, end in spans:
        low, high = max(start, start + first - place), min(end, start + last - place - 1)
        if low <= high:
            found.append((low, high))
        place += end - start + 1
    return found


def size(spans: Iterable[Span]) -> int:
    """How many messages are named."""
    return sum(last - first + 1 for first, last in spans)


def chunks(spans: Iterable[Span], most: int) -> Iterator[list[Span]]:
    """The same messages in turn, at most `most` at a time."""
    chunk: list[Span] = []
    room = most
    for first, last in spans:
        while first <= last:
            end = min(last, first + room - 1)
            chunk.append((first, end))
            room -= end - first + 1
            first = end + 1
            if not room:
                yield chunk
                chunk, room = [], most
    if chunk:
        yield chunk


def expunged(view: View, spans: Iterable[Span]) -> int:
    """How many of the named messages others have expunged, which this client was not told yet."""
    if view.settled:
        return 0
    columns = view.state.columns
    return sum(
        columns.find(view.uid(number)) is None
        for first, last in spans
        for number in range(first, last + 1)
    )
