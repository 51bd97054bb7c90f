"""One worker's place: keeps a worker process in it, starts it again when it dies, drains it.

Invariants: at most one process at a time has the slot's sockets; a worker that ends without being
asked is replaced, at once when it had lived well, else with backoff; only the very first start
failing is an error.
"""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from prometheus_client.multiprocess import mark_process_dead

from mailserver.errors import SettingsError
from mailserver.logs import logger
from mailserver.processes import handover
from mailserver.processes.handover import Handover

_BACKOFF_FIRST, _BACKOFF_MOST = 0.2, 5.0  # seconds
_LIVED_WELL = 30.0  # seconds after which a death counts as the first again
_GRACE = 5.0  # seconds beyond the drain timeout before a worker is killed

log = logger("processes")


class Slot:
    """Runs `given` in a process; `ready` is set while one serves."""

    def __init__(self, given: Handover, metrics: Path) -> None:
        self._given = given
        self._metrics = metrics
        self._process: asyncio.subprocess.Process | None = None
        self._draining = False
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Keep a worker running until `drain`; SettingsError when the first one cannot start."""
        if not await self._live():
            return
        pause = 0.0
        while not self._draining:
            await asyncio.sleep(pause)
            started = time.monotonic()
            with contextlib.suppress(SettingsError):
                await self._live()
            lived = time.monotonic() - started
            pause = 0.0 if lived > _LIVED_WELL else _next_pause(pause)

    def tell(self, command: bytes) -> None:
        """Give the worker a command; none runs, none hears."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(command)

    async def drain(self, timeout: float) -> None:
        """Let the worker finish what it does, then end; killed after `timeout` seconds."""
        self._draining = True
        self.tell(handover.DRAIN)
        process = self._process
        if process is None:
            return
        try:
            async with asyncio.timeout(timeout + _GRACE):
                await process.wait()
        except TimeoutError:
            log.error("worker did not drain", worker=self._given.slot, pid=process.pid)
            self.kill()

    def kill(self) -> None:
        """End the worker now."""
        self._draining = True
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _live(self) -> bool:
        """One worker's life; gives whether it should be followed by another."""
        process = self._process = await self._spawn()
        try:
            failure = await self._until_ready(process)
            if failure is None:
                await _end(process)
        finally:
            self._process = None
            self.ready.clear()
            if process.returncode is None:
                process.kill()
                await process.wait()
            mark_process_dead(process.pid, str(self._metrics))  # type: ignore[no-untyped-call]
        if self._draining:
            return False
        status = process.returncode
        log.error("worker died", worker=self._given.slot, pid=process.pid, status=status)
        if failure is not None:
            raise SettingsError(failure or f"a worker ended with status {status} while starting")
        return True

    async def _spawn(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            # -P: the working directory is no place to import from.
            *(sys.executable, "-P", "-m", "mailserver.processes.worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=[self._given.board, *(number for _, number in self._given.sockets)],
            # Ctrl-C on the terminal goes to the parent, which drains us in its own order.
            process_group=0,
            env={**os.environ, **_environment(self._metrics)},
        )
        assert process.stdin is not None
        process.stdin.write(self._given.encode())
        return process

    async def _until_ready(self, process: asyncio.subprocess.Process) -> str | None:
        """None once the worker serves; else why it does not, "" when it did not say."""
        assert process.stdout is not None
        while line := await process.stdout.readline():
            if line == handover.READY:
                self.ready.set()
                return None
            if line.startswith(handover.FAILED):
                await process.wait()
                return line.removeprefix(handover.FAILED).decode().strip()
        await process.wait()
        return ""


async def _end(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None
    # Nothing more is expected on stdout, but a full pipe would stop who prints there.
    while await process.stdout.read(65536):
        pass
    await process.wait()


def _environment(metrics: Path) -> Mapping[str, str]:
    return {
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        # uvloop has a read buffer of 256 KiB for each TLS connection, of which a mail client fills
        # a page or two. By default glibc soon takes such blocks from the heap, where they lie on
        # pages that others have filled before: an idle connection costs twice as much.
        "MALLOC_MMAP_THRESHOLD_": str(256 * 1024),
    }


def _next_pause(pause: float) -> float:
    return min(max(pause * 2, _BACKOFF_FIRST), _BACKOFF_MOST)
