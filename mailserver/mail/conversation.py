"""Which conversation a message is of, by what it says itself (RFC 8474 §5.2): nothing is looked up.

RFC 5322 §3.6.4 has each answer pass on the References of what it answers, so the first of them is
the message that began it all, and messages that name the same beginning are of one conversation, in
whatever order and through whatever process they come. A reply under a new subject begins another
(RFC 8621 §3). Where a client says In-Reply-To alone, what is answered counts as the beginning.

Pure, linear, never raises.
"""

import hashlib
import re
from typing import NamedTuple

from mailserver.mail.headers import decode_words, values
from mailserver.mail.media import FieldValues
from mailserver.mail.subject import base_subject
from mailserver.mail.text import fold
from mailserver.mail.threads import first_message_id

_OWN = frozenset((b"message-id",))
_BEGINNINGS = (b"references", b"in-reply-to", b"message-id")  # the first that has one counts


# What most subjects are; of these it is quickly told what `base_subject` leaves.
_COMMON = re.compile(rb"(?:re: *+)?+([^]\[:(=\x00-\x1f\x80-\xff]*+)", re.IGNORECASE).fullmatch


class Conversation(NamedTuple):
    """What messages of one conversation have in common."""

    beginning: bytes | None  # a message id; None: the message names none, not even its own
    subject: bytes  # the base subject, folded, without white space


def conversation(fields: FieldValues) -> Conversation:
    """By the unfolded fields of a header."""
    subject = fields.get(b"subject")
    return Conversation(_beginning(fields), _subject(subject[0]) if subject else b"")


def _subject(value: bytes) -> bytes:
    common = _COMMON(value)
    if common is not None:
        return common[1].upper().replace(b" ", b"")
    base = fold(base_subject(decode_words(value)).text)
    return base.replace(" ", "").encode("utf-8", "replace")


def _beginning(fields: FieldValues) -> bytes | None:
    for name in _BEGINNINGS:
        for value in fields.get(name, ()):
            if (found := first_message_id(value)) is not None:
                return found
    return None


def thread_id(found: Conversation, account_id: int, prefix: bytes, alone: int) -> int:
    """The number of the conversation in an account, positive, of 63 bits.

    `prefix` is what stands before the message, where we may have named it; `alone` is the number
    where nobody did. Accounts have numbers of their own, which tell nothing of each other's mail.
    """
    beginning = found.beginning
    if beginning is None:
        beginning = _beginning(values(prefix, _OWN)[0])
    if beginning is None:
        return alone
    text = b"%d %b\0%b" % (account_id, beginning, found.subject)
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) >> 1
