"""The compressed stream of a connection (RFC 4978): raw deflate, both ways. No I/O.

Invariant: what one step inflates is bounded, however few bytes it came from; the rest stays
compressed until it is asked for.
"""

import zlib
from dataclasses import dataclass

from imap.protocol.tokens import Cursor

STEP = 64 * 1024
"""Bytes inflated at once, at the most."""
_PIECE = 4096  # compressed bytes that zlib is given at once: it copies what it leaves
# A window of 8 KiB, which takes 64 KiB of memory; one of 32 takes 256. What answers repeat is near.
_WINDOW = 13
_MEMORY = 6
_LEVEL = 4


class CompressionError(Exception):
    """The client's bytes are no deflate stream, or it has ended its stream."""


@dataclass(slots=True)
class Compress:
    """COMPRESS DEFLATE: the only algorithm there is."""


# RFC 4978 §5: compress = "COMPRESS" SP algorithm;  algorithm = "DEFLATE"
def parse_compress(cursor: Cursor) -> Compress:
    cursor.space()
    start = cursor.position
    if cursor.atom().upper() != b"DEFLATE":
        raise cursor.fail("unknown compression algorithm", start)
    return Compress()


class Compression:
    """Both directions of one connection."""

    __slots__ = ("_deflater", "_full", "_inflater", "_left", "_waiting")

    def __init__(self) -> None:
        self._deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, -_WINDOW, _MEMORY)
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._waiting = bytearray()
        self._left = b""  # what zlib had no room for
        self._full = False  # zlib may know more, though it has taken all it was given

    @property
    def waiting(self) -> int:
        """Compressed bytes that were fed and are not inflated yet."""
        return len(self._waiting) + len(self._left)

    @property
    def more(self) -> bool:
        """True if `inflate` may give something."""
        return bool(self._full or self._left or self._waiting)

    def feed(self, data: bytes) -> None:
        """Take compressed bytes of the client."""
        self._waiting += data

    def inflate(self) -> bytes:
        """At most STEP bytes of what was fed. Raises CompressionError."""
        pieces, room = [], STEP
        while room and self.more:
            piece = self._left
            if not piece and not self._full:
                piece = bytes(self._waiting[:_PIECE])
                del self._waiting[:_PIECE]
            try:
                data = self._inflater.decompress(piece, room)
            except zlib.error as error:
                raise CompressionError(str(error)) from None
            if self._inflater.eof:
                raise CompressionError("the stream was ended")
            self._left = self._inflater.unconsumed_tail
            self._full = len(data) == room
            pieces.append(data)
            room -= len(data)
        return b"".join(pieces)

    def deflate(self, data: bytes) -> bytes:
        """`data` compressed, to whole bytes: the client can read all of it (RFC 4978 §4)."""
        return self._deflater.compress(data) + self._deflater.flush(zlib.Z_SYNC_FLUSH)
