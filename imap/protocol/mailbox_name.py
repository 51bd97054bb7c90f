"""Mailbox names: modified UTF-7 both ways (RFC 3501 §5.1.3), INBOX, and the hierarchy.

Inside the server a name is a `str`, its levels are parted by `/`, and a first level that says
INBOX in whatever case is `INBOX` (RFC 3501 §5.1). Only one spelling of a name is accepted from
the wire, so that two names never mean one mailbox.
"""

import binascii
import re
import unicodedata
from collections.abc import Iterator

from imap.protocol.errors import ParseError
from imap.protocol.strings import astring, utf8_quoted

SEPARATOR = "/"
INBOX = "INBOX"

# Characters: a name that may be made is shorter in any form, and many marks on end take long.
_LONGEST_NORMALISED = 4000

_SHIFTED = re.compile(rb"&([^-]*)-?")
_UNPRINTABLE = re.compile(r"&|[^\x20-\x7e]+")
_NOT_ASCII = re.compile(rb"[^\x01-\x7f]")
# RFC 5198 §2: no control characters in Net-Unicode, and no line or paragraph separators.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def decode_mailbox_name(name: bytes, *, utf8: bool = False) -> str:
    """A name from the wire, INBOX spelled so. Raises ParseError with the place of the fault.

    `utf8`: the client has enabled UTF8=ACCEPT or IMAP4rev2, its names are UTF-8 and `&` is an
    ordinary character (RFC 6855 §3).
    """
    if utf8:
        try:
            decoded = name.decode()
        except UnicodeDecodeError as error:
            raise ParseError(error.start, "mailbox name is not UTF-8") from None
    else:
        decoded = _decode_utf7(name)
    control = _CONTROL.search(decoded)
    if control is not None:
        # Told at its place where the name is plain, at the name's beginning where it is not.
        position = control.start() if decoded.isascii() and b"&" not in name else 0
        raise ParseError(position, "control character in mailbox name")
    return canonical(decoded)


def _decode_utf7(name: bytes) -> str:
    eight_bit = _NOT_ASCII.search(name)
    if eight_bit is not None:
        raise ParseError(eight_bit.start(), "mailbox name is not modified UTF-7")
    if b"&" not in name:
        return name.decode("ascii")
    parts: list[str] = []
    end = 0
    for shift in _SHIFTED.finditer(name):
        parts.append(name[end : shift.start()].decode("ascii"))
        try:
            parts.append(_decode_shifted(shift[1]))
        except ValueError:
            raise ParseError(shift.start(), "mailbox name is not modified UTF-7") from None
        end = shift.end()
    parts.append(name[end:].decode("ascii"))
    decoded = "".join(parts)
    # RFC 3501 §5.1.3: no printable ASCII in base64, no needless shifts, zero bits at the end.
    # What encodes to something else broke one of these.
    encoded = encode_mailbox_name(decoded)
    if encoded != name:
        same = zip(encoded, name, strict=False)
        position = next((i for i, (a, b) in enumerate(same) if a != b), len(encoded))
        raise ParseError(min(position, len(name)), "mailbox name is not modified UTF-7")
    return decoded


def _decode_shifted(base64: bytes) -> str:
    """What stands between `&` and `-`. Raises ValueError."""
    if not base64:
        return "&"
    padded = base64.replace(b",", b"/") + b"=" * (-len(base64) % 4)
    return binascii.a2b_base64(padded, strict_mode=True).decode("utf-16-be")


def encode_mailbox_name(name: str, *, utf8: bool = False) -> bytes:
    """A name for the wire, not yet quoted: modified UTF-7, or UTF-8 for who has enabled it."""
    if utf8:
        return name.encode()
    if name.isascii() and "&" not in name and name.isprintable():
        return name.encode("ascii")
    return _UNPRINTABLE.sub(_encode_shifted, name).encode("ascii")


def _encode_shifted(run: re.Match[str]) -> str:
    if run[0] == "&":
        return "&-"
    base64 = binascii.b2a_base64(run[0].encode("utf-16-be"), newline=False)
    return f"&{base64.rstrip(b'=').replace(b'/', b',').decode('ascii')}-"


def mailbox_token(name: str, *, utf8: bool = False) -> bytes:
    """A name as a response writes it: mailbox = "INBOX" / astring."""
    if utf8 and not name.isascii():
        return utf8_quoted(name)
    return astring(encode_mailbox_name(name, utf8=utf8))


def normalised(name: str) -> str:
    """The name in Unicode's form C, as RFC 5198 §3 wants it; all names are kept so.

    QUIRKS: macOS writes é as two characters; both ways to write it name one mailbox.
    """
    if name.isascii() or len(name) > _LONGEST_NORMALISED:
        return name
    return unicodedata.normalize("NFC", name)


def canonical(name: str) -> str:
    """The name with its first level spelled INBOX if it is that in any case (RFC 3501 §5.1)."""
    if name[:5].upper() != INBOX or name[5:6] not in ("", SEPARATOR):
        return name
    return INBOX + name[5:]


def fault_in_new_name(name: str) -> str | None:
    """Why no mailbox may get this name (a text for the client), or None if one may."""
    if not name:
        return "a mailbox needs a name"
    if len(name.encode()) > 1000:
        return "mailbox name is too long"
    if "" in name.split(SEPARATOR):
        return "mailbox name has an empty level"
    if "*" in name or "%" in name:
        # RFC 3501 §5.1: allowed but ill advised: LIST could not name it.
        return "mailbox name has a wildcard"
    return None


def parent(name: str) -> str | None:
    """The name one level up, None at the top."""
    return name.rpartition(SEPARATOR)[0] or None


def ancestors(name: str) -> Iterator[str]:
    """The names above this one, topmost first: `a/b/c` gives `a`, `a/b`."""
    end = name.find(SEPARATOR)
    while end >= 0:
        yield name[:end]
        end = name.find(SEPARATOR, end + 1)


def join_reference(reference: str, pattern: str) -> str:
    """LIST's two arguments as one pattern (RFC 3501 §6.3.8).

    They are simply put together, unless the pattern begins at the root itself.
    """
    if pattern.startswith(SEPARATOR):
        return canonical(pattern[1:])
    return canonical(reference + pattern)
