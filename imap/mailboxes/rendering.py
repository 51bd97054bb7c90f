"""Flags masks as IMAP writes them: `(\\Seen \\Recent $Forwarded)`, made once per mask and table.

Pure. A text belongs to one table of keywords; a mailbox that learns a keyword has a new table.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from imap.protocol.flags import ANSWERED, DELETED, DRAFT, FLAGGED, RECENT, SEEN, encode_flags
from mailserver.storage.keywords import KEYWORD_LIMIT, SYSTEM_BITS

RECENT_BIT = 1 << (SYSTEM_BITS + KEYWORD_LIMIT)
"""Stands for \\Recent in a mask: above all flags that are kept (RFC 3501 §2.3.2: it never is)."""

_SYSTEM = (SEEN, ANSWERED, FLAGGED, DELETED, DRAFT)  # in the order of their bits
_TABLES = 256  # of keywords, remembered
_TEXTS = 4096  # of one table


class _Keywords(Protocol):
    """What has a table of keywords: an imap.mailboxes.state.MailboxState."""

    keywords: list[str]


class FlagTexts(dict[int, bytes]):
    """mask → flag list in parentheses, for one table of keywords; or RECENT_BIT into the mask."""

    def __init__(self, keywords: Sequence[str]) -> None:
        super().__init__()
        self._words = (*_SYSTEM, *keywords)

    def __missing__(self, mask: int) -> bytes:
        names = [word for bit, word in enumerate(self._words) if mask >> bit & 1]
        if mask & RECENT_BIT:
            names.append(RECENT)
        if len(self) >= _TEXTS:
            self.clear()
        text = self[mask] = encode_flags(names)
        return text


@lru_cache(_TABLES)
def _texts(keywords: tuple[str, ...]) -> FlagTexts:
    return FlagTexts(keywords)


def flag_texts(state: _Keywords) -> FlagTexts:
    """The texts of a mailbox's flags masks, for loops: `texts[mask]`, `texts[mask | RECENT_BIT]`.

    Ask again after every await: the mailbox may have learned keywords.
    """
    return _texts(tuple(state.keywords))


def flags_bytes(state: _Keywords, mask: int, recent: bool) -> bytes:
    """`(\\Seen \\Recent $kw)`: the flags of one message."""
    return flag_texts(state)[mask | RECENT_BIT if recent else mask]
