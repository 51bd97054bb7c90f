"""CHUNKING (RFC 3030 §2): the argument of BDAT, and the framer of a message that comes in chunks.

Invariants: the octets of a chunk are counted, never looked at for an end, so no content can be
taken for a command and no command for content; a CR LF may lie across two chunks. What is held
back between two calls is at most one CR.
"""

import re
from dataclasses import dataclass

from mailserver.mail.line_ends import has_bare, normalised
from smtp.data import Bare

# bdat-cmd = "BDAT" SP chunk-size [ SP end-marker ] CR LF; chunk-size = 1*DIGIT
_ARGUMENT = re.compile(rb"([0-9]{1,20})(?:[ \t]+(.*))?").fullmatch


@dataclass(slots=True)
class Chunk:
    """One BDAT command."""

    size: int  # octets that follow it
    last: bool
    valid: bool = True  # False: its size can be read, and behind it stands what is no LAST


def parse_chunk(argument: bytes) -> Chunk | None:
    """None: not even the size can be read, so nobody knows where the next command begins."""
    found = _ARGUMENT(argument)
    if found is None:
        return None
    marker = (found[2] or b"").upper()
    return Chunk(int(found[1]), marker == b"LAST", marker in (b"", b"LAST"))


class ChunkFramer:
    """One message. `begin` a chunk, then feed it until its end is told."""

    __slots__ = ("_held", "_left", "_rule", "bare", "eight_bit", "last", "size")

    def __init__(self, rule: Bare) -> None:
        self._rule = rule
        self._held = b""  # a CR whose LF may come
        self._left = 0
        self.last = False  # the chunk that was begun is the last one
        self.size = 0
        self.bare = False
        self.eight_bit = False

    def begin(self, chunk: Chunk) -> None:
        """The next octets are this chunk's."""
        self._left, self.last = chunk.size, chunk.last

    @property
    def wanted(self) -> int:
        return self._left

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        octets = data[: self._left]
        rest = data[self._left :]
        self._left -= len(octets)
        content = self._count(self._held + octets)
        return content, None if self._left else rest

    def _count(self, content: bytes) -> bytes:
        ended = self.last and not self._left
        self._held = b"\r" if content.endswith(b"\r") and not ended else b""
        if self._held:
            content = content[:-1]
        if self._rule is not Bare.KEEP and has_bare(content):
            if self._rule is Bare.NORMALISE:
                content = normalised(content)
            else:
                self.bare = True
        if not content.isascii():
            self.eight_bit = True
        self.size += len(content)
        return content
