"""A text pack: the words of many messages, in a form in which any substring is found at once.

Pure. Text is cut at white space into *tokens*. A string without white space is in a text exactly
when it is in one of its tokens, so that a search for it reads the pack's vocabulary and no text.
One with white space is in few texts that hold all of its tokens, and those are read.

Invariants: tokens are UTF-8 of folded text (mailserver.mail.text.fold) without NUL; a NUL stands
before and after each of them in `vocabulary`. The most frequent come first, so that what is in
nearly every message is known to be after a few of them; those that are in one place only, which are
most, come last and in the order of places. `postings` holds, in the same order, where
each token is: 2n for the body of the n-th message, 2n + 1 for what is around it (its header, and
the headers of its parts), two octets each, little endian.
"""

import sys
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

MOST_MESSAGES = 1_024  # in one pack: rewriting it takes half a second
_FAN = 8  # so many packs of about one size become one
_GONE = 0xFFFF


@dataclass(slots=True)
class Document:
    """The tokens of one message."""

    uid: int
    body: Collection[bytes]
    around: Collection[bytes]
    whole: bool = True  # False: there is more text than this


@dataclass(slots=True)
class Pack:
    """See above. `frequencies` is frequency, number of tokens, frequency, number of tokens, …"""

    uids: Sequence[int]
    partial: Sequence[int]  # the UIDs of messages that hold more than the pack knows
    frequencies: Sequence[int]
    beginnings: Sequence[int]  # where the tokens that are in one place only begin, for each place
    vocabulary: bytes
    postings: bytes


def tokens(text: str) -> set[bytes]:
    """The distinct tokens of a folded text."""
    return set(text.encode().split())


class Builder:
    """Makes a pack of at most MOST_MESSAGES documents, added ascending by UID."""

    def __init__(self) -> None:
        self._uids: list[int] = []
        self._partial: list[int] = []
        self._places: dict[bytes, bytes] = {}

    def __len__(self) -> int:
        return len(self._uids)

    def add(self, one: Document) -> None:
        places, number = self._places, 2 * len(self._uids)
        for found, place in ((one.body, number), (one.around, number + 1)):
            packed = place.to_bytes(2, "little")
            for token in found:
                places[token] = places.get(token, b"") + packed
        self._uids.append(one.uid)
        if not one.whole:
            self._partial.append(one.uid)

    def pack(self) -> Pack:
        return _packed(self._uids, self._partial, self._places)


def merge(packs: Sequence[Pack]) -> Pack:
    """One pack of several, whose UIDs ascend from each to the next."""
    places: dict[bytes, bytes] = {}
    before = 0
    for pack in packs:
        moved = [place + before for place in numbers(pack.postings)]
        for token, start, end in _tokens(pack):
            places[token] = places.get(token, b"") + octets(moved[start:end])
        before += 2 * len(pack.uids)
    return _packed(
        [uid for pack in packs for uid in pack.uids],
        [uid for pack in packs for uid in pack.partial],
        places,
    )


def without(pack: Pack, gone: Collection[int]) -> Pack:
    """The pack without the messages of these UIDs, and without tokens that only they had."""
    kept = [number for number, uid in enumerate(pack.uids) if uid not in gone]
    moved = [_GONE] * (2 * len(pack.uids))
    for new, old in enumerate(kept):
        moved[2 * old : 2 * old + 2] = (2 * new, 2 * new + 1)
    postings = [moved[place] for place in numbers(pack.postings)]
    places = {}
    for token, start, end in _tokens(pack):
        if left := [place for place in postings[start:end] if place != _GONE]:
            places[token] = octets(left)
    uids = [pack.uids[number] for number in kept]
    return _packed(uids, [uid for uid in pack.partial if uid not in gone], places)


def absorbed(sizes: Sequence[int], messages: int) -> int:
    """How many of the packs of a mailbox, youngest first, a new one of `messages` takes in.

    Packs grow like the carries of a counter: a message is rewritten a few times in its life, and a
    mailbox has few small packs.
    """
    taken = 0
    while True:
        total, run = messages, 0
        for size in sizes[taken:]:
            if size >= _FAN * messages or total + size > MOST_MESSAGES:
                break
            total, run = total + size, run + 1
        if run < _FAN - 1:
            return taken
        taken, messages = taken + run, total


def numbers(postings: bytes) -> "array[int]":
    """Postings, or a part of them, as numbers."""
    return _native(array("H", postings))


def octets(places: Iterable[int]) -> bytes:
    """Numbers as postings."""
    return _native(array("H", places)).tobytes()


def _native(values: "array[int]") -> "array[int]":
    if sys.byteorder == "big":
        values.byteswap()
    return values


def _packed(uids: list[int], partial: list[int], places: dict[bytes, bytes]) -> Pack:
    shared = [item for item in places.items() if len(item[1]) > 2]
    shared.sort(key=lambda item: len(item[1]), reverse=True)
    single = [item for item in places.items() if len(item[1]) == 2]
    single.sort(key=lambda item: int.from_bytes(item[1], "little"))
    frequencies: list[int] = []
    for _, found in shared:
        if frequencies and 2 * frequencies[-2] == len(found):
            frequencies[-1] += 1
        else:
            frequencies += (len(found) // 2, 1)
    if single:
        frequencies += (1, len(single))
    ordered = [*shared, *single]
    return Pack(
        uids,
        partial,
        frequencies,
        _beginnings(single, 2 * len(uids), sum([len(token) + 1 for token, _ in shared])),
        b"\0".join([b"", *(token for token, _ in ordered), b""]),
        b"".join([found for _, found in ordered]),
    )


def _beginnings(single: Sequence[tuple[bytes, bytes]], places: int, offset: int) -> list[int]:
    beginnings: list[int] = []
    for token, packed in single:
        place = int.from_bytes(packed, "little")
        while len(beginnings) <= place:
            beginnings.append(offset)
        offset += len(token) + 1
    return beginnings + [offset] * (places + 1 - len(beginnings))


def _tokens(pack: Pack) -> Iterator[tuple[bytes, int, int]]:
    """Each token and the range of its postings, in numbers."""
    token = iter(pack.vocabulary[1:-1].split(b"\0"))
    start = 0
    for frequency, count in zip(pack.frequencies[::2], pack.frequencies[1::2], strict=True):
        for _ in range(count):
            yield next(token), start, start + frequency
            start += frequency
