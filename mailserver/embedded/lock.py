"""One server per data directory: an flock on DATA_DIR/lock, freed by the kernel when it dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from mailserver.errors import SettingsError


class AlreadyRunning(SettingsError):
    """Another process holds the data directory; the text names it."""


def data_lock(data: Path) -> AbstractContextManager[None]:
    """Take the data directory, making it when need be; held until the context ends.

    Taken when this returns. Raises AlreadyRunning, or SettingsError when the directory cannot be
    made or written.
    """
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SettingsError(f"data_dir: {error.filename}: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise AlreadyRunning(
            f"mailserver is already running (pid {owner}, data directory {data.absolute()})"
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return _held(descriptor)


@contextmanager
def _held(descriptor: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(descriptor)
