"""A connection that is compressed (RFC 4978): its framer is fed step by step.

Invariant: between two steps of inflating others have their turn, and what is inflated without
making anything whole is bounded: a few bytes can stand for a thousand times as many.
"""

import asyncio

from imap.protocol.compression import Compression, CompressionError
from imap.protocol.events import Event
from imap.protocol.framer import Framer


class Compressing:
    """Stands between the socket and the framer, both ways."""

    __slots__ = ("_compression", "_framer", "_fruitless")

    def __init__(self, framer: Framer) -> None:
        """From here on; what `framer` has taken already is compressed."""
        self._framer = framer
        self._compression = Compression()
        self._compression.feed(framer.take_buffered())
        self._fruitless = 0  # bytes inflated since the last event

    @property
    def waiting(self) -> int:
        """Compressed bytes that came and are not inflated yet."""
        return self._compression.waiting

    def feed(self, data: bytes) -> None:
        """Take bytes from the network. Await `next` until it gives None."""
        self._compression.feed(data)

    async def next(self) -> Event | None:
        """The framer's next event, once it has none of itself. Raises CompressionError."""
        while self._compression.more:
            await asyncio.sleep(0)
            data = self._compression.inflate()
            self._framer.feed(data)
            event = self._framer.next()
            if event is not None:
                self._fruitless = 0
                return event
            self._fruitless += len(data)
            limits = self._framer.limits
            # A command, or a refused literal that is read off.
            if self._fruitless > limits.command + limits.drain:
                raise CompressionError("too much without a command")
        return None

    def deflate(self, data: bytes) -> bytes:
        """`data` as it goes to the client."""
        return self._compression.deflate(data)
