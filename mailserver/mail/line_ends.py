"""Line ends in the bytes of a message: whether each is CR LF, and how the others are made so.

Invariant: linear in the bytes. A piece that ends within CR LF is the caller's to hold back; only
`LineEnds` does that by itself.
"""

import io
import re

_LINE_END = re.compile(rb"\r\n|\n|\r")


def has_bare(content: bytes) -> bool:
    """True when a CR or LF stands in `content` that is no part of CR LF (RFC 5321 §2.3.8)."""
    # The standard library's newline decoder notes which kinds it meets, four times quicker than
    # they could be counted; Latin-1 is octets as they are.
    decoder = io.IncrementalNewlineDecoder(None, translate=False)
    decoder.decode(content.decode("latin-1"), final=True)
    return decoder.newlines not in (None, "\r\n")


def normalised(content: bytes) -> bytes:
    """`content` with each bare CR and each bare LF made CR LF."""
    return _LINE_END.sub(b"\r\n", content)


class LineEnds:
    """Makes every line end CR LF, piece by piece; `bare` tells that one was not."""

    def __init__(self) -> None:
        self.bare = False
        self._held = b""  # a CR whose LF may come
        self._last = b""  # the last byte given out

    def feed(self, piece: bytes) -> bytes:
        piece = self._held + piece
        self._held = b"\r" if piece.endswith(b"\r") else b""
        if self._held:
            piece = piece[:-1]
        if has_bare(piece):
            self.bare = True
            piece = normalised(piece)
        self._last = piece[-1:] or self._last
        return piece

    def end(self) -> bytes:
        """What is left: the end of a last line that had none."""
        self.bare |= bool(self._held)
        return b"" if self._last == b"\n" and not self._held else b"\r\n"
