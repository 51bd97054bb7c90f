"""Bytes of a named charset made text, whatever the name and the bytes are.

Invariants: `decode` never raises; what it returns has no NUL and no lone surrogate, so that any
Unicode column or socket takes it.
"""

from __future__ import annotations

import codecs
import functools
import re

# Names that Python lacks, and the WHATWG Encoding Standard's labels.
# QUIRKS: mail that says us-ascii, iso-8859-1 or gb2312 means the superset.
_ALIASES = {
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "ansi_x3.4-1968": "utf-8",
    "unicode-1-1-utf-7": "utf-7",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "gb2312": "gb18030",
    "x-gbk": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "iso-2022-jp": "iso2022_jp_ext",
    "windows-874": "cp874",
    "x-mac-roman": "mac_roman",
    "macintosh": "mac_roman",
    "unicode": "utf-16",
    "utf8mb4": "utf-8",
}

# Python codecs that are no charsets of mail: they escape, warn, or take quadratic time.
_NOT_CHARSETS = frozenset(
    {"idna", "punycode", "unicode-escape", "unicode_escape", "raw-unicode-escape"}
    | {"raw_unicode_escape", "undefined", "mbcs", "oem", "unicode_internal"}
)
_SAFE_NAME = re.compile(r"[A-Za-z0-9._:+-]{1,40}").fullmatch
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


@functools.lru_cache(maxsize=256)
def codec_name(charset: str) -> str | None:
    """Python's name for a MIME charset, or None if it is unknown."""
    name = charset.strip().strip("\"'").lower()
    name = _ALIASES.get(name, name)
    if not _SAFE_NAME(name):
        return None
    try:
        found = codecs.lookup(name).name
        if found in _NOT_CHARSETS:
            return None
        # bytes.decode refuses what is no text encoding (hex, zlib, rot13) with LookupError
        b"a".decode(found, "replace")
    except LookupError:
        return None
    return found


def decode(raw: bytes, charset: str = "us-ascii") -> str:
    """`raw` as text; bytes that mean nothing become U+FFFD. Never raises.

    8-bit bytes under us-ascii or an unknown name are read as UTF-8 if they are valid UTF-8 and as
    windows-1252 otherwise under us-ascii, since that is what such mail holds.
    """
    if raw.isascii() and charset in ("us-ascii", "utf-8"):
        return raw.decode("ascii").replace("\0", "\ufffd")
    text = _decode(raw, charset)
    return _UNSTORABLE.sub("\ufffd", text) if _UNSTORABLE.search(text) else text


def _decode(raw: bytes, charset: str) -> str:
    lowered = charset.lower()
    name = codec_name(lowered)
    if name == "utf-8" and _ALIASES.get(lowered) == "utf-8":
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            name = "cp1252"
    return raw.decode(name or "utf-8", "replace")
