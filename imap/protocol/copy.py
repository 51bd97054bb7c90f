"""COPY (RFC 3501 §6.4.7) and MOVE (RFC 6851)."""

from dataclasses import dataclass

from imap.protocol.sequence import SequenceSet
from imap.protocol.tokens import Cursor


@dataclass(slots=True)
class Copy:
    """COPY, or UID COPY if `by_uid`."""

    sequence: SequenceSet
    mailbox: str
    by_uid: bool = False


@dataclass(slots=True)
class Move:
    """MOVE, or UID MOVE if `by_uid`."""

    sequence: SequenceSet
    mailbox: str
    by_uid: bool = False


# copy = "COPY" SP sequence-set SP mailbox
def parse_copy(cursor: Cursor, by_uid: bool) -> Copy:
    return Copy(*_parse_arguments(cursor), by_uid)


# RFC 6851 §5: move = "MOVE" SP sequence-set SP mailbox
def parse_move(cursor: Cursor, by_uid: bool) -> Move:
    return Move(*_parse_arguments(cursor), by_uid)


def _parse_arguments(cursor: Cursor) -> tuple[SequenceSet, str]:
    cursor.space()
    sequence = cursor.sequence_set()
    cursor.space()
    return sequence, cursor.mailbox()
