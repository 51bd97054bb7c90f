"""STORE (RFC 3501 §6.4.6)."""

import enum
from dataclasses import dataclass

from imap.protocol.modseq import parse_unchanged_since
from imap.protocol.sequence import SequenceSet
from imap.protocol.tokens import Cursor


class StoreMode(enum.Enum):
    """What happens to the flags a message has; the value is the item's name on the wire."""

    REPLACE = b"FLAGS"
    ADD = b"+FLAGS"
    REMOVE = b"-FLAGS"


@dataclass(slots=True)
class Store:
    """STORE, or UID STORE if `by_uid`; `silent`: the client does not want the new flags told.

    `flags` are as the client named them; `flags.is_settable` tells which it may set.
    `unchanged_since`: only messages whose modseq is not greater (RFC 7162 §3.1.3); None: all.
    """

    sequence: SequenceSet
    mode: StoreMode
    silent: bool
    flags: tuple[str, ...]
    by_uid: bool = False
    unchanged_since: int | None = None


_ITEMS = {
    mode.value + suffix: (mode, bool(suffix)) for mode in StoreMode for suffix in (b"", b".SILENT")
}


# store = "STORE" SP sequence-set [store-modifiers] SP store-att-flags (RFC 4466 §2.5)
# store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))
def parse_store(cursor: Cursor, by_uid: bool) -> Store:
    cursor.space()
    sequence = cursor.sequence_set()
    cursor.space()
    unchanged_since = None
    if cursor.at(b"("):
        unchanged_since = parse_unchanged_since(cursor)
        cursor.space()
    start = cursor.position
    item = _ITEMS.get(cursor.atom().upper())
    if item is None:
        raise cursor.fail("unknown STORE item", start)
    cursor.space()
    if cursor.at(b"("):
        flags = cursor.flag_list()
    else:
        listed = [cursor.flag()]
        while cursor.more():
            listed.append(cursor.flag())
        flags = tuple(listed)
    mode, silent = item
    return Store(sequence, mode, silent, flags, by_uid, unchanged_since)
