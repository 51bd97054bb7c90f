"""Lanes: who carries what, and that no job is left behind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from delivery.letter import Letter
from delivery.outcome import Category, Failure, Outcome, failed
from delivery.routing import Route, Target
from delivery.sites import Carrier, Job, Sites
from mailserver.storage.queue import Message, Recipient, State

ROUTE = Route("mx.test", (Target("mx.test", 25),))
DONE = Outcome(State.DELIVERED, Category.NONE, "2.0.0", "mx.test", "250 ok")


def job(number: int) -> Job:
    now = datetime.now(UTC)
    message = Message(number, 1, None, 1, b"", "", 0, False, False, now, now)
    letter = Letter(message, Path("/"))
    letter.keep()
    return Job(letter, [Recipient(number, f"r{number}@x.test", "x.test", 1)])


class Host:
    """A site that carries in `seconds`, says goodbye in `goodbye`, and counts."""

    def __init__(self, seconds: float = 0.0, goodbye: float = 0.0) -> None:
        self.seconds, self.goodbye = seconds, goodbye
        self.refusal: Outcome | None = None
        self.breaks = False
        self.opened = self.open = self.most_open = 0
        self.carried: list[int] = []
        self.settled: dict[int, Outcome] = {}
        self.usable = True

    async def connect(self, _: Route) -> Carrier | Outcome:
        await asyncio.sleep(0)
        self.opened += 1
        if self.refusal is not None:
            return self.refusal
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        return self

    async def carry(self, job: Job) -> list[Outcome]:
        await asyncio.sleep(self.seconds)
        self.carried.append(job.letter.message.id)
        if self.breaks:
            raise RuntimeError("a mistake of ours")
        return [DONE] * len(job.recipients)

    async def close(self) -> None:
        await asyncio.sleep(self.goodbye)
        self.open -= 1

    def abort(self) -> None:
        self.open -= 1

    async def settle(self, jobs: list[Job], outcomes: list[list[Outcome]]) -> None:
        for one, (outcome,) in zip(jobs, outcomes, strict=True):
            self.settled[one.letter.message.id] = outcome

    async def all_settled(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.settled) < count:
                await asyncio.sleep(0.005)


@asynccontextmanager
async def sites(host: Host, connections: int = 3) -> AsyncIterator[Sites]:
    async with asyncio.TaskGroup() as tasks:
        opened = Sites(connections, tasks.create_task, host.connect, host.settle)
        yield opened
        await opened.stop(1)


async def test_few_jobs_share_one_connection() -> None:
    host = Host()
    async with sites(host) as opened:
        opened.add(ROUTE, [job(n) for n in range(10)])
        await host.all_settled(10)
    assert host.carried == list(range(10))
    assert host.opened == 1


async def test_many_jobs_get_more_connections_up_to_the_limit() -> None:
    host = Host(seconds=0.002)
    async with sites(host, connections=3) as opened:
        opened.add(ROUTE, [job(n) for n in range(100)])
        await host.all_settled(100)
    assert host.most_open == 3
    assert sorted(host.carried) == list(range(100))


async def test_job_added_while_the_lane_says_goodbye_is_carried() -> None:
    host = Host(goodbye=0.2)
    async with sites(host) as opened:
        opened.add(ROUTE, [job(1)])
        await host.all_settled(1)
        await asyncio.sleep(0.05)
        opened.add(ROUTE, [job(2)])
        await host.all_settled(2)


async def test_site_that_cannot_be_reached_fails_all_its_jobs_at_once() -> None:
    host = Host()
    host.refusal = failed(Failure.NO_ANSWER)
    async with sites(host) as opened:
        opened.add(ROUTE, [job(n) for n in range(9)])
        await host.all_settled(9)
    assert host.opened == 1
    assert set(map(id, host.settled.values())) == {id(host.refusal)}


async def test_mistake_in_one_job_does_not_end_the_lane() -> None:
    host = Host()
    host.breaks = True
    async with sites(host) as opened:
        opened.add(ROUTE, [job(n) for n in range(3)])
        await host.all_settled(3)
    assert {outcome.state for outcome in host.settled.values()} == {State.DEFERRED}


async def test_nothing_is_begun_after_stop() -> None:
    host = Host(seconds=0.1)
    async with sites(host) as opened:
        opened.add(ROUTE, [job(n) for n in range(5)])
        await asyncio.sleep(0.05)
        await opened.stop(1)
        assert list(host.settled) == [0]  # the one that was under way


async def test_lane_that_is_cancelled_drops_its_connection() -> None:
    host = Host(seconds=60)
    async with sites(host) as opened:
        opened.add(ROUTE, [job(1)])
        async with asyncio.timeout(5):
            while not host.open:
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.01)
        await opened.stop(0.01)
    assert (host.opened, host.open, host.settled) == (1, 0, {})
