"""SELECT and EXAMINE, and the commands on the mailbox they open (RFC 3501 §6.3.1, §6.4)."""

from dataclasses import dataclass

from imap.protocol.sequence import SequenceSet
from imap.protocol.tokens import Cursor


@dataclass(slots=True)
class Select:
    """SELECT, or EXAMINE if `read_only`."""

    mailbox: str
    read_only: bool


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


# select = "SELECT" SP mailbox
def parse_select(cursor: Cursor) -> Select:
    cursor.space()
    return Select(cursor.mailbox(), read_only=False)


# examine = "EXAMINE" SP mailbox
def parse_examine(cursor: Cursor) -> Select:
    cursor.space()
    return Select(cursor.mailbox(), read_only=True)


# RFC 4315 §4: uid-expunge = "UID" SP "EXPUNGE" SP sequence-set
def parse_uid_expunge(cursor: Cursor, by_uid: bool) -> Expunge:
    cursor.space()
    return Expunge(cursor.sequence_set())
