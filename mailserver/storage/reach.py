"""Whether a Postgres can be used at all: connections that may fail for any reason.

Unlike in `Database`, a wrong password or a missing database is StorageUnavailable too: here the
operator's setting is judged, not a moment of the server.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg

from mailserver.errors import StorageUnavailable
from mailserver.storage.database import Connection, translated

_OLDEST = 150000  # server_version_num: the SQL here is PostgreSQL 15's


async def prove(dsn: str, *, timeout: float = 10.0) -> None:
    """Connect and ask; StorageUnavailable says in one line why this database cannot be used."""
    async with _connected(dsn, timeout) as connection:
        number = int(await connection.fetchval("SHOW server_version_num"))
    if number < _OLDEST:
        raise StorageUnavailable(f"Postgres: version {number // 10000} is too old, 15 is needed")


async def clock(dsn: str, *, timeout: float = 10.0) -> datetime:
    """What time the server has, aware."""
    async with _connected(dsn, timeout) as connection:
        now: datetime = await connection.fetchval("SELECT clock_timestamp()")
        return now


@asynccontextmanager
async def _connected(dsn: str, timeout: float) -> AsyncIterator[Connection]:
    try:
        with translated():
            connection = await asyncpg.connect(dsn, timeout=timeout, command_timeout=timeout)
            try:
                yield connection
            finally:
                await connection.close()
    except (asyncpg.PostgresError, ValueError) as error:
        raise StorageUnavailable(f"Postgres: {error}") from error
