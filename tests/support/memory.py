"""The memory of a process, watched while something happens."""

import threading
from pathlib import Path

import psutil


def own_memory(process: psutil.Process) -> int:
    """Bytes that only this process has, not those of files that are mapped (proc(5): RssAnon)."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no RssAnon")


class Peak:
    """The most memory that a process had while the block ran."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._done = threading.Event()
        self._watching = threading.Thread(target=self._watch)
        self.before = self.most = own_memory(process)

    def _watch(self) -> None:
        while not self._done.wait(0.005):
            self.most = max(self.most, own_memory(self._process))

    def __enter__(self) -> "Peak":
        self._watching.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._watching.join()
