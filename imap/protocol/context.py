"""Results that are kept up to date (RFC 5267 §4.3): CANCELUPDATE, and what is told of changes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from imap.protocol.esearch import in_order
from imap.protocol.tokens import Cursor

Change = tuple[int, Sequence[int]]
"""A context position, 0 for any, and the messages that come or go there, in the result's order."""


@dataclass(slots=True)
class CancelUpdate:
    """CANCELUPDATE: the tags of the searches whose changes are of no more interest."""

    tags: tuple[bytes, ...]


# command-select =/ "CANCELUPDATE" 1*(SP quoted)
def parse_cancelupdate(cursor: Cursor) -> CancelUpdate:
    cursor.space()
    tags = [cursor.string()]
    while cursor.more():
        tags.append(cursor.string())
    return CancelUpdate(tuple(tags))


# resp-text-code =/ "NOUPDATE" SP quoted
def noupdate_code(tag: bytes) -> bytes:
    """`NOUPDATE "B02"`; a tag has nothing that must be escaped."""
    return b'NOUPDATE "%b"' % tag


# ret-data-addto = "ADDTO" SP "(" context-position SP sequence-set
#                  *(SP context-position SP sequence-set) ")"
def added(changes: Iterable[Change]) -> tuple[bytes, bytes]:
    """`ADDTO (1 2731:2733)`, for `responses.esearch`; each pair as of its turn."""
    return b"ADDTO", _pairs(changes)


# ret-data-removefrom = "REMOVEFROM" SP "(" context-position SP sequence-set
#                       *(SP context-position SP sequence-set) ")"
def removed(changes: Iterable[Change]) -> tuple[bytes, bytes]:
    """`REMOVEFROM (0 32768)`, as `added`."""
    return b"REMOVEFROM", _pairs(changes)


def _pairs(changes: Iterable[Change]) -> bytes:
    return b"(%b)" % b" ".join(b"%d %b" % (place, in_order(numbers)) for place, numbers in changes)
