"""What changed on this node: counters in memory that its processes share, some per mailbox.

A notification of Postgres takes a moment to come. What one process has answered for must be seen
by the very next command in any other, and a command must not ask Postgres whether anything is new.
A counter only says "not as it was"; mailboxes share counters (by id), which costs a needless look.
Each counter is written by one process, so that no count is ever lost.
"""

import mmap
import secrets
import tempfile
from typing import BinaryIO

_ROWS = 1 << 14  # counters of a process
_COUNTER = 4  # bytes
_NAME = 8  # bytes, of the node


def shared_file(processes: int) -> BinaryIO:
    """A file without a name, to be inherited by `processes` of a node."""
    file = tempfile.TemporaryFile(prefix="board")  # noqa: SIM115  (the caller's)
    file.truncate(_size(processes))
    file.seek(_size(processes) - _NAME)
    file.write(secrets.token_bytes(_NAME))
    file.flush()
    return file


class Board:
    """The counters as one of `processes` sees them, which is the one in `slot`."""

    def __init__(self, descriptor: int = -1, *, slot: int = 0, processes: int = 1) -> None:
        """Without a file this process is alone."""
        memory = mmap.mmap(descriptor, _size(processes))
        alone = descriptor < 0
        self.node = (secrets.token_bytes(_NAME) if alone else memory[-_NAME:]).hex()
        self._cells = memoryview(memory).cast("I")
        self._slot, self._processes = slot, processes
        if not alone:
            # The process that was here before may have died between a commit and its mark.
            self.mark_all()

    def version(self, mailbox_id: int) -> bytes:
        """Differs from what it was once the mailbox has changed."""
        start = mailbox_id % _ROWS * self._processes
        return bytes(self._cells[start : start + self._processes])

    def mark(self, mailbox_id: int) -> None:
        """Say that the mailbox has changed."""
        self._mark(mailbox_id % _ROWS)

    def mark_all(self) -> None:
        """Say that any mailbox may have changed."""
        for row in range(_ROWS):
            self._mark(row)

    def _mark(self, row: int) -> None:
        cell = row * self._processes + self._slot
        self._cells[cell] = (self._cells[cell] + 1) % (1 << 8 * _COUNTER)

    def after_mark(self, version: bytes) -> bytes:
        """What `version` has become when only this process has marked once since."""
        cells = memoryview(bytearray(version)).cast("I")
        cells[self._slot] = (cells[self._slot] + 1) % (1 << 8 * _COUNTER)
        return bytes(cells)


def _size(processes: int) -> int:
    return _ROWS * _COUNTER * processes + _NAME
