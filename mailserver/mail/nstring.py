"""IMAP strings ready for the wire: quoted where that is safe, literal otherwise (RFC 3501 §4.3)."""

from __future__ import annotations

# RFC 3501 §9: QUOTED-CHAR is any TEXT-CHAR (7-bit but CR, LF, NUL) except `"` and `\`, or those two
# after a backslash.
_PLAIN = bytes(c for c in range(1, 128) if c not in b'\r\n"\\')
_ESCAPABLE = _PLAIN + b'"\\'
NIL = b"NIL"


def string(value: bytes) -> bytes:
    """`value` as quoted string, or as literal if it has 8-bit octets, CR or LF; NULs are left out.

    RFC 3501 §4.3.1: CHAR8, of which literals are made, knows no NUL.
    """
    if not value.translate(None, _PLAIN):
        return b'"' + value + b'"'
    value = value.replace(b"\0", b"")
    if not value.translate(None, _ESCAPABLE):
        return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return b"{%d}\r\n%b" % (len(value), value)


def nstring(value: bytes | None) -> bytes:
    """`value` as string, None as NIL."""
    if value is None:
        return NIL
    if not value.translate(None, _PLAIN):  # here too: most values, and this is a hot loop
        return b'"' + value + b'"'
    return string(value)
