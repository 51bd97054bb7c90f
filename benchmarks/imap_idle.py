"""Waiting clients: how soon they hear of new mail, and what each of them costs."""

import asyncio
import statistics
import time
from collections.abc import Iterator

import uvloop

from benchmarks import usage
from benchmarks.imap_pair import Pair, pair
from benchmarks.imap_talk import Talk
from benchmarks.messages import message
from benchmarks.report import ROUNDS, Figure

TIMES = 50
WATCHERS = 1_000
SESSIONS = 10_000
THEIRS = 90  # connections of Dovecot whose memory is measured
BODY = message(1, 2_000)


def run() -> Iterator[Figure]:
    """The figures of this scenario; none when Dovecot is missing."""
    limits = {"MAILSERVER__IMAP__MAX_SESSIONS": "20000"}
    for workers, where in ((1, "same process"), (2, "another process")):
        with pair(workers=workers, **limits) as both:
            if both is None:
                return
            for name, count, times in (
                # Of several watchers the last is in another process.
                (f"p50, {where}", 1 if workers == 1 else 8, TIMES),
                (f"last of {WATCHERS:,}, {where}", WATCHERS, 5),
            ):
                if count == WATCHERS and workers == 2:
                    continue
                ours, theirs = [], []
                for _ in range(ROUNDS):
                    ours.append(1e3 * uvloop.run(_hear(both.server.ports["imaps"], count, times)))
                    # Each watcher of Dovecot is a process of some 5 MB: fewer of them do.
                    fewer = min(count, 100)
                    theirs.append(1e3 * uvloop.run(_hear(both.peer.imaps, fewer, 3)))
                yield Figure(
                    f"IMAP EXISTS after APPEND, {name}", "ms", ours, "Dovecot", theirs, True
                )
            if workers == 1:
                yield from _memory(both)


async def _hear(port: int, count: int, times: int) -> float:
    """Seconds from the sending of an APPEND to the last EXISTS: the median of `times`."""
    heard: asyncio.Queue[float] = asyncio.Queue()

    def line(text: bytes) -> None:
        if b" EXISTS" in text:
            heard.put_nowait(time.perf_counter())

    watchers = [await _watching(port, line) for _ in range(count)]
    author = await Talk.open(port)
    await author.login(0)
    delays = []
    for _ in range(times):
        started = time.perf_counter()
        await author.command("APPEND INBOX", BODY)
        moments = [await asyncio.wait_for(heard.get(), 40) for _ in watchers]
        delays.append(moments[-1] - started)
    for talk in (*watchers, author):
        talk.close()
    return statistics.median(delays)


async def _watching(port: int, line: object) -> Talk:
    talk = await Talk.open(port, heard=line)  # type: ignore[arg-type]
    await talk.login(0)
    await talk.command("SELECT INBOX")
    await talk.idle()
    return talk


def _memory(both: Pair) -> Iterator[Figure]:
    assert both.server.process is not None
    pid = both.server.process.pid
    theirs = uvloop.run(_cost(both.peer.imaps, THEIRS, True, both.peer.pid, ""))
    mine = uvloop.run(_cost(both.server.ports["imaps"], SESSIONS, True, pid, "processes.worker"))
    yield Figure(
        f"IMAP IDLE connection, TLS, {SESSIONS:,}", "KB", [mine], "Dovecot", [theirs], True
    )


async def _cost(port: int, count: int, tls: bool, pid: int, name: str) -> float:
    def nothing(line: bytes) -> None:
        pass

    first = [await _watching(port, nothing) for _ in range(10)]
    await asyncio.sleep(1)
    before = usage.memory(pid, name)
    talks = [await _watching(port, nothing) for _ in range(count)]
    await asyncio.sleep(1)
    cost = (usage.memory(pid, name) - before) / count / 1024
    for talk in (*first, *talks):
        talk.close()
    return cost
