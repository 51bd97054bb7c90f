"""Sets of message numbers, sequence numbers or UIDs (RFC 3501 §9: sequence-set), both ways.

Invariant: the ranges of a `SequenceSet` ascend, do not overlap and do not touch; so a set of a
million ranges that says `1:*` a million times is one range, and work on a set is linear in what it
says, never in how it says it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from imap.protocol.errors import ParseError

# "*" is greater than any nz-number, so that ranges with it order like the others.
STAR = 1 << 32

Ranges = tuple[tuple[int, int], ...]

# seq-number = nz-number / "*";  nz-number is an unsigned 32-bit integer, not zero
_NUMBER = rb"(?:[1-9][0-9]{0,9}|\*)"
# sequence-set = (seq-number / seq-range) *("," sequence-set)
_ITEM = re.compile(rb"(" + _NUMBER + rb")(?::(" + _NUMBER + rb"))?")


@dataclass(slots=True)
class SequenceSet:
    """Numbers named by a client; `STAR` stands for the largest number in use.

    `saved`: not numbers, but the messages of the last SEARCH that was saved (`$`, RFC 5182).
    """

    ranges: Ranges
    saved: bool = False

    @classmethod
    def of(cls, ranges: Iterable[tuple[int, int]]) -> "SequenceSet":
        """A set of any ranges, in any order; `(4, 2)` is `2:4` (RFC 3501 §9)."""
        return cls(_coalesce(ranges))

    @classmethod
    def parse(cls, text: bytes) -> "SequenceSet":
        """`2,4:7,9,12:*` as a set, in linear time. Raises ParseError."""
        if text == b"1:*":
            return cls(((1, STAR),))
        if text == b"$":
            # RFC 5182 §2.1: it stands alone, never in a list.
            return cls((), saved=True)
        ranges: list[tuple[int, int]] = []
        position = 0
        for item in text.split(b","):
            found = _ITEM.fullmatch(item)
            if found is None:
                raise ParseError(position, "expected a sequence set")
            first, last = found.groups()
            low = STAR if first == b"*" else int(first)
            high = low if last is None else STAR if last == b"*" else int(last)
            if low > STAR or high > STAR or b"4294967296" in (first, last):
                raise ParseError(position, "message numbers have 32 bits")
            ranges.append((low, high))
            position += len(item) + 1
        return cls(_coalesce(ranges))

    def encode(self) -> bytes:
        """The set as IMAP writes it, in its shortest form."""
        if self.saved:
            return b"$"
        return b",".join(
            _star(low) if low == high else b"%b:%b" % (_star(low), _star(high))
            for low, high in self.ranges
        )

    def to_ranges(self, maximum: int) -> Ranges:
        """The ranges of numbers from 1 to `maximum` that are meant; none if it is 0.

        RFC 3501 §9: `*` is the largest number in use, so `559:*` always holds it, also if it is
        less than 559.
        """
        if maximum < 1:
            return ()
        found: list[tuple[int, int]] = []
        for low, high in self.ranges:
            if high == STAR:
                found.append((min(low, maximum), maximum))
            elif low <= maximum:
                found.append((low, min(high, maximum)))
        return _coalesce(found)

    def numbers(self, maximum: int) -> Iterator[int]:
        """Each number from 1 to `maximum` that is meant, once, ascending."""
        for low, high in self.to_ranges(maximum):
            yield from range(low, high + 1)

    def exceeds(self, maximum: int) -> bool:
        """True if a number larger than `maximum` is named, or `*` where there is none.

        Such a message sequence number is an error (RFC 3501 §9), such a UID is not (§6.4.8).
        """
        if maximum < 1:
            return bool(self.ranges)
        named = (low if high == STAR else high for low, high in self.ranges)
        return any(number > maximum for number in named if number != STAR)


def _star(number: int) -> bytes:
    return b"*" if number == STAR else b"%d" % number


def _coalesce(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Ranges ascending, none overlapping or touching another."""
    ordered = sorted((low, high) if low <= high else (high, low) for low, high in ranges)
    if len(ordered) < 2:
        return tuple(ordered)
    joined: list[tuple[int, int]] = []
    start, end = ordered[0]
    for low, high in ordered:
        if low > end + 1:
            joined.append((start, end))
            start, end = low, high
        elif high > end:
            end = high
    joined.append((start, end))
    return tuple(joined)


def runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """The runs of strictly ascending numbers: [1, 2, 3, 7] gives [(1, 3), (7, 7)].

    Takes steps per run, not per number: an array of 100,000 consecutive UIDs costs 34.
    """
    found: list[tuple[int, int]] = []
    start, total = 0, len(numbers)
    while start < total:
        first = numbers[start]
        step = 1
        while start + step < total and numbers[start + step] - first == step:
            step *= 2
        # The run ends in [start + step // 2, start + step): bisect.
        inside, outside = start + step // 2, min(start + step, total)
        while outside - inside > 1:
            middle = (inside + outside) // 2
            if numbers[middle] - first == middle - start:
                inside = middle
            else:
                outside = middle
        found.append((first, numbers[inside]))
        start = inside + 1
    return found


def compact(numbers: Sequence[int]) -> bytes:
    """Strictly ascending numbers in the shortest form: [1, 2, 3, 7] gives `1:3,7`."""
    return b",".join(
        b"%d" % low if low == high else b"%d:%d" % (low, high) for low, high in runs(numbers)
    )
