"""Files without a name for what is too large for memory, used again and again."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

_IDLE = 16  # files kept for the next message


class Scratch:
    """Unlinked files in one directory: a killed process leaves nothing behind.

    A file goes back empty and is given out again, since making and deleting an inode for each
    message costs as much as all else that is done with one of 1 MB (ext4 looks for inodes that
    were not deleted lately). Close it at the end.
    """

    def __init__(self, directory: Path) -> None:
        """`directory` is made when it is needed."""
        self._directory = directory
        self._idle: list[IO[bytes]] = []
        # Emptying a file of 50 MB takes up to 30 ms, in which nobody would be served.
        self._emptying = ThreadPoolExecutor(1, thread_name_prefix="scratch")
        self._closed = False

    def take(self) -> IO[bytes]:
        """An empty file, to be given back. Raises OSError."""
        if self._idle:
            return self._idle.pop()
        self._directory.mkdir(parents=True, exist_ok=True)
        file: IO[bytes] = tempfile.TemporaryFile(dir=self._directory)  # noqa: SIM115
        return file

    def give_back(self, file: IO[bytes]) -> None:
        """Forget what is in `file`; nothing may be mapped from it any more."""
        if self._closed:
            file.close()
        else:
            self._emptying.submit(self._empty, file)

    def _empty(self, file: IO[bytes]) -> None:
        if len(self._idle) >= _IDLE:
            file.close()
            return
        file.seek(0)
        file.truncate()
        self._idle.append(file)

    def close(self) -> None:
        """Close the files that are here, and those that come back from now on."""
        self._closed = True
        self._emptying.shutdown()
        while self._idle:
            self._idle.pop().close()
