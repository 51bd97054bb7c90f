"""Which flags may be changed with which rights (RFC 4314 §2.1: `s`, `t`, `w`). Pure."""

from collections.abc import Iterable, Sequence

from imap.columns import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN
from imap.opened import Change
from imap.protocol import flags
from mailserver.mail.rights import Rights
from mailserver.storage.keywords import KEYWORD_LIMIT, SYSTEM_BITS

_SYSTEM = {"s": SEEN, "t": DELETED, "w": ANSWERED | FLAGGED | DRAFT}
_KEYWORDS = ((1 << KEYWORD_LIMIT) - 1) << SYSTEM_BITS
_ALL = frozenset(_SYSTEM)

Step = tuple[Change, int, Sequence[str]]  # a mask of system flags, and keywords


def needed(flag: str) -> str:
    """The right that changing a flag takes."""
    return {flags.SEEN: "s", flags.DELETED: "t"}.get(flag, "w")


def permitted_mask(rights: Rights) -> int:
    """The flags that messages may bring along into a mailbox, as a whole mask."""
    mask = sum(bits for right, bits in _SYSTEM.items() if right in rights)
    return mask | _KEYWORDS if "w" in rights else mask


def steps(
    rights: Rights, change: Change, system: int, words: Sequence[str], known: Iterable[str]
) -> list[Step]:
    """What a STORE comes to where only some flags may be changed; empty: nothing of it.

    RFC 4314 §4: the flags that may be changed are, the others are left as they are. `known` are
    the mailbox's keywords.
    """
    if rights >= _ALL:
        return [(change, system, words)]
    mask = permitted_mask(rights) & ~_KEYWORDS
    allowed = words if "w" in rights else ()
    if change is Change.REPLACE:
        kept = {flags.fold(word) for word in words}
        others = [w for w in known if flags.fold(w) not in kept] if "w" in rights else []
        both = [(Change.ADD, system & mask, allowed), (Change.REMOVE, mask & ~system, others)]
        return both if mask else []
    return [(change, system & mask, allowed)] if system & mask or allowed else []
