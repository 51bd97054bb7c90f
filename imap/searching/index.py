"""Asking the text index which messages hold a text: surely, perhaps, or surely not.

Vocabularies are read whole, postings only where a token matches, the most frequent tokens first:
what is in nearly every message is answered by a few of them. What is not in a pack may match.
"""

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from imap.mailboxes.picked import Picked
from imap.protocol.search import TextScope
from imap.searching.keys import Marks, Needle
from mailserver.mail.text_lookup import Lookup, Query, Span, covering, substring, words
from mailserver.mail.text_pack import numbers
from mailserver.storage import text_packs
from mailserver.storage.database import Connection, Database
from mailserver.storage.text_packs import Words

FEW = 20  # messages that are read sooner than the index is asked
_ROUNDS = (64, 256, 1_024, None)  # matching tokens looked at in turn; None: the rest
_REST = 16  # messages of a pack that are read, rather than looking at the rest


@dataclass(slots=True)
class _Search:
    """One pattern in one pack, or one beginning of a word."""

    pack: Words
    lookup: Lookup
    ordinals: Iterator[int]  # of the tokens that match
    found: set[int] = field(default_factory=set)  # places: 2n body, 2n + 1 around
    exhausted: bool = False  # `found` is all there is
    spans: list[Span] = field(default_factory=list)  # of the postings, in this round

    def next(self, most: int | None) -> None:
        """Look at the next tokens that match."""
        ordinals = list(islice(self.ordinals, most))
        self.exhausted = most is None or len(ordinals) < most
        self.spans = self.lookup.postings(ordinals)

    def take(self, ranges: Iterable[Span], read: Iterator[bytes]) -> None:
        """Take what was read of the postings, range by range."""
        spans = iter(self.spans)
        for (start, end), octets in zip(ranges, read, strict=False):
            first, last = next(spans)
            while True:
                self.found.update(numbers(octets[first - start : last - start]))
                if last == end:
                    break
                first, last = next(spans)

    def messages(self, scope: TextScope) -> set[int]:
        """The messages found, by their number in the pack."""
        return _messages(self.found, scope)


@dataclass(slots=True)
class _Question:
    """One needle in one pack."""

    pack: Words
    scope: TextScope
    query: Query
    searches: Sequence[_Search]

    def open(self, enough: int) -> Iterator[_Search]:
        """The searches to go on with; one that has found all messages but `enough` is none."""
        for search in self.searches:
            missing = len(self.pack.uids) - len(search.messages(self.scope))
            if not search.exhausted and missing > enough:
                yield search

    def answer(self) -> tuple[set[int], set[int]]:
        """(messages that surely match, messages that may), by their number in the pack."""
        if self.query.exact:
            found = [search.messages(self.scope) for search in self.searches]
            ended = [
                one for one, search in zip(found, self.searches, strict=True) if search.exhausted
            ]
            return set.intersection(*found), set(range(len(self.pack.uids))).intersection(*ended)
        # All tokens of a string are in one text: the body's, or one around it.
        places = [search.found for search in self.searches if search.exhausted]
        if not places:
            return set(), set(range(len(self.pack.uids)))
        return set(), _messages(set.intersection(*places), self.scope)


async def ask(
    database: Database, mailbox_id: int, picked: Picked, needles: Collection[Needle]
) -> Mapping[Needle, Marks]:
    """The answers of a mailbox's packs, for the needles that they know anything of."""
    queries = {needle: query for needle in needles if (query := _query(needle)) is not None}
    if not queries:
        return {}
    # Ordinals count in the vocabulary that was read: no pack may change in between.
    async with database.transaction(snapshot=True) as c:
        packs = await text_packs.vocabularies(c, mailbox_id)
        # Vocabularies are looked through in a thread: other sessions go on meanwhile.
        asked = {
            needle: await asyncio.to_thread(_questions, packs, needle, query)
            for needle, query in queries.items()
        }
        await _look_up(c, mailbox_id, [one for found in asked.values() for one in found])
    return {needle: _marks(picked, found) for needle, found in asked.items()}


def _query(needle: Needle) -> Query | None:
    _, text, fuzzy = needle
    if fuzzy and (wanted := words(text)):
        return Query(words=wanted)
    return substring(text)


def _questions(packs: Sequence[Words], needle: Needle, query: Query) -> list[_Question]:
    asked = []
    for pack in packs:
        lookup = Lookup(pack.frequencies, pack.beginnings, pack.vocabulary)
        searches = [
            _Search(pack, lookup, lookup.shared(pattern), lookup.alone(pattern))
            for pattern in query.patterns
        ]
        searches += [_Search(pack, lookup, lookup.beginning(word)) for word in query.words]
        asked.append(_Question(pack, needle[0], query, searches))
    return asked


async def _look_up(c: Connection, mailbox_id: int, asked: Sequence[_Question]) -> None:
    for most in _ROUNDS:
        enough = _REST if most is None else 0
        searches = [search for one in asked for search in one.open(enough)]
        wanted = await asyncio.to_thread(_next, searches, most)
        ranges = [
            (search.pack.last_uid, start, end) for search, found in wanted for start, end in found
        ]
        if ranges:
            read = await text_packs.postings(c, mailbox_id, ranges)
            await asyncio.to_thread(_take, wanted, read)


def _next(searches: Sequence[_Search], most: int | None) -> list[tuple[_Search, list[Span]]]:
    """What of the postings is to be read."""
    for search in searches:
        search.next(most)
    return [(search, covering(search.spans)) for search in searches]


def _take(wanted: Sequence[tuple[_Search, list[Span]]], read: Sequence[bytes]) -> None:
    octets = iter(read)
    for search, ranges in wanted:
        search.take(ranges, islice(octets, len(ranges)))


def _messages(places: Iterable[int], scope: TextScope) -> set[int]:
    if scope is TextScope.TEXT:
        return {place >> 1 for place in places}
    return {place >> 1 for place in places if not place & 1}


def _marks(picked: Picked, asked: Sequence[_Question]) -> Marks:
    surely, perhaps = bytearray(len(picked)), bytearray(b"\1" * len(picked))
    for one in asked:
        uids = one.pack.uids
        if not uids:
            continue
        start = bisect_left(picked.uids, uids[0])
        end = bisect_right(picked.uids, uids[-1])
        places = {uid: start + n for n, uid in enumerate(picked.uids[start:end])}
        matching, possible = one.answer()
        unsure = set(one.pack.partial)
        for number, uid in enumerate(uids):
            place = places.get(uid)
            if place is not None:
                surely[place] = number in matching
                perhaps[place] = number in possible or uid in unsure
    return bytes(surely), bytes(perhaps)
