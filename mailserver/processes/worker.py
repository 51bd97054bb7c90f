"""One worker process: opens its doors on inherited sockets and serves until told to drain.

Started by the parent only (`python -m mailserver.processes.worker`). It lives no longer than its
parent: the end of its stdin, which only the parent's end can cause, stops it.
"""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import uvloop

from mailserver import housekeeping, logs
from mailserver.errors import SettingsError, StorageUnavailable
from mailserver.node import Door, Node
from mailserver.processes import handover
from mailserver.processes.doors import DoorName
from mailserver.processes.handover import Handover
from mailserver.storage.board import Board

# What runs for ever beside the doors; singletons among them hold a Postgres advisory lock.
BACKGROUND: Sequence[Callable[[Node], Coroutine[Any, Any, None]]] = (
    housekeeping.fold,
    housekeeping.retain,
    housekeeping.index,
)

_ORPHAN_DRAIN = 1.0  # seconds; a new parent may be waiting for our ports

_CONNECTIONS = 3  # to the database that are ready for the first clients

log = logs.logger("worker")


def main() -> int:
    """Serve; gives the exit status."""
    try:
        given = handover.read(0)
    except EOFError:
        return 1
    logs.configure(given.settings.logs, role=f"worker-{given.slot}")
    sys.unraisablehook = logs.unraisable
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(given))
    except (SettingsError, StorageUnavailable) as error:
        _tell(handover.FAILED + " ".join(str(error).split()).encode() + b"\n")
        return 1
    except Exception:
        log.exception("worker ends")
        return 1
    return 0


async def _serve(given: Handover) -> None:
    processes = given.settings.worker_count
    board = Board(given.board, slot=given.slot, processes=processes)
    opening = Node.open(given.settings, given.dsn, ticket_secret=given.ticket_secret, board=board)
    async with opening as node:
        doors = [await _open(node, name, descriptor) for name, descriptor in given.sockets]
        background = [node.supervise(), *(work(node) for work in BACKGROUND)]
        if "delivery" in given.roles:
            from delivery.worker import Worker

            worker = Worker(node)
            doors.append(worker)
            background.append(worker.run())
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in background]
            # What lives from here on is looked at by no collection: shorter pauses.
            gc.collect()
            gc.freeze()
            # Sessions and messages are freed by their counts; looking for cycles as often as by
            # default (700 objects) costs 7 % of a busy worker.
            gc.set_threshold(20_000, 20, 20)
            # For so long a thread that digests a large message may keep the loop waiting.
            sys.setswitchinterval(0.001)
            timeout = await _obey(node)
            await _drain(doors, timeout)
            for task in tasks:
                task.cancel()


async def _open(node: Node, name: DoorName, descriptor: int) -> Door:
    """Open one door; its code is imported here, so that a worker holds only its roles' code."""
    sock = socket.socket(fileno=descriptor)
    sock.setblocking(False)
    match name:
        case "smtp":
            from smtp.server import serve_inbound

            return await serve_inbound(node, sock)
        case "lmtp":
            from smtp.server import serve_lmtp

            return await serve_lmtp(node, sock)
        case "submission" | "submissions":
            from smtp.server import serve_submission

            return await serve_submission(node, sock, implicit_tls=name == "submissions")
        case "imap" | "imaps":
            from imap.server import rehearse
            from imap.server import serve as serve_imap

            await node.database.warm(_CONNECTIONS, rehearse)
            return await serve_imap(node, sock, implicit_tls=name == "imaps")
        case "http":
            from mailserver.api.server import serve as serve_http

            return await serve_http(node, sock)


class _Commands(asyncio.Protocol):
    """The parent's lines, one by one; an empty one when the parent is gone."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[bytes] = asyncio.Queue()
        self._partial = b""

    def data_received(self, data: bytes) -> None:
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            self.lines.put_nowait(line + b"\n")

    def connection_lost(self, exc: Exception | None) -> None:
        self.lines.put_nowait(b"")


async def _obey(node: Node) -> float:
    """Say that we serve, then do what the parent says; gives the seconds to drain in."""
    loop = asyncio.get_running_loop()
    commands = _Commands()
    for number in (signal.SIGTERM, signal.SIGINT):
        # As if the parent had said it; a second signal changes nothing.
        loop.add_signal_handler(number, commands.lines.put_nowait, handover.DRAIN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    pipe, _ = await loop.connect_read_pipe(lambda: commands, os.fdopen(0, "rb", closefd=False))
    try:
        _tell(handover.READY)
        while line := await commands.lines.get():
            if line == handover.DRAIN:
                return node.settings.drain_timeout
            if line == handover.RELOAD:
                node.certificates.reload()
                log.info("certificates read again")
    finally:
        pipe.close()
    log.warning("the parent is gone")
    return _ORPHAN_DRAIN


async def _drain(doors: Sequence[Door], timeout: float) -> None:
    work: list[Awaitable[None]] = [door.drain(timeout) for door in doors]
    for result in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(result, BaseException):
            log.error("a door did not drain", exc_info=result)


def _tell(line: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(1, line)


if __name__ == "__main__":
    sys.exit(main())
