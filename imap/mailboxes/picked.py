"""Messages taken out of a session's picture, in columns: what bulk answers are made of.

Pure. Where the picture is settled columns are slices of the mailbox's, with no object per message.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from imap.mailboxes.columns import SEEN, Columns
from imap.mailboxes.named import Span
from imap.mailboxes.rendering import RECENT_BIT
from imap.mailboxes.view import View
from mailserver.storage.keywords import SYSTEM_BITS, SYSTEM_MASK

RECENT = 1 << SYSTEM_BITS
"""The bit of \\Recent in `Picked.marks`: it belongs to the session, not to the mailbox."""
_MARKS = SYSTEM_BITS + 1  # bits of a mark


@dataclass(slots=True)
class Picked:
    """Messages, ascending: sequence numbers, UIDs, system flags with RECENT, keywords, ids.

    Modseqs are there when they were asked for.
    """

    numbers: Sequence[int]
    uids: Sequence[int]
    marks: bytearray
    words: Sequence[int] | None  # keywords; None: no message has any
    message_ids: Sequence[int]
    modseqs: "array[int]" = field(default_factory=lambda: array("Q"))

    def __len__(self) -> int:
        return len(self.numbers)

    def keys(self) -> Sequence[int]:
        """What a message's FLAGS say as one number, for `mask_of`."""
        if self.words is None:
            return self.marks
        return [mark | word << _MARKS for mark, word in zip(self.marks, self.words, strict=True)]

    def only(self, places: Sequence[int]) -> "Picked":
        """The messages at `places`, ascending."""
        return Picked(
            [self.numbers[i] for i in places],
            [self.uids[i] for i in places],
            bytearray(self.marks[i] for i in places),
            None if self.words is None else [self.words[i] for i in places],
            [self.message_ids[i] for i in places],
            array("Q", [self.modseqs[i] for i in places] if self.modseqs else ()),
        )

    def part(self, start: int, end: int) -> "Picked":
        """The messages at places [start, end)."""
        return Picked(
            self.numbers[start:end],
            self.uids[start:end],
            self.marks[start:end],
            None if self.words is None else self.words[start:end],
            self.message_ids[start:end],
            self.modseqs[start:end],
        )

    def unseen(self) -> list[int]:
        """The places of messages without \\Seen."""
        return [place for place, mark in enumerate(self.marks) if not mark & SEEN]


def mask_of(key: int) -> int:
    """The flags mask in a key, with RECENT_BIT if it says \\Recent."""
    mask = key & SYSTEM_MASK | key >> _MARKS << SYSTEM_BITS
    return mask | RECENT_BIT if key & RECENT else mask


def pick(view: View, spans: Sequence[Span], *, modseqs: bool = False) -> Picked:
    """The messages of `spans` as they are now; those expunged and forgotten are left out."""
    columns = view.columns
    if columns is None:
        picked = _one_by_one(view, spans)
    elif len(spans) == 1:
        picked = _slice(columns, *spans[0])
    else:
        picked = _joined(columns, spans)
    if modseqs and columns is not None:
        for first, last in spans:
            picked.modseqs += columns.modseqs[first - 1 : last]
    for first, last in view.recent_ranges:
        start, end = bisect_left(picked.uids, first), bisect_right(picked.uids, last)
        picked.marks[start:end] = picked.marks[start:end].translate(_WITH_RECENT)
    return picked


_WITH_RECENT = bytes(mark | RECENT for mark in range(256))


def _slice(columns: Columns, first: int, last: int) -> Picked:
    start = first - 1
    return Picked(
        range(first, last + 1),
        columns.uids[start:last],
        columns.system[start:last],
        None if columns.keywords is None else columns.keywords[start:last],
        columns.message_ids[start:last],
    )


def _joined(columns: Columns, spans: Iterable[Span]) -> Picked:
    numbers: list[int] = []
    words = None if columns.keywords is None else array("Q")
    uids, marks, message_ids = array("I"), bytearray(), array("Q")
    for first, last in spans:
        start = first - 1
        numbers += range(first, last + 1)
        uids += columns.uids[start:last]
        marks += columns.system[start:last]
        message_ids += columns.message_ids[start:last]
        if words is not None and columns.keywords is not None:
            words += columns.keywords[start:last]
    return Picked(numbers, uids, marks, words, message_ids)


def _one_by_one(view: View, spans: Iterable[Span]) -> Picked:
    """The picture shows messages that others have expunged: each is looked up by its UID."""
    numbered = ((n, view.entry(n)) for first, last in spans for n in range(first, last + 1))
    found = [(number, entry) for number, entry in numbered if entry is not None]
    words = [entry.flags >> SYSTEM_BITS for _, entry in found]
    return Picked(
        [number for number, _ in found],
        [entry.uid for _, entry in found],
        bytearray(entry.flags & SYSTEM_MASK for _, entry in found),
        words if any(words) else None,
        [entry.message_id for _, entry in found],
        array("Q", [entry.modseq for _, entry in found]),
    )
