"""Flags as a client names them, as what a mailbox keeps: a mask of system flags, and keywords."""

from collections.abc import Iterable

from imap.mailboxes.columns import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN
from imap.protocol import flags

SYSTEM = {
    flags.SEEN: SEEN,
    flags.ANSWERED: ANSWERED,
    flags.FLAGGED: FLAGGED,
    flags.DELETED: DELETED,
    flags.DRAFT: DRAFT,
}
"""The bit of each system flag."""


def divided(named: Iterable[str]) -> tuple[int, list[str]]:
    """(mask of the system flags, keywords) of flags that are settable."""
    mask = 0
    words = []
    for flag in named:
        bit = SYSTEM.get(flag)
        if bit is None:
            words.append(flag)
        else:
            mask |= bit
    return mask, words
