"""A message on its way in: its framer, where its content is kept, and whether it will be refused.

Invariants: content beyond the limit, or of a message that will be refused, is counted and not kept.
Small content is in memory, larger in a file without a name (`MessageBuffer`).
"""

from mailserver.objects import MessageBuffer
from smtp import policy
from smtp.chunking import Chunk, ChunkFramer
from smtp.data import Framer
from smtp.replies import Reply
from smtp.transaction import Message

DRAIN_FACTOR = 2  # a message is read to its end up to this multiple of the size limit


class Reception:
    """One message. Close it, whatever comes of it."""

    __slots__ = ("_buffer", "_limit", "framer", "refusal")

    def __init__(self, framer: Framer, buffer: MessageBuffer, limit: int) -> None:
        """`limit` in octets of content."""
        self.framer = framer
        self.refusal: Reply | None = None  # told when the message, or its chunk, has come whole
        self._buffer = buffer
        self._limit = limit

    def take(self, data: bytes) -> bytes | None:
        """Keep what `data` has of the message; gives what follows its end (None: no end yet)."""
        framer = self.framer
        content, rest = framer.feed(data)
        if self.refusal is None:
            refusal = policy.framing(framer.size, self._limit, bare=framer.bare)
            if refusal is None:
                self._buffer.write(content)
            else:
                self.refuse(refusal)
        return rest

    def refuse(self, reply: Reply) -> None:
        """It will be refused: from now on only its end is of interest. The first reason stands."""
        if self.refusal is None:
            self.refusal = reply
            self._buffer.close()

    @property
    def too_long_to_drain(self) -> bool:
        """True when so much has come that its end is not worth waiting for."""
        return self.framer.size > DRAIN_FACTOR * self._limit

    @property
    def whole(self) -> Message:
        """The message, when all of it has come; its content is valid until `close`."""
        return Message(self._buffer.content(), self.framer.eight_bit)

    def close(self) -> None:
        """Forget the content."""
        self._buffer.close()


class ChunkReception(Reception):
    """A message that comes in chunks."""

    __slots__ = ("_chunks",)

    def __init__(self, framer: ChunkFramer, buffer: MessageBuffer, limit: int) -> None:
        super().__init__(framer, buffer, limit)
        self._chunks = framer

    def begin(self, chunk: Chunk) -> bool:
        """The next octets are this chunk's; False: they are too many to be worth waiting for."""
        self._chunks.begin(chunk)
        size = self.framer.size + chunk.size
        if refusal := policy.declared_size(size, self._limit):
            self.refuse(refusal)
        return size <= DRAIN_FACTOR * self._limit

    @property
    def last(self) -> bool:
        """True when no chunk follows the one that was begun."""
        return self._chunks.last
