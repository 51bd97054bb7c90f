"""Choosing fields of a header by name, fast: clients ask it of every message they list.

Pure. Gives what mailserver.mail.headers.select gives (a test holds them equal), in a ninth of its
time: one pattern made per list of names looks only at the beginnings of lines.
"""

import re
from functools import lru_cache

from mailserver.mail.headers import select

_MOST_NAMES = 50  # alternatives are tried one by one: beyond, select() is faster
_NAME = re.compile(rb"[!-9;-~]+")  # RFC 5322 §3.6.8: ftext


@lru_cache(256)
def _pattern(names: tuple[bytes, ...]) -> re.Pattern[bytes] | None:
    """Finds raw fields without their last line end, in a header after one more line end."""
    usable = [re.escape(name) for name in names if _NAME.fullmatch(name)]
    if not usable:
        return None
    return re.compile(
        rb"\n((?:%b)[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*)" % b"|".join(usable), re.IGNORECASE
    )


def chosen(header: bytes, names: tuple[bytes, ...]) -> list[bytes]:
    """The raw fields of these names, in the header's order, each ended by its line end."""
    if not header.endswith(b"\n"):
        header += b"\r\n"  # the last line of a message that is all header
    pattern = _pattern(names)
    if pattern is None:
        return []
    return [raw + b"\n" for raw in pattern.findall(b"\n" + header)]


def header_fields(header: bytes, names: tuple[bytes, ...], *, others: bool = False) -> bytes:
    """HEADER.FIELDS, or with `others` HEADER.FIELDS.NOT: whole fields and the empty line.

    RFC 3501 §6.4.5: the delimiting blank line is always included.
    """
    if not others and len(names) <= _MOST_NAMES:
        return b"".join(chosen(header, names)) + b"\r\n"
    # To select() a line that is no field has an empty name.
    folded = frozenset(name.lower() for name in names if name)
    found = select(header, folded, others=others)
    return found + (b"\r\n" if found.endswith(b"\n") or not found else b"\r\n\r\n")
