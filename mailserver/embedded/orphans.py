"""PostgreSQL processes that were left behind when whoever started them was killed.

The caller holds the lock of the data directory: nobody else may start or end a server in it.
"""

import os
import signal
import time
from pathlib import Path

from mailserver.errors import SettingsError

_DEADLINE = 30.0  # seconds for a shutdown; backends of a killed server notice within a few


def evict(data: Path) -> None:
    """End a server that still runs in `data` and remove its lock file; SettingsError if it stays.

    PostgreSQL takes a lock file whose process exists for a running server, also when that process
    is a zombie that nobody reaps (a container without an init) or, after a reboot, quite another
    program. What decides here is whether any living process works in the directory.
    """
    lock = data / "postmaster.pid"
    try:
        postmaster = int(lock.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        postmaster = 0
    if postmaster in inhabitants(data):
        os.kill(postmaster, signal.SIGINT)
    deadline = time.monotonic() + _DEADLINE
    while left := inhabitants(data):
        if time.monotonic() > deadline:
            raise SettingsError(f"data_dir: PostgreSQL processes {left} do not leave {data}")
        time.sleep(0.05)
    lock.unlink(missing_ok=True)


def inhabitants(data: Path) -> list[int]:
    """The living processes in `data`: each of PostgreSQL's has it as its working directory."""
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _in(pid, data)]


def _in(pid: int, data: Path) -> bool:
    try:
        # A zombie has no working directory any more.
        return os.readlink(f"/proc/{pid}/cwd") == os.path.realpath(data)
    except OSError:
        return False
