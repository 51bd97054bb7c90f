"""What the server says (RFC 3501 §7): status responses, their codes, and the small data lines.

Every function gives whole lines or whole tokens. Words that have a file of their own are written
there: `fetch.encode_fetch`, `listing.encode_list`, `status.encode_status`, `search.encode_search`,
`flags.encode_flags`, `sequence.compact`, `session.encode_id`.
"""

import enum
import re
from collections.abc import Iterable, Sequence

from imap.protocol.flags import encode_flags
from imap.protocol.sequence import compact
from imap.protocol.strings import astring

# text = 1*TEXT-CHAR;  TEXT-CHAR is any CHAR except CR and LF
_NO_TEXT = re.compile(rb"[^\x20-\x7e]+")


class Condition(enum.Enum):
    """resp-cond-state, resp-cond-auth and resp-cond-bye"""

    OK = b"OK"
    NO = b"NO"
    BAD = b"BAD"
    BYE = b"BYE"
    PREAUTH = b"PREAUTH"


def tagged(tag: bytes, condition: Condition, text: str, code: bytes | None = None) -> bytes:
    """`a1 OK [READ-WRITE] SELECT completed`: the last word on a command. `code` without `[]`."""
    # resp-text = ["[" resp-text-code "]" SP] text
    line = _text(text) if code is None else b"[%b] %b" % (code, _text(text))
    return b"%b %b %b\r\n" % (tag, condition.value, line)


def untagged(condition: Condition, text: str, code: bytes | None = None) -> bytes:
    """`* OK [UIDVALIDITY 3857529045] UIDs valid`."""
    return tagged(b"*", condition, text, code)


def continuation(text: str = "") -> bytes:
    """`+ text`: send the literal, or go on idling. Without a text "OK"."""
    # RFC 3501 §7.5: continue-req = "+" SP (resp-text / base64) CRLF
    return b"+ %b\r\n" % (_text(text) if text else b"OK")


def challenge(data_base64: bytes) -> bytes:
    """`+ …`: a SASL challenge, already in base64; empty for none."""
    return b"+ %b\r\n" % data_base64


def _text(text: str) -> bytes:
    return _NO_TEXT.sub(b" ", text.encode("ascii", "replace")).strip() or b"-"


# resp-text-code, for the `code` argument of `tagged` and `untagged`: the words without values

ALERT = b"ALERT"
PARSE = b"PARSE"
READ_ONLY = b"READ-ONLY"
READ_WRITE = b"READ-WRITE"
TRYCREATE = b"TRYCREATE"
CLOSED = b"CLOSED"  # RFC 7162 §3.2.11
UIDNOTSTICKY = b"UIDNOTSTICKY"  # RFC 4315 §3
UNKNOWN_CTE = b"UNKNOWN-CTE"  # RFC 3516 §4.3
TOOBIG = b"TOOBIG"  # RFC 4469 §4.2
COMPRESSIONACTIVE = b"COMPRESSIONACTIVE"  # RFC 4978 §3
USEATTR = b"USEATTR"  # RFC 6154 §3
# RFC 5530 §3
UNAVAILABLE = b"UNAVAILABLE"
AUTHENTICATIONFAILED = b"AUTHENTICATIONFAILED"
AUTHORIZATIONFAILED = b"AUTHORIZATIONFAILED"
EXPIRED = b"EXPIRED"
PRIVACYREQUIRED = b"PRIVACYREQUIRED"
CONTACTADMIN = b"CONTACTADMIN"
NOPERM = b"NOPERM"
INUSE = b"INUSE"
EXPUNGEISSUED = b"EXPUNGEISSUED"
CORRUPTION = b"CORRUPTION"
SERVERBUG = b"SERVERBUG"
CLIENTBUG = b"CLIENTBUG"
CANNOT = b"CANNOT"
LIMIT = b"LIMIT"
OVERQUOTA = b"OVERQUOTA"
ALREADYEXISTS = b"ALREADYEXISTS"
NONEXISTENT = b"NONEXISTENT"


