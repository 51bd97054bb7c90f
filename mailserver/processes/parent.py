"""The parent: holds the data directory, the ports and Postgres, and keeps the workers running.

It serves no mail itself. Order of the start: lock, ports, Postgres with its schema, certificate,
first-run accounts, workers, greetings; the end goes back the same way. A SettingsError on the way
ends it with one line.
"""

import asyncio
import math
import os
import resource
import shutil
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from mailserver import certificates, health, logs
from mailserver.embedded.lock import data_lock
from mailserver.errors import SettingsError
from mailserver.objects import open_store
from mailserver.processes import first_run, handover, listening
from mailserver.processes.database import finish, postgres
from mailserver.processes.doors import Place, places, wait_for_greeting
from mailserver.processes.handover import Handover
from mailserver.processes.slot import Slot
from mailserver.settings import Role, Settings
from mailserver.storage.board import shared_file

_GREETING_TIMEOUT = 20.0  # seconds
_ASKED_AGAIN = 1.0  # seconds

log = logs.logger("processes")


def serve(settings: Settings, roles: Sequence[Role], say: Callable[[str], None]) -> None:
    """Serve `roles` until SIGTERM or SIGINT; `say` prints a line for whoever started it.

    Raises SettingsError, in one line, for what keeps the server from starting.
    """
    logs.configure(settings.logs, role="serve")
    with data_lock(settings.data), asyncio.Runner() as runner:
        runner.run(_Parent(settings, roles, say).run())


class _Parent:
    def __init__(
        self, settings: Settings, roles: Sequence[Role], say: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._roles = tuple(roles)
        self._say = say
        self._ticket_secret = certificates.new_ticket_secret()
        self._board = shared_file(settings.worker_count)
        self._slots: list[Slot] = []
        self._asked_at = math.inf  # monotonic
        self._stop = asyncio.Event()
        self._on_terminal = os.isatty(0)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_stop)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        living = asyncio.create_task(self._live(), name="live")
        stopped = asyncio.create_task(self._stop.wait(), name="stop")
        await asyncio.wait([living, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not living.done():
            living.cancel()
            await asyncio.wait([living])
        if not living.cancelled():
            living.result()

    def _asked_to_stop(self) -> None:
        now = time.monotonic()
        self._asked_at = min(self._asked_at, now)
        self._stop.set()
        # Who asks twice will not wait for sessions to end. One Ctrl-C may come as two signals.
        if now - self._asked_at > _ASKED_AGAIN:
            for slot in self._slots:
                slot.kill()

    def _reload(self) -> None:
        if self._on_terminal and not os.isatty(0):
            # This SIGHUP is the older kind: the terminal that we run on was closed.
            self._asked_to_stop()
            return
        log.info("certificates are read again")
        for slot in self._slots:
            slot.tell(handover.RELOAD)

    async def _live(self) -> None:
        settings, found = self._settings, places(self._settings.listen, self._roles)
        health.check_values(settings)
        await _prove_objects(settings)
        _allow_many_connections()
        sockets = await asyncio.to_thread(listening.bind, found, settings.worker_count)
        try:
            async with postgres(settings, self._say) as dsn:
                await finish(lambda: certificates.prepare(settings))
                logins = [] if settings.database.dsn else await first_run.logins(settings, dsn)
                given = [self._handover(slot, dsn, found, own) for slot, own in enumerate(sockets)]
                async with self._workers(given):
                    for place in found:
                        await wait_for_greeting(place, timeout=_GREETING_TIMEOUT)
                    for line in first_run.instructions(settings, found, logins):
                        self._say(line)
                    self._say("mailserver ready")
                    # `run` ends this by cancelling, the only way, so that it happens once.
                    await asyncio.get_running_loop().create_future()
        finally:
            listening.close(sockets)
            self._board.close()

    def _handover(
        self, slot: int, dsn: str, found: Sequence[Place], own: Sequence[socket.socket]
    ) -> Handover:
        doors = [place.door for place in found]
        numbers = [sock.fileno() for sock in own]
        sockets = tuple(zip(doors, numbers, strict=True))
        return Handover(
            settings=self._settings,
            dsn=dsn,
            roles=self._roles,
            sockets=sockets,
            slot=slot,
            board=self._board.fileno(),
            ticket_secret=self._ticket_secret,
        )

    @asynccontextmanager
    async def _workers(self, given: Sequence[Handover]) -> AsyncIterator[None]:
        """Workers that all serve when the block begins, and have drained when it is left."""
        metrics = await asyncio.to_thread(_fresh_directory, self._settings.data / "metrics")
        self._slots = [Slot(one, metrics) for one in given]
        running = [asyncio.create_task(slot.run()) for slot in self._slots]
        try:
            for slot, task in zip(self._slots, running, strict=True):
                await _ready_or_failed(slot, task)
            yield
        finally:
            timeout = self._settings.drain_timeout
            await asyncio.gather(*(slot.drain(timeout) for slot in self._slots))
            for task in running:
                task.cancel()
            await asyncio.wait(running)


async def _prove_objects(settings: Settings) -> None:
    objects = open_store(settings)
    try:
        fact = await health.object_store(objects)
    finally:
        await objects.close()
    if not fact.ok:
        raise SettingsError(f"objects: {fact.detail}")


async def _ready_or_failed(slot: Slot, running: asyncio.Task[None]) -> None:
    ready = asyncio.create_task(slot.ready.wait())
    try:
        await asyncio.wait([ready, running], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
    finally:
        ready.cancel()


def _allow_many_connections() -> None:
    """Raise the soft limit of open files, which the workers inherit, to the hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _fresh_directory(directory: Path) -> Path:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700)
    return directory.absolute()
