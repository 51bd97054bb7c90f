"""The framer of DATA (RFC 5321 §4.1.1.4): bytes from the wire in, bytes of the message out.

Invariants: only CR LF . CR LF ends the message, at any split of packets; a bare CR or a bare LF
ends neither a message nor a line of it (no dot behind one is removed), whatever `Bare` makes of it
in the content, and what follows is read up to the real end: so one DATA is one message or one
refusal, and no command hides in it. What is held back between two calls is at most four bytes.

Every octet but those is taken as it comes: NUL and other controls, which RFC 5321 §4.1.1.4 lets be
among "any of the 128 ASCII character codes", 8-bit octets (RFC 6152), and lines of any length.
"""

from enum import Enum
from typing import Protocol

from mailserver.mail.line_ends import has_bare, normalised

_DOT_LINE = b"\r\n."
_LINE_END = b"\r\n"


class Bare(Enum):
    """What becomes of a CR or LF in a message that is no part of CR LF."""

    REFUSE = "refuse"  # the message is refused
    NORMALISE = "normalise"  # it is made CR LF. QUIRKS: old programs send nothing else
    KEEP = "keep"  # it is content: BODY=BINARYMIME (RFC 3030 §3)


class Framer(Protocol):
    """Where the octets of a message end, and what they are."""

    size: int  # octets of content so far
    bare: bool  # a bare CR or LF was met that is refused
    eight_bit: bool  # an octet above 127 was met

    @property
    def wanted(self) -> int | None:
        """How many octets may be fed; None: any number, the framer finds the end."""

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        """Content found in `data`, and what follows the end (None: no end yet)."""


class DataFramer:
    """One message. `size` counts octets of content, dot-unstuffed, so far."""

    __slots__ = ("_at_start", "_held", "_rule", "bare", "eight_bit", "size")

    wanted = None

    def __init__(self, rule: Bare = Bare.REFUSE) -> None:
        self._rule = rule
        # The message begins at the beginning of a line: as if a line end had just been read.
        self._held = _LINE_END
        self._at_start = True
        self.size = 0
        self.bare = False
        self.eight_bit = False

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        buffer = self._held + data if self._held else data
        pieces: list[bytes] = []
        rest: bytes | None = None
        start = 0
        dot = buffer.find(_DOT_LINE)
        while dot >= 0:
            after = buffer[dot + 3 : dot + 5]
            if after == _LINE_END:
                rest = buffer[dot + 5 :]
                break
            if after in (b"", b"\r"):
                break  # undecided: held
            # RFC 5321 §4.5.2: the first dot of a line is removed.
            pieces.append(buffer[start : dot + 2])
            start = dot + 3
            dot = buffer.find(_DOT_LINE, start)
        if rest is not None:
            end, self._held = dot + 2, b""
        else:
            end = dot if dot >= 0 else len(buffer) - _undecided(buffer)
            self._held = buffer[end:]
        content = buffer[start:end]
        if pieces:
            pieces.append(content)
            content = b"".join(pieces)
        return self._count(content), rest

    def _count(self, content: bytes) -> bytes:
        # `content` never ends within CR LF: what stands alone here is bare.
        if has_bare(content):
            if self._rule is Bare.NORMALISE:
                content = normalised(content)
            else:
                self.bare = True
        if not content.isascii():
            self.eight_bit = True
        if self._at_start and content:
            self._at_start = False
            content = content[2:]
        self.size += len(content)
        return content


def _undecided(buffer: bytes) -> int:
    """How many octets at the end may belong to CR LF . that is not yet whole."""
    if buffer.endswith(_LINE_END):
        return 2
    return 1 if buffer.endswith(b"\r") else 0
