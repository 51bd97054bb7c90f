"""Large messages: 1 MB ones beside Postfix; 50 MB ones beside small ones of our own."""

import asyncio
from collections.abc import Iterator

import uvloop

from benchmarks import ours, peers, usage
from benchmarks.messages import message
from benchmarks.report import Figure, in_turn
from benchmarks.smtp_accept import BODIES, RECIPIENTS, USERS
from benchmarks.smtp_load import Load, Sent
from tests.support.server import Server

MEGABYTE = [message(number, 1_000_000) for number in range(10)]
HUGE = [message(7, 1_000_000) * 50]
SESSIONS = 20
MESSAGES = 400
SECONDS = 5.0
PACE = 200.0  # small messages a second, of all sessions together


def run() -> Iterator[Figure]:
    """The figures of this scenario, each as it is known."""
    with ours.running(users=USERS, workers=2) as server:
        yield from _one_megabyte(server)
        yield from _beside_small_ones(server)


def _send(port: int, messages: int) -> dict[str, float]:
    return {"rate": Load(port, RECIPIENTS, MEGABYTE, SESSIONS, messages // SESSIONS).run().rate}


def _one_megabyte(server: Server) -> Iterator[Figure]:
    if why := peers.missing("postfix"):
        print(f"Postfix is left out: {why}")
        return
    with peers.folder() as folder, peers.postfix(folder) as peer:

        def theirs() -> dict[str, float]:
            figures = _send(peer.port, MESSAGES)
            peers.empty_queue(peer)
            return figures

        a, b = in_turn(lambda: _send(server.ports["smtp"], MESSAGES), theirs)
    yield Figure("SMTP 1 MB, 20 sessions", "msg/s", a["rate"], "Postfix, held", b["rate"])


def _beside_small_ones(server: Server) -> Iterator[Figure]:
    """100 sessions with small messages, without and with 20 that send 50 MB each.

    The small ones come at a pace that leaves the machine time: a queue at a full machine would
    be measured otherwise.
    """
    assert server.process is not None
    pid, port = server.process.pid, server.ports["smtp"]
    before = usage.memory(pid, "processes.worker")
    most = 0

    async def small(seconds: float) -> Sent:
        load = Load(port, RECIPIENTS, BODIES, 100, int(seconds * PACE / 100), pace=100 / PACE)
        return await load.send()

    async def beside() -> Sent:
        nonlocal most
        large = asyncio.create_task(Load(port, RECIPIENTS, HUGE, 20, 1).send())
        found = await small(SECONDS)
        most = max(most, usage.memory(pid, "processes.worker"))
        await large
        return found

    def alone() -> dict[str, float]:
        return {"p99": uvloop.run(small(SECONDS)).percentile(0.99) * 1000}

    def together() -> dict[str, float]:
        return {"p99": uvloop.run(beside()).percentile(0.99) * 1000}

    a, b = in_turn(together, alone)
    yield Figure("SMTP 10 KB beside 20 x 50 MB, p99", "ms", a["p99"], "alone", b["p99"], True)
    grown = (most - before) / 20 / 1024
    yield Figure("SMTP 50 MB, memory a session", "KB", [grown], "2 MB", [2048.0], True)
