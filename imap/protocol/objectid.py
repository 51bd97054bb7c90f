"""Object identifiers (RFC 8474): what names a mailbox or a message whatever it is called."""

import re

from imap.protocol.tokens import Cursor

# RFC 8474 §7: objectid = 1*255(ALPHA / DIGIT / "_" / "-")
_OBJECTID = re.compile(rb"[A-Za-z0-9_-]{1,255}")
_EMAILID = re.compile(rb"M([1-9][0-9]{0,18})")
_THREADID = re.compile(rb"T([1-9][0-9]{0,18})")


def parse_objectid(cursor: Cursor) -> bytes:
    """An identifier, whether or not anything has it."""
    start = cursor.position
    word = cursor.atom()
    if not _OBJECTID.fullmatch(word):
        raise cursor.fail("expected an object identifier", start)
    return word


def mailboxid(mailbox: int) -> bytes:
    """`(F12)`, the MAILBOXID of a mailbox by its number."""
    return b"(F%d)" % mailbox


def mailboxid_code(mailbox: int) -> bytes:
    """`MAILBOXID (F12)`, in the answers to CREATE and SELECT."""
    return b"MAILBOXID " + mailboxid(mailbox)


EMAILID_PAIR = b"EMAILID (M%d)"
"""An item of FETCH, to be formatted with the number of the message."""


def message_of(emailid: bytes) -> int | None:
    """The number of the message that has an EMAILID; None: none can have it."""
    found = _EMAILID.fullmatch(emailid)
    return int(found[1]) if found else None


def thread_of(threadid: bytes) -> int | None:
    """The number of the conversation that has a THREADID; None: none can have it."""
    found = _THREADID.fullmatch(threadid)
    return int(found[1]) if found else None
