"""UIDONLY (RFC 9586): what a client may not say any more once it lives without sequence numbers.

Pure.
"""

from imap.protocol.command import Command
from imap.protocol.multisearch import Esearch
from imap.protocol.responses import Condition
from imap.protocol.search import Search, names_numbers
from imap.protocol.select import Select
from imap.protocol.sort import Sort
from imap.protocol.thread import Threading
from imap.session import Answer, Session

UIDREQUIRED = b"UIDREQUIRED"  # RFC 9586 §3


def refused_by_number(session: Session, command: Command) -> Answer | None:
    """The answer to a command that speaks of sequence numbers, after ENABLE UIDONLY; else None."""
    if session.uid_only and _names_numbers(command):
        return Answer(Condition.BAD, "Sequence numbers are not used here", UIDREQUIRED)
    return None


def _names_numbers(command: Command) -> bool:
    if isinstance(command, Select):
        # RFC 9586 §3: QRESYNC without the numbers that messages had.
        return command.resync is not None and command.resync.matches is not None
    if not getattr(command, "by_uid", True):
        return True
    if isinstance(command, Esearch | Sort | Threading):
        return names_numbers(command.search.key)
    return isinstance(command, Search) and names_numbers(command.key)
