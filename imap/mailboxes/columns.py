"""A mailbox in memory, in columns: 21 bytes a message, no object per message.

Pure. Index i is a message: its UID, system flags, keywords, modseq and message id. UIDs ascend.
Bulk changes of flags are `bytes.translate` over a slice; the keyword column exists only once a
message has a keyword. Appending extends the columns in place; removing makes a new `Columns`, so
that a session which still shows the removed messages keeps the UIDs it has told its client.
"""

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mailserver.storage.keywords import SYSTEM_BITS, SYSTEM_MASK

SEEN, ANSWERED, FLAGGED, DELETED, DRAFT = (1 << bit for bit in range(SYSTEM_BITS))

MAX_UID = 2**32 - 1  # RFC 3501 §2.3.1.1

_MARKED = re.compile(b"\x01+")


@dataclass(slots=True)
class Entry:
    """One message of a mailbox; `flags` is a whole mask, system flags and keywords."""

    uid: int
    message_id: int
    flags: int
    modseq: int


def greater(modseqs: Iterable[int], modseq: int) -> bytes:
    """For each of `modseqs` 1 if it is greater than `modseq`, else 0."""
    return bytes(map(modseq.__lt__, modseqs))


class Columns:
    """All messages of a mailbox, ascending by UID."""

    __slots__ = ("keywords", "message_ids", "modseqs", "system", "uids")

    def __init__(self) -> None:
        self.uids = array("I")
        self.system = bytearray()
        self.keywords: array[int] | None = None
        self.modseqs = array("Q")
        self.message_ids = array("Q")

    def __len__(self) -> int:
        return len(self.uids)

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    def flags(self, index: int) -> int:
        """The whole flags mask of a message."""
        system = self.system[index]
        return system if self.keywords is None else system | self.keywords[index] << SYSTEM_BITS

    def entry(self, index: int) -> Entry:
        return Entry(
            self.uids[index], self.message_ids[index], self.flags(index), self.modseqs[index]
        )

    def find(self, uid: int) -> int | None:
        """The index of `uid`."""
        index = bisect_left(self.uids, uid)
        return index if index < len(self.uids) and self.uids[index] == uid else None

    def slices(self, ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Ranges of UIDs (first, last; inclusive) as index ranges [start, end) that exist."""
        for first, last in ranges:
            start, end = bisect_left(self.uids, first), bisect_right(self.uids, last)
            if start < end:
                yield start, end

    def with_flag(self, bit: int) -> list[tuple[int, int]]:
        """Index ranges [start, end) of messages with a system flag."""
        table = bytes(bool(value & bit) for value in range(256))
        return [match.span() for match in _MARKED.finditer(self.system.translate(table))]

    def count_without(self, bit: int, start: int, end: int) -> int:
        """How many of [start, end) lack a system flag."""
        table = bytes(not value & bit for value in range(256))
        return self.system[start:end].translate(table).count(1)

    def would_change(
        self, start: int, end: int, set_mask: int, clear_mask: int
    ) -> Iterator[tuple[int, int]]:
        """Index ranges inside [start, end) whose flags the masks would alter."""
        table = bytes(
            (value & ~clear_mask | set_mask) & SYSTEM_MASK != value for value in range(32)
        )
        marks = bytearray(self.system[start:end].translate(table.ljust(256, b"\0")))
        set_words, clear_words = set_mask >> SYSTEM_BITS, clear_mask >> SYSTEM_BITS
        if set_words or (clear_words and self.keywords is not None):
            words = self.keywords or array("Q", bytes(8 * len(self)))
            for place, value in enumerate(words[start:end]):
                if (value & ~clear_words) | set_words != value:
                    marks[place] = 1
        for match in _MARKED.finditer(marks):
            yield start + match.start(), start + match.end()

    def changed_since(self, start: int, end: int, modseq: int) -> Iterator[tuple[int, int]]:
        """Index ranges inside [start, end) whose modseq is greater."""
        for match in _MARKED.finditer(greater(self.modseqs[start:end], modseq)):
            yield start + match.start(), start + match.end()

    def unchanged_since(self, start: int, end: int, modseq: int) -> Iterator[tuple[int, int]]:
        """Index ranges inside [start, end) whose modseq is not greater."""
        for changed, following in self.changed_since(start, end, modseq):
            if start < changed:
                yield start, changed
            start = following
        if start < end:
            yield start, end

    # ── changing ─────────────────────────────────────────────────────────────────────────────

    def append(self, rows: Iterable[Sequence[int]]) -> None:
        """Add (uid, message id, flags, modseq) rows with UIDs above all that are there."""
        for uid, message_id, flags, modseq in rows:
            self.uids.append(uid)
            self.message_ids.append(message_id)
            self.modseqs.append(modseq)
            self.system.append(flags & SYSTEM_MASK)
            words = flags >> SYSTEM_BITS
            if self.keywords is not None:
                self.keywords.append(words)
            elif words:
                self.keywords = array("Q", bytes(8 * (len(self.system) - 1)))
                self.keywords.append(words)

    def change(self, start: int, end: int, set_mask: int, clear_mask: int, modseq: int) -> None:
        """Clear and set flags of [start, end), in place."""
        table = bytes((value & ~clear_mask | set_mask) & SYSTEM_MASK for value in range(32))
        self.system[start:end] = self.system[start:end].translate(table.ljust(256, b"\0"))
        self.modseqs[start:end] = array("Q", (modseq,)) * (end - start)
        set_words, clear_words = set_mask >> SYSTEM_BITS, clear_mask >> SYSTEM_BITS
        if set_words and self.keywords is None:
            self.keywords = array("Q", bytes(8 * len(self)))
        if self.keywords is not None and (set_words or clear_words):
            keep = ~clear_words
            changed = [value & keep | set_words for value in self.keywords[start:end]]
            self.keywords[start:end] = array("Q", changed)

    def without(self, gone: Sequence[tuple[int, int]]) -> "Columns":
        """A copy that lacks the index ranges [start, end) of `gone`, ascending."""
        copy = Columns()
        copy.uids = self.uids[:]
        copy.system = self.system[:]
        copy.keywords = None if self.keywords is None else self.keywords[:]
        copy.modseqs = self.modseqs[:]
        copy.message_ids = self.message_ids[:]
        for start, end in reversed(gone):
            del copy.uids[start:end]
            del copy.system[start:end]
            del copy.modseqs[start:end]
            del copy.message_ids[start:end]
            if copy.keywords is not None:
                del copy.keywords[start:end]
        return copy
