"""What a mailbox is for (RFC 6154): which uses there are here, and the annotation that tells it."""

from collections.abc import Mapping, Sequence

from imap.protocol import responses
from imap.protocol.mailbox import SPELLING
from imap.protocol.mailbox_name import INBOX
from imap.session import Answer
from mailserver.storage.annotations import SPECIAL_USE

# RFC 6154 §2: \All and \Flagged are views of other mailboxes, which we have none of.
_USES = frozenset(("\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash"))


def refused_use(mailbox: str, uses: Sequence[str], *, owned: bool) -> Answer | None:
    """The answer where the mailbox cannot have these; `owned`: by who asks."""
    possible = owned and mailbox != INBOX and len(uses) == 1 and _USES.issuperset(uses)
    if possible or not uses:
        return None
    return Answer.no("No mailbox can have this use", responses.USEATTR)


def annotated_uses(values: Mapping[str, bytes | None]) -> tuple[str, ...]:
    """The uses that SETMETADATA gives a mailbox, as they are spelled; none where it gives none."""
    words = (values.get(SPECIAL_USE) or b"").decode("latin-1").split()
    return tuple(SPELLING.get(word.upper(), word) for word in words)


def spelled(values: dict[str, bytes | None]) -> dict[str, bytes | None]:
    """The same, with a use as it is spelled, None for none."""
    if SPECIAL_USE not in values:
        return values
    return values | {SPECIAL_USE: " ".join(annotated_uses(values)).encode("latin-1") or None}