def capability_code(capabilities: Iterable[str]) -> bytes:
    """`CAPABILITY IMAP4rev1 IDLE`."""
    return " ".join(("CAPABILITY", *capabilities)).encode("ascii")


def badcharset_code(charsets: Iterable[str]) -> bytes:
    """`BADCHARSET (US-ASCII UTF-8)`."""
    return b"BADCHARSET (%b)" % b" ".join(astring(name.encode()) for name in charsets)


def permanentflags_code(flags: Iterable[str]) -> bytes:
    """`PERMANENTFLAGS (\\Deleted \\Seen \\*)`."""
    return b"PERMANENTFLAGS " + encode_flags(flags)


def uidnext_code(uid: int) -> bytes:
    """`UIDNEXT 4392`."""
    return b"UIDNEXT %d" % uid


def uidvalidity_code(uidvalidity: int) -> bytes:
    """`UIDVALIDITY 3857529045`."""
    return b"UIDVALIDITY %d" % uidvalidity


def unseen_code(number: int) -> bytes:
    """`UNSEEN 12`: the sequence number of the first message without \\Seen."""
    return b"UNSEEN %d" % number


# RFC 4315 §4: resp-code-apnd = "APPENDUID" SP nz-number SP append-uid
def appenduid_code(uidvalidity: int, uids: Sequence[int]) -> bytes:
    """`APPENDUID 38505 3955`; the UIDs ascend."""
    return b"APPENDUID %d %b" % (uidvalidity, compact(uids))


# RFC 4315 §4: resp-code-copy = "COPYUID" SP nz-number SP uid-set SP uid-set
def copyuid_code(uidvalidity: int, sources: Sequence[int], copies: Sequence[int]) -> bytes:
    """`COPYUID 38505 304,319:320 3956:3958`: pair by pair, both ascending."""
    if len(sources) != len(copies):
        raise ValueError("COPYUID pairs each source with its copy")
    return b"COPYUID %d %b %b" % (uidvalidity, compact(sources), compact(copies))


def capability(capabilities: Iterable[str]) -> bytes:
    """`* CAPABILITY IMAP4rev1 IDLE`."""
    return b"* %b\r\n" % capability_code(capabilities)


def enabled(capabilities: Iterable[str]) -> bytes:
    """`* ENABLED CONDSTORE` (RFC 5161 §3.2); also for none."""
    return " ".join(("* ENABLED", *capabilities)).encode("ascii") + b"\r\n"


def flags_line(flags: Iterable[str]) -> bytes:
    """`* FLAGS (\\Answered \\Seen)`: the flags in use in the mailbox."""
    return b"* FLAGS %b\r\n" % encode_flags(flags)


def exists(count: int) -> bytes:
    """`* 23 EXISTS`."""
    return b"* %d EXISTS\r\n" % count


def recent(count: int) -> bytes:
    """`* 5 RECENT`."""
    return b"* %d RECENT\r\n" % count


def expunge(number: int) -> bytes:
    """`* 44 EXPUNGE`: numbers above it go down by one (RFC 3501 §7.4.1)."""
    return b"* %d EXPUNGE\r\n" % number


# RFC 4731 §4: esearch-response = "ESEARCH" [search-correlator] [SP "UID"] *(SP search-return-data)
def esearch(tag: bytes, returned: Iterable[tuple[bytes, bytes]], *, by_uid: bool = False) -> bytes:
    """`* ESEARCH (TAG "A282") UID MIN 2 COUNT 3`: names and values, ready-made, in order."""
    words = [b'* ESEARCH (TAG "%b")' % tag]
    if by_uid:
        words.append(b"UID")
    words.extend(b"%b %b" % pair for pair in returned)
    return b" ".join(words) + b"\r\n"
