"""Generated header fields: made safe, folded, ended by CR LF.

Invariant: what comes from a peer can neither end a field nor leave its place in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_LINE = 78  # characters, RFC 5322 §2.1.1: the limit that should be kept

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def printable(text: str) -> str:
    """`text` with every control character (line ends too) and lone surrogate replaced by "?"."""
    return text if text.isprintable() else _CONTROL.sub("?", text)


def fold_field(name: str, words: Iterable[str], *, indent: str = "\t") -> bytes:
    """`name: word word ...` with CR LF; folded before words so that lines have 78 columns or less.

    A word is never broken, and must have no space at its ends. A tab counts as one character.
    """
    lines: list[str] = []
    line = f"{name}:"
    for word in words:
        word = printable(word)
        if len(line) + 1 + len(word) > MAX_LINE and line.strip() and not line.endswith(":"):
            lines.append(line)
            line = indent + word
        else:
            line += " " + word
    lines.append(line)
    return ("\r\n".join(lines) + "\r\n").encode()
