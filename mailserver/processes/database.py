"""The parent's Postgres: the one that settings name, or the embedded one, kept alive."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from mailserver.embedded.postgres import PostgresServer
from mailserver.errors import SettingsError, StorageUnavailable
from mailserver.logs import logger
from mailserver.settings import Settings
from mailserver.storage.migrations import migrate
from mailserver.storage.reach import prove

_WATCH = 0.5  # seconds between looks at the embedded server

log = logger("processes")


@asynccontextmanager
async def postgres(settings: Settings, say: Callable[[str], None]) -> AsyncIterator[str]:
    """A Postgres with the whole schema, as long as the context lasts; gives its DSN.

    SettingsError when it cannot be reached or started.
    """
    if settings.database.dsn:
        yield await _prepared(settings.database.dsn)
        return
    # Each worker's pool, its group commit and its listener; and room for the CLI.
    connections = settings.worker_count * (settings.database.connections + 5) + 50
    server = PostgresServer(settings.data / "postgres", connections=max(connections, 200))
    if not server.exists:
        say("making the database, once …")
    watch = None
    try:
        await finish(server.start)
        dsn = await _prepared(server.dsn())
        watch = asyncio.create_task(_keep(server), name="postgres")
        yield dsn
    finally:
        if watch is not None:
            watch.cancel()
            await asyncio.wait([watch])
        await finish(server.stop)


async def finish(work: Callable[[], None]) -> None:
    """Run blocking `work` in a thread and wait for its end, cancelled or not."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


async def _prepared(dsn: str) -> str:
    try:
        await prove(dsn)
    except StorageUnavailable as error:
        raise SettingsError(f"database.dsn: {error}") from None
    for migration in await migrate(dsn):
        log.info("migration applied", stream=migration.stream, number=migration.number)
    return dsn


async def _keep(server: PostgresServer) -> None:
    """Start the embedded server again whenever it ended by itself."""
    while True:
        await asyncio.sleep(_WATCH)
        if server.returncode is None:
            continue
        log.error("the embedded PostgreSQL died", status=server.returncode)
        try:
            await finish(server.start)
        except SettingsError as error:
            log.error("the embedded PostgreSQL does not start", cause=str(error))
