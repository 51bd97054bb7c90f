"""How the server writes strings (RFC 3501 §9: quoted, literal, nstring, astring).

Whatever bytes are given, what comes out is one token: nothing in it can end it early.
"""

import re

_SPECIAL = re.compile(rb"([\"\\])")
_UNQUOTABLE = re.compile(rb"[\x00\r\n\x80-\xff]")
# ASTRING-CHAR = ATOM-CHAR / resp-specials
_ASTRING = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\]+")
# Beyond this a literal is easier on both sides than a quoted string.
_LONGEST_QUOTED = 1000


def quoted(value: bytes) -> bytes:
    """`"value"`. Raises ValueError for CR, LF, NUL and 8-bit bytes: `string` knows a way."""
    if _UNQUOTABLE.search(value):
        raise ValueError("no quoted string can hold this value")
    return b'"%b"' % _SPECIAL.sub(rb"\\\1", value)


def literal(value: bytes) -> bytes:
    """`{5}` CR LF and the value, which may hold no NUL: see `char8`."""
    return b"{%d}\r\n%b" % (len(value), char8(value))


def char8(value: bytes) -> bytes:
    """`value` with each NUL as 80 hex, of the same length.

    RFC 3501 §9: a CHAR8 is 01 to FF, so a message that has NULs cannot be told as it is.
    """
    # QUIRKS: some senders leave NULs in messages; Dovecot tells them as 80 hex too.
    return value.replace(b"\0", b"\x80") if b"\0" in value else value


# RFC 3516 §7: literal8 = "~{" number "}" CRLF *OCTET
def literal8(value: bytes) -> bytes:
    """The value as it is: a literal where no NUL is in it, else `~{5}` CR LF and the value."""
    return (b"~{%d}\r\n" if b"\0" in value else b"{%d}\r\n") % len(value) + value


def string(value: bytes) -> bytes:
    """A quoted string where the value allows one, else a literal."""
    if len(value) > _LONGEST_QUOTED or _UNQUOTABLE.search(value):
        return literal(value)
    return quoted(value)


def utf8_quoted(value: str) -> bytes:
    """A quoted string of UTF-8, for who has enabled it (RFC 6855 §3); no control characters."""
    return b'"%b"' % _SPECIAL.sub(rb"\\\1", value.encode())


def nstring(value: bytes | None) -> bytes:
    """`NIL`, or a string."""
    return b"NIL" if value is None else string(value)


def astring(value: bytes) -> bytes:
    """An atom where the value allows one, else a string."""
    # An astring NIL is not nil, but clients have been seen to take it for that.
    if _ASTRING.fullmatch(value) and value.upper() != b"NIL":
        return value
    return string(value)
