"""The worker: claims what is due, keeps the leases while attempts run, hands them back.

Invariants: every claimed recipient is in `_held` until its outcome is recorded, and the lease of
whatever is held is renewed in time; a killed worker's recipients are due again when their leases
end; an idle worker sleeps until a notification or the next due time, 60 s at the most.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from random import Random
from uuid import uuid4

from delivery.carriers import open_carrier
from delivery.letter import Letter
from delivery.outcome import Failure, Outcome, concluded, failed
from delivery.recorder import Recorder
from delivery.routing import LOCAL, Route, Router
from delivery.settle import settle_job
from delivery.sites import Carrier, Job, Sites
from mailserver.errors import MailError, StorageUnavailable
from mailserver.logs import logger
from mailserver.mail.addresses import AddressError, parse_address
from mailserver.node import Node
from mailserver.storage import queue
from mailserver.storage.notifications import QUEUE
from mailserver.storage.queue import Message

_SLEEP_MOST = 60.0  # seconds; a notification that got lost costs no more than this
_SLEEP_LEAST = 0.2  # seconds; what is due may just be in another worker's hands
_HAND_BACK = 2.0  # seconds of a drain kept for this
_AWAY_FIRST, _AWAY_MOST = 1.0, 30.0  # seconds between attempts to reach Postgres

log = logger("delivery")


class Worker:
    """One process's part in delivering the queue."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._settings = node.settings.delivery
        self._owner = uuid4()
        self._random = Random()
        self._router = Router(node.settings, node.resolver, self._random)
        self._recorder = Recorder(node.database, self._owner)
        self._sites = Sites(self._settings.connections, self._spawn, self._open, self._settle)
        self._held: set[int] = set()  # recipients under our lease
        self._tasks: asyncio.TaskGroup | None = None
        self._routing: set[asyncio.Task[None]] = set()
        self._due = asyncio.Event()  # something may be due
        self._room = asyncio.Event()  # something was finished
        self._draining = False
        node.listener.subscribe(QUEUE, self._notified)

    async def run(self) -> None:
        """Deliver until cancelled; after drain() nothing more is claimed."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            tasks.create_task(self._recorder.run())
            tasks.create_task(self._renew_leases())
            tasks.create_task(self._claim())

    async def drain(self, timeout: float) -> None:
        """Finish running attempts within `timeout` seconds, hand the other leases back."""
        self._draining = True
        self._due.set()
        self._room.set()
        for task in self._routing:
            task.cancel()
        handing_back = min(_HAND_BACK, timeout / 4)
        await self._sites.stop(timeout - handing_back)
        if not self._held:
            return
        try:
            async with asyncio.timeout(handing_back), self._node.database.connection() as c:
                returned = await queue.give_back(c, self._owner, self._held)
        except (StorageUnavailable, TimeoutError) as error:
            log.warning("leases were not handed back, they will end", cause=str(error))
        else:
            log.info("leases handed back", recipients=returned)
        self._held.clear()

    def _notified(self, _payload: str) -> None:
        self._due.set()

    # ── claiming ────────────────────────────────────────────────────────────────────────────

    async def _claim(self) -> None:
        pause = _AWAY_FIRST
        while not self._draining:
            try:
                await self._claim_once()
            except StorageUnavailable as error:
                log.warning("nothing claimed", cause=str(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, _AWAY_MOST)
            else:
                pause = _AWAY_FIRST

    async def _claim_once(self) -> None:
        """Claim a batch and send it on its way; else sleep until there is something to do."""
        self._room.clear()
        if len(self._held) >= 2 * self._settings.batch:
            await self._room.wait()
            return
        self._due.clear()
        async with self._node.database.connection() as c:
            messages = await queue.claim(
                c, self._owner, lease=self._settings.lease, limit=self._settings.batch
            )
            wait = None if messages else await queue.next_due(c)
        if messages:
            self._send(messages)
            return
        seconds = _SLEEP_MOST if wait is None else min(max(wait, _SLEEP_LEAST), _SLEEP_MOST)
        try:
            async with asyncio.timeout(seconds):
                await self._due.wait()
        except TimeoutError:
            return

    def _send(self, messages: Iterable[Message]) -> None:
        # RFC 8689 §4.2.1: mail that requires TLS takes a way of its own; a report may go without.
        by_way: dict[tuple[str, bool], list[Job]] = {}
        done: list[Job] = []
        for message in messages:
            letter = Letter(message, self._node.scratch)
            for recipient in message.recipients:
                # Our own lease that ran out and was claimed again: that attempt still runs.
                if recipient.id in self._held:
                    continue
                self._held.add(recipient.id)
                require_tls = message.terms.require_tls and bool(message.sender)
                way = (recipient.domain, require_tls)
                jobs = done if recipient.asked.done else by_way.setdefault(way, [])
                if not jobs or jobs[-1].letter is not letter:
                    letter.keep()
                    jobs.append(Job(letter, []))
                jobs[-1].recipients.append(recipient)
        for (domain, require_tls), jobs in by_way.items():
            task = self._spawn(self._dispatch(domain, jobs, require_tls=require_tls))
            self._routing.add(task)
            task.add_done_callback(self._routing.discard)
        if done:
            self._spawn(self._report(done))

    # ── what happens to a job ───────────────────────────────────────────────────────────────

    async def _dispatch(self, domain: str, jobs: list[Job], *, require_tls: bool) -> None:
        """Find the route and give the jobs to its site."""
        try:
            route = await self._route(domain, jobs[0].recipients[0].address)
        except Exception as error:
            log.error("no route", domain=domain, exc_info=error)
            route = failed(Failure.SYSTEM, type(error).__name__)
        if isinstance(route, Route):
            required = require_tls and route is not LOCAL
            self._sites.add(route.required() if required else route, jobs)
            return
        await self._finish(jobs, [[route] * len(job.recipients) for job in jobs])

    async def _report(self, jobs: list[Job]) -> None:
        """Recipients that have the message already, and whose senders want to hear of it."""
        outcomes = [[concluded(recipient) for recipient in job.recipients] for job in jobs]
        await self._finish(jobs, outcomes)

    async def _finish(self, jobs: list[Job], outcomes: list[list[Outcome]]) -> None:
        await self._settle(jobs, outcomes)
        for job in jobs:
            job.letter.release()

    async def _route(self, domain: str, address: str) -> Route | Outcome:
        try:
            found = await self._node.accounts.resolve(parse_address(address, smtputf8=True))
        except AddressError as error:
            return failed(Failure.BAD_ADDRESS, str(error))
        except (MailError, StorageUnavailable) as error:
            return failed(Failure.SYSTEM, str(error))
        if found.local or found.suspended:
            return LOCAL
        return await self._router.route(domain)

    async def _open(self, route: Route) -> Carrier | Outcome:
        return await open_carrier(self._node, self._router, route)

    async def _settle(self, jobs: list[Job], outcomes: list[list[Outcome]]) -> None:
        """Record what came of the jobs, then let go of their leases."""
        await asyncio.gather(*map(self._settle_one, jobs, outcomes))

    async def _settle_one(self, job: Job, outcomes: list[Outcome]) -> None:
        try:
            if await settle_job(self._node, self._recorder, self._random, job, outcomes):
                self._due.set()  # the next due time may be nearer now
        except Exception as error:
            log.error("not settled", queue_id=job.letter.message.id, exc_info=error)
        self._held.difference_update(recipient.id for recipient in job.recipients)
        self._room.set()

    # ── what runs beside ────────────────────────────────────────────────────────────────────

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(self._settings.lease / 3)
            if not self._held:
                continue
            try:
                async with self._node.database.connection() as c:
                    await queue.renew(c, self._owner, self._held, lease=self._settings.lease)
            except StorageUnavailable as error:
                log.warning("leases were not renewed", cause=str(error))

    def _spawn(self, work: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        if self._tasks is None:
            raise RuntimeError("the worker does not run")
        return self._tasks.create_task(work)
