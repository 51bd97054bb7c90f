"""SORT (RFC 5256 §3, 5957, 5267): the command and its response."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from imap.protocol.esearch import parse_return
from imap.protocol.search import Search, encode_search, parse_criteria
from imap.protocol.tokens import Cursor


class SortKey(enum.Enum):
    """What messages are sorted by; the value is its name on the wire."""

    ARRIVAL = b"ARRIVAL"
    CC = b"CC"
    DATE = b"DATE"
    DISPLAYFROM = b"DISPLAYFROM"
    """RFC 5957: the name a reader sees, or the address"""
    DISPLAYTO = b"DISPLAYTO"
    FROM = b"FROM"
    SIZE = b"SIZE"
    SUBJECT = b"SUBJECT"
    TO = b"TO"


Criterion = tuple[SortKey, bool]
"""A key, and whether its order is reversed."""


@dataclass(slots=True)
class Sort:
    """SORT, or UID SORT: what to sort by, the first criterion first, and what to find."""

    criteria: tuple[Criterion, ...]
    search: Search

    @property
    def by_uid(self) -> bool:
        return self.search.by_uid


_KEYS = {key.value: key for key in SortKey}
_MOST_CRITERIA = 2 * len(SortKey)  # each and its reverse; a key that is named again decides nothing


# sort = ["UID" SP] "SORT" [sort-return-opts] SP sort-criteria SP search-criteria
# sort-criteria = "(" sort-criterion *(SP sort-criterion) ")"
def parse_sort(cursor: Cursor, by_uid: bool) -> Sort:
    cursor.space()
    returned = parse_return(cursor)
    start = cursor.position
    criteria = cursor.items(lambda: _parse_criterion(cursor))
    if len(criteria) > _MOST_CRITERIA:
        raise cursor.fail("too many sort criteria", start)
    cursor.space()
    return Sort(criteria, parse_criteria(cursor, by_uid, returned))


# sort-criterion = ["REVERSE" SP] sort-key
def _parse_criterion(cursor: Cursor) -> Criterion:
    start = cursor.position
    word = cursor.word()
    backwards = word == b"REVERSE"
    if backwards:
        cursor.space()
        start = cursor.position
        word = cursor.word()
    key = _KEYS.get(word)
    if key is None:
        raise cursor.fail("unknown sort key", start)
    return key, backwards


# mailbox-data =/ "SORT" [1*(SP nz-number) [SP search-sort-mod-seq]] (RFC 7162 §7)
def encode_sort(numbers: Iterable[int], modseq: int | None = None) -> bytes:
    """`* SORT 2 84 882`, as `encode_search`; an empty result is told too (RFC 5256 §4)."""
    return encode_search(numbers, modseq, name="SORT")
