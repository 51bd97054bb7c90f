"""SELECT and EXAMINE, and the commands on the mailbox they open (RFC 3501 §6.3.1, §6.4)."""

from dataclasses import dataclass

from imap.protocol.modseq import Resync, parse_select_parameters
from imap.protocol.sequence import SequenceSet
from imap.protocol.tokens import Cursor


@dataclass(slots=True)
class Select:
    """SELECT, or EXAMINE if `read_only`; with what RFC 7162 adds."""

    mailbox: str
    read_only: bool
    condstore: bool = False
    resync: Resync | None = None


@dataclass(slots=True)
class Check:
    """CHECK"""


@dataclass(slots=True)
class Close:
    """CLOSE: expunges, unless read only, and tells nothing of it."""


@dataclass(slots=True)
class Unselect:
    """UNSELECT (RFC 3691): closes without expunging."""


@dataclass(slots=True)
class Expunge:
    """EXPUNGE, or UID EXPUNGE of `uids` alone (RFC 4315 §2.1)."""

    uids: SequenceSet | None = None


# RFC 4466 §2.1: select = "SELECT" SP mailbox [select-params]
def parse_select(cursor: Cursor) -> Select:
    return _parse_select(cursor, read_only=False)


# RFC 4466 §2.1: examine = "EXAMINE" SP mailbox [select-params]
def parse_examine(cursor: Cursor) -> Select:
    return _parse_select(cursor, read_only=True)


def _parse_select(cursor: Cursor, *, read_only: bool) -> Select:
    cursor.space()
    mailbox = cursor.mailbox()
    parameters = parse_select_parameters(cursor)
    return Select(mailbox, read_only, parameters.condstore, parameters.resync)


# RFC 4315 §4: uid-expunge = "UID" SP "EXPUNGE" SP sequence-set
def parse_uid_expunge(cursor: Cursor, by_uid: bool) -> Expunge:
    cursor.space()
    return Expunge(cursor.sequence_set())
