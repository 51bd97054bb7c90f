"""Which flags may be changed with which rights (RFC 4314 §2.1: `s`, `t`, `w`). Pure."""

from collections.abc import Sequence

from imap.mailboxes.columns import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN
from imap.mailboxes.writing import Change
from imap.protocol import flags
from mailserver.mail.rights import Rights
from mailserver.storage.keywords import KEYWORD_LIMIT, SYSTEM_BITS

_SYSTEM = {"s": SEEN, "t": DELETED, "w": ANSWERED | FLAGGED | DRAFT}
_KEYWORDS = ((1 << KEYWORD_LIMIT) - 1) << SYSTEM_BITS
_ALL = frozenset(_SYSTEM)


def needed(flag: str) -> str:
    """The right that changing a flag takes."""
    return {flags.SEEN: "s", flags.DELETED: "t"}.get(flag, "w")


def permitted_mask(rights: Rights) -> int:
    """The flags that messages may bring along into a mailbox, as a whole mask."""
    mask = sum(bits for right, bits in _SYSTEM.items() if right in rights)
    return mask | _KEYWORDS if "w" in rights else mask


def may_store(rights: Rights, change: Change, system: int, words: Sequence[str]) -> bool:
    """False for a STORE of which nothing may be changed.

    RFC 4314 §4: else the flags that may be changed are, the others are left as they are.
    """
    if rights >= _ALL:
        return True
    if change is Change.REPLACE:
        return permitted_mask(rights) != 0
    return bool(system & permitted_mask(rights)) or ("w" in rights and len(words) > 0)
