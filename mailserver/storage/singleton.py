"""Work that one process of all nodes does: whoever holds a Postgres advisory lock.

The lock belongs to a connection of its own. When that connection dies, so does the claim: the work
is cancelled here and taken up elsewhere.
"""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg

from mailserver.logs import logger

_TRY_AGAIN = 5.0  # seconds until the next try for a lock that another process holds
_PROOF = 5.0  # seconds between proofs that the lock is still ours

log = logger("storage")


async def singleton(dsn: str, key: int, work: Callable[[], Awaitable[None]]) -> None:
    """Run `work()`, which never ends by itself, wherever the lock `key` is won; for ever."""
    while True:
        try:
            connection = await asyncpg.connect(dsn, timeout=10.0)
            try:
                if await connection.fetchval("SELECT pg_try_advisory_lock($1)", key):
                    await _while_ours(connection, work)
            finally:
                connection.terminate()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("a singleton's lock is out of reach", key=key, cause=str(error))
        await asyncio.sleep(_TRY_AGAIN)


async def _while_ours(
    connection: "asyncpg.Connection[asyncpg.Record]", work: Callable[[], Awaitable[None]]
) -> None:
    task = asyncio.ensure_future(work())
    lost = asyncio.Event()
    # At once when the server ends the connection; the proof finds one that fell silent.
    connection.add_termination_listener(lambda _: lost.set())
    waiting = asyncio.ensure_future(lost.wait())
    try:
        while not task.done() and not lost.is_set():
            await asyncio.wait([task, waiting], timeout=_PROOF, return_when=asyncio.FIRST_COMPLETED)
            if not lost.is_set():
                await connection.fetchval("SELECT 1", timeout=_PROOF)
        if task.done():
            await task
    finally:
        task.cancel()
        waiting.cancel()
        await asyncio.gather(task, waiting, return_exceptions=True)
