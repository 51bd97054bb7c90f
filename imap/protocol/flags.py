"""Message flags (RFC 3501 §2.3.2): system flags and keywords, both ways.

A flag is a `str`: a system flag spelled as in RFC 3501 (`\\Seen`), a keyword as the client wrote
it. Keywords are the same in any case (RFC 3501 §2.3.2 leaves it open, RFC 9051 §2.3.2 says so):
compare them by `fold`.
"""

import re
from collections.abc import Iterable

ANSWERED = "\\Answered"
FLAGGED = "\\Flagged"
DELETED = "\\Deleted"
SEEN = "\\Seen"
DRAFT = "\\Draft"
RECENT = "\\Recent"

SYSTEM_FLAGS = (ANSWERED, FLAGGED, DELETED, SEEN, DRAFT)
"""What a client may set besides keywords; \\Recent is the server's alone."""

ANY_KEYWORD = "\\*"
"""In PERMANENTFLAGS: new keywords may be made (RFC 3501 §7.1)."""

_SPELLING = {flag.upper().encode(): flag for flag in (*SYSTEM_FLAGS, RECENT)}

# flag-keyword = atom
_KEYWORD = re.compile(r"[^\x00-\x20\x7f-\U0010ffff(){%*\"\\\]]+")


def canonical_flag(flag: bytes) -> str:
    """A flag from the wire (ASCII), system flags in their usual spelling."""
    if flag[:1] == b"\\":
        known = _SPELLING.get(flag.upper())
        if known is not None:
            return known
    return flag.decode("ascii")


def is_keyword(flag: str) -> bool:
    """True if the text can be a keyword: an atom, which cannot begin with a backslash."""
    return _KEYWORD.fullmatch(flag) is not None


def is_settable(flag: str) -> bool:
    """True if a client may set it: \\Recent and `\\` flags nobody knows may not be."""
    return flag in SYSTEM_FLAGS or is_keyword(flag)


def fold(flag: str) -> str:
    """What two spellings of one flag have in common."""
    return flag.lower()


def encode_flags(flags: Iterable[str]) -> bytes:
    """`(\\Seen $Forwarded)`."""
    return f"({' '.join(flags)})".encode("ascii")
