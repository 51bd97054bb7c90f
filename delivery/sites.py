"""Jobs by site, and the lanes that carry them: one connection, many messages.

Invariants: at most `connections` lanes hold a connection at a time; a site's lanes share its jobs,
also those that are added while they run; a site none of whose hosts can be reached fails all its
jobs at once instead of one by one; after stop() no job is begun.
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from delivery.letter import Letter
from delivery.outcome import Failure, Outcome, failed
from delivery.routing import Route
from mailserver.logs import logger
from mailserver.storage.queue import Recipient

_JOBS_PER_LANE = 10  # more waiting than this makes another lane worth its connection

log = logger("delivery")


@dataclass(slots=True)
class Job:
    """One message to those of its recipients that go the same way."""

    letter: Letter  # kept for this job; who finishes it releases it
    recipients: list[Recipient]

    def late(self, now: datetime) -> bool:
        """No attempt may be made any more (RFC 2852 §4.1.3)."""
        ends = self.letter.message.terms.returned_at
        return ends is not None and ends <= now


class Carrier(Protocol):
    """What takes jobs to a site."""

    @property
    def usable(self) -> bool:
        """Whether another job can be given."""

    async def carry(self, job: Job) -> list[Outcome]:
        """An outcome for each recipient, in their order."""

    async def close(self) -> None:
        """Say goodbye."""

    def abort(self) -> None:
        """Drop the connection."""


Spawn = Callable[[Coroutine[None, None, None]], "asyncio.Task[None]"]
Opener = Callable[[Route], Awaitable[Carrier | Outcome]]
Settler = Callable[[list[Job], list[list[Outcome]]], Awaitable[None]]


@dataclass(slots=True)
class _Site:
    route: Route
    jobs: deque[Job] = field(default_factory=deque)
    lanes: int = 0


class Sites:
    """Everything that is under way."""

    def __init__(self, connections: int, spawn: Spawn, opener: Opener, settler: Settler) -> None:
        """`spawn` starts lanes; `settler` is given what was carried, and records it."""
        self._connections = connections
        self._slots = asyncio.Semaphore(connections)
        self._spawn = spawn
        self._open = opener
        self._settle = settler
        self._sites: dict[str, _Site] = {}
        self._lanes: set[asyncio.Task[None]] = set()
        self._stopped = False

    def add(self, route: Route, jobs: list[Job]) -> None:
        """Carry `jobs` along `route`, beside what the site has already."""
        site = self._sites.setdefault(route.site, _Site(route))
        site.route = route
        site.jobs.extend(jobs)
        wanted = min(math.ceil(len(site.jobs) / _JOBS_PER_LANE), self._connections)
        while site.lanes < wanted:
            site.lanes += 1
            lane = self._spawn(self._lane(site))
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)

    async def stop(self, timeout: float) -> None:
        """Begin no more jobs; lanes get `timeout` seconds to finish theirs, then are cancelled."""
        self._stopped = True
        lanes = set(self._lanes)
        if lanes:
            await asyncio.wait(lanes, timeout=timeout)
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)
        for site in self._sites.values():
            for job in site.jobs:
                job.letter.release()
        self._sites.clear()

    async def _lane(self, site: _Site) -> None:
        async with self._slots:
            carrier = await self._drive(site)
            if carrier is not None:
                await carrier.close()

    async def _drive(self, site: _Site) -> Carrier | None:
        """Carry the site's jobs until there are none; gives the carrier, to be closed.

        The lane ends in the same step that finds no job, before it says goodbye: a job that is
        added from then on gets a lane of its own.
        """
        carrier: Carrier | None = None
        try:
            while site.jobs and not self._stopped:
                if carrier is None or not carrier.usable:
                    carrier = await self._reached(site)
                if carrier is not None and site.jobs:  # another lane may have taken the last one
                    await self._carry(carrier, site.jobs.popleft())
            return carrier
        except asyncio.CancelledError:
            if carrier is not None:
                carrier.abort()
            raise
        finally:
            site.lanes -= 1
            if not site.jobs and not site.lanes:
                self._sites.pop(site.route.site, None)

    async def _reached(self, site: _Site) -> Carrier | None:
        """A carrier to the site; when none of its hosts can be reached all its jobs fail."""
        opened = await self._opened(site.route)
        if not isinstance(opened, Outcome):
            return opened
        jobs = list(site.jobs)
        site.jobs.clear()
        await self._finish(jobs, [[opened] * len(job.recipients) for job in jobs])
        return None

    async def _carry(self, carrier: Carrier, job: Job) -> None:
        try:
            outcomes = await self._carried(carrier, job)
        except asyncio.CancelledError:
            job.letter.release()
            raise
        await self._finish([job], [outcomes])

    async def _opened(self, route: Route) -> Carrier | Outcome:
        try:
            return await self._open(route)
        except Exception as error:
            log.error("no connection", site=route.site, exc_info=error)
            return failed(Failure.SYSTEM, type(error).__name__)

    async def _carried(self, carrier: Carrier, job: Job) -> list[Outcome]:
        try:
            return await carrier.carry(job)
        except Exception as error:
            log.error("attempt failed", queue_id=job.letter.message.id, exc_info=error)
            return [failed(Failure.SYSTEM, type(error).__name__)] * len(job.recipients)

    async def _finish(self, jobs: list[Job], outcomes: list[list[Outcome]]) -> None:
        try:
            await self._settle(jobs, outcomes)
        finally:
            for job in jobs:
                job.letter.release()
