"""A message as it comes in: in memory while small, in a file without a name beyond that."""

import mmap
from types import TracebackType
from typing import IO, TypeAlias

from mailserver.objects.scratch import Scratch

Content: TypeAlias = bytes | mmap.mmap

_MOST_PIECES = 64  # kept one by one; a sender of single octets would make an object of each


class MessageBuffer:
    """Collects the bytes of one message. Close it, or use it as a context manager."""

    __slots__ = ("_chunks", "_file", "_map", "_scratch", "_spill_at", "size")

    def __init__(self, scratch: Scratch, spill_at: int) -> None:
        """`spill_at` in bytes: what exceeds it goes to a file of `scratch`."""
        self._scratch = scratch
        self._spill_at = spill_at
        self._chunks: list[bytes] = []
        self._file: IO[bytes] | None = None
        self._map: mmap.mmap | None = None
        self.size = 0

    def write(self, chunk: bytes | bytearray | memoryview) -> None:
        """Append `chunk`; it is copied."""
        self.size += len(chunk)
        if self._file is not None:
            self._file.write(chunk)
            return
        self._chunks.append(bytes(chunk))
        if len(self._chunks) > _MOST_PIECES:
            self._chunks = [b"".join(self._chunks)]
        if self.size > self._spill_at:
            self._spill()

    def content(self) -> Content:
        """The whole message; valid until close(). Writing ends here."""
        if self._file is None:
            if len(self._chunks) != 1:
                self._chunks = [b"".join(self._chunks)]
            return self._chunks[0]
        if self._map is None:
            self._file.flush()
            self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        return self._map

    def close(self) -> None:
        """Forget the bytes and the file."""
        self._chunks.clear()
        if self._map is not None:
            self._map.close()
            self._map = None
        if self._file is not None:
            self._scratch.give_back(self._file)
            self._file = None

    def _spill(self) -> None:
        file = self._scratch.take()
        file.writelines(self._chunks)
        self._file = file
        self._chunks.clear()

    def __enter__(self) -> "MessageBuffer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
