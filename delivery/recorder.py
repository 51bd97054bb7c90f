"""Outcomes into the queue: whatever came in while the last transaction ran goes into the next.

Invariant: record() returns when the outcome is durable and not before, so that a lane never sends
the next message over an unrecorded one; while Postgres is away it waits.
"""

import asyncio
from uuid import UUID

from mailserver.errors import StorageUnavailable
from mailserver.logs import logger
from mailserver.storage import queue
from mailserver.storage.database import Database
from mailserver.storage.queue import Result

_RETRY_FIRST, _RETRY_MOST = 0.5, 15.0  # seconds

log = logger("delivery")


class Recorder:
    """record() from any lane; run() is the writer and must be running."""

    def __init__(self, database: Database, owner: UUID) -> None:
        self._database = database
        self._owner = owner
        self._waiting: list[tuple[list[Result], asyncio.Future[None]]] = []
        self._wake = asyncio.Event()

    async def record(self, results: list[Result]) -> None:
        """Durable when this returns."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((results, done))
        self._wake.set()
        await done

    async def run(self) -> None:
        """Write what waits, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch, self._waiting = self._waiting, []
            results = [result for results, _ in batch for result in results]
            recorded = await self._write(results)
            for result in results:
                if result.id not in recorded:
                    log.warning("lease was lost", recipient_id=result.id, state=result.state)
            for _, done in batch:
                if not done.done():
                    done.set_result(None)

    async def _write(self, results: list[Result]) -> set[int]:
        pause = _RETRY_FIRST
        while True:
            try:
                async with self._database.connection() as c:
                    return await queue.record(c, self._owner, results)
            except StorageUnavailable as error:
                log.warning("outcomes wait for Postgres", outcomes=len(results), cause=str(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, _RETRY_MOST)
