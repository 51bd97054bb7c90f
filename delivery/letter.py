"""The bytes of a queued message as they are sent: signature, prefix, received bytes.

Invariants: lines end by CR LF and the last one is ended, so that no host sees an end of data where
there is none (a CR or LF alone may stand in what a client appended, or in binary parts, which are
encoded then) and the DKIM signature covers exactly what goes out; a large message is held in a
file, not in memory.
"""

import asyncio
from collections.abc import AsyncIterator

from delivery.signing import signature_fields
from mailserver.domains import Domains
from mailserver.mail.downgrade import without_binary
from mailserver.mail.headers import end_of_header
from mailserver.mail.line_ends import LineEnds
from mailserver.objects import Content, MessageBuffer, Scratch
from mailserver.storage.blobs import Blobs
from mailserver.storage.queue import Message

_RANGE = 1024 * 1024  # bytes read from a blob at a time, and kept in memory


class Letter:
    """Loaded and signed once, however many jobs send it; the last one that lets go forgets it."""

    def __init__(self, message: Message, scratch: Scratch) -> None:
        """`scratch` holds large messages while they are sent."""
        self.message = message
        self.head = b""  # signature and prefix
        self._scratch = scratch
        self._buffer = MessageBuffer(scratch, _RANGE)
        self._loaded = False
        self._users = 0
        self._lock = asyncio.Lock()

    async def load(self, blobs: Blobs, domains: Domains, now: int) -> None:
        """Read and sign, unless that is done. `now` in seconds of the Unix epoch.

        Raises StorageUnavailable, BlobMissing.
        """
        async with self._lock:
            if self._loaded:
                return
            await self._read(blobs)
            signatures = await signature_fields(domains, self.message, self.body, now)
            self.head = signatures + self.message.prefix
            self._loaded = True

    @property
    def body(self) -> Content:
        """The received bytes; valid until the last release()."""
        return self._buffer.content()

    @property
    def size(self) -> int:
        """Bytes that are sent."""
        return len(self.head) + self._buffer.size

    def header(self) -> bytes:
        """All header fields."""
        return self.head + self.body[: end_of_header(self.body)]

    def keep(self) -> None:
        """Another job will send it."""
        self._users += 1

    def release(self) -> None:
        """A job is done with it."""
        self._users -= 1
        if not self._users:
            self._buffer.close()

    async def _read(self, blobs: Blobs) -> None:
        lines = LineEnds()
        async for piece in self._ranges(blobs):
            self._buffer.write(lines.feed(piece))
        self._buffer.write(lines.end())
        if lines.bare:
            await self._read_binary(blobs)

    async def _read_binary(self, blobs: Blobs) -> None:
        """Again, now with what says that it is binary kept from being taken for lines.

        RFC 3030 §3: binary content goes to nobody as it is; we send no BDAT, so we convert it.
        """
        self._buffer.close()
        self._buffer = MessageBuffer(self._scratch, _RANGE)
        with MessageBuffer(self._scratch, _RANGE) as received:
            async for piece in self._ranges(blobs):
                received.write(piece)
            await asyncio.to_thread(self._encode, received.content())

    def _encode(self, received: Content) -> None:
        lines = LineEnds()
        for piece in without_binary(received):
            self._buffer.write(lines.feed(piece))
        self._buffer.write(lines.end())

    async def _ranges(self, blobs: Blobs) -> AsyncIterator[bytes]:
        size = self.message.size - len(self.message.prefix)
        for start in range(0, size, _RANGE):
            yield await blobs.read(self.message.blob_id, start, min(start + _RANGE, size))
