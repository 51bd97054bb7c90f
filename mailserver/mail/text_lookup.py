"""Looking a string up in text packs (mailserver.mail.text_pack): exactly, or by its words.

Pure. Patterns say what tokens must hold; a lookup finds the tokens in a vocabulary and tells where
their postings are, so that no more of the postings is read than that.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

_GAP = 4_096  # octets: reading on costs less than beginning again
_WORDS = re.compile(r"\w+")

Span = tuple[int, int]


@dataclass(slots=True)
class Query:
    """What a vocabulary must hold where a text matches: all of `patterns`, or `words`.

    `exact`: where it does, the text matches; else the text has to be read.
    """

    patterns: Sequence[bytes] = ()
    words: Sequence[str] = ()
    exact: bool = True


def substring(needle: str) -> Query | None:
    """The query of a folded string; None for one that vocabularies know nothing of: blanks."""
    raw = needle.encode()
    pieces = raw.split()
    if not pieces:
        return None
    # A token ends where white space follows it in the needle, and begins after it.
    first, last = raw[:1].isspace(), raw[-1:].isspace()
    patterns = [
        (b"\0" if place or first else b"")
        + piece
        + (b"\0" if last or place < len(pieces) - 1 else b"")
        for place, piece in enumerate(pieces)
    ]
    return Query(patterns, exact=len(pieces) == 1 and not first and not last)


def words(needle: str) -> list[str]:
    """The words of a folded string, without marks, for a fuzzy search."""
    return _WORDS.findall(unmarked(needle))


def unmarked(text: str) -> str:
    """A folded text without accents and other marks."""
    if text.isascii():
        return text
    return "".join([letter for letter in text if not unicodedata.combining(letter)])


def has_word(text: str, word: str) -> bool:
    """Whether a word of an unmarked text begins with `word`."""
    found = text.find(word)
    while found > 0 and _is_word(text[found - 1]):
        found = text.find(word, found + 1)
    return found >= 0


def _is_word(letter: str) -> bool:
    return letter.isalnum() or letter == "_"


class Lookup:
    """Finds tokens in the vocabulary of a pack."""

    __slots__ = ("_beginnings", "_frequencies", "_ordinals", "_starts", "_vocabulary")

    def __init__(
        self, frequencies: Sequence[int], beginnings: Sequence[int], vocabulary: bytes
    ) -> None:
        self._vocabulary = vocabulary
        self._beginnings = beginnings
        self._frequencies = frequencies[::2]
        counts = frequencies[1::2]
        self._ordinals = list(accumulate(counts, initial=0))
        sizes = (f * n for f, n in zip(self._frequencies, counts, strict=True))
        self._starts = list(accumulate(sizes, initial=0))

    def alone(self, pattern: bytes) -> set[int]:
        """The places of tokens that hold the pattern and are in no other place.

        A place is left at the first such token: many thousands of links cost no more than one.
        """
        find, beginnings = self._vocabulary.find, self._beginnings
        places: set[int] = set()
        found = find(pattern, beginnings[0])
        while found >= 0:
            start = found + 1 if pattern.startswith(b"\0") else found
            place = bisect_left(beginnings, start) - 1
            places.add(place)
            found = find(pattern, beginnings[place + 1])
        return places

    def shared(self, pattern: bytes) -> Iterator[int]:
        """The ordinals of the tokens that hold the pattern and are in several places, ascending."""
        find, count = self._vocabulary.find, self._vocabulary.count
        end = self._beginnings[0] + 1
        inside = pattern.startswith(b"\0")
        ordinal, counted = -1, 0
        found = find(pattern, 0, end)
        while found >= 0:
            start = found + inside
            ordinal += count(b"\0", counted, start)
            counted = start
            yield ordinal
            found = find(pattern, find(b"\0", start), end)

    def beginning(self, word: str) -> Iterator[int]:
        """The ordinals of the tokens in which a word begins with `word`, ascending."""
        text = unmarked(self._vocabulary.decode())
        ordinal, counted = -1, 0
        found = text.find(word)
        while found >= 0:
            ordinal += text.count("\0", counted, found)
            counted = found
            if found == 0 or not _is_word(text[found - 1]):
                yield ordinal
                found = text.find("\0", found)
            found = text.find(word, found + 1)

    def postings(self, ordinals: Iterable[int]) -> list[Span]:
        """Where in the postings the tokens' are, in octets."""
        spans: list[Span] = []
        start = end = -1
        for ordinal in ordinals:
            run = bisect_right(self._ordinals, ordinal) - 1
            frequency = self._frequencies[run]
            first = 2 * (self._starts[run] + (ordinal - self._ordinals[run]) * frequency)
            if first != end:
                if end > 0:
                    spans.append((start, end))
                start = first
            end = first + 2 * frequency
        if end > 0:
            spans.append((start, end))
        return spans


def covering(spans: Iterable[Span]) -> list[Span]:
    """Fewer ranges that hold all of the spans, which ascend."""
    ranges: list[Span] = []
    for start, end in spans:
        if ranges and start <= ranges[-1][1] + _GAP:
            ranges[-1] = ranges[-1][0], end
        else:
            ranges.append((start, end))
    return ranges
