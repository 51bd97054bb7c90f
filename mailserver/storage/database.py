"""A pool of Postgres connections; what goes wrong with the server is StorageUnavailable.

Invariant: a transaction is short and never spans a network peer.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from mailserver.errors import StorageRefused, StorageUnavailable

Record: TypeAlias = asyncpg.Record
Connection: TypeAlias = "asyncpg.Connection[Record] | PoolConnectionProxy[Record]"

# What says that Postgres is away, going down, full or gave up this transaction: the same
# statement may succeed later. Everything else is a mistake of ours and must be seen.
_UNAVAILABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.exceptions.OperatorInterventionError,
    asyncpg.exceptions.InsufficientResourcesError,
    asyncpg.exceptions.TransactionRollbackError,
    asyncpg.exceptions.ReadOnlySQLTransactionError,
)

_ARRAYS = ("bigint", "integer", "smallint", "boolean", "text", "bytea", "timestamptz")


@contextmanager
def translated() -> Iterator[None]:
    """Raise StorageUnavailable for what Postgres could not do now, StorageRefused for values."""
    try:
        yield
    except (asyncpg.DataError, UnicodeError) as error:
        raise StorageRefused(f"Postgres: {type(error).__name__}: {error}") from error
    except _UNAVAILABLE as error:
        raise StorageUnavailable(f"Postgres: {type(error).__name__}: {error}") from error


async def _nothing_to_reset(_: object) -> None:
    """Nobody changes a session; an open transaction is rolled back in any case.

    asyncpg would reset settings, locks and cursors, a round trip each time a connection comes back.
    """


async def _learn_types(connection: Connection) -> None:
    """Let asyncpg ask for the types we use now, once, and not while a client waits.

    For each type it does not know it asks a question that takes longer than all of a SELECT.
    """
    arrays = ", ".join(f"NULL::{name}[]" for name in _ARRAYS)
    await connection.fetch(f"SELECT {arrays}")


class Database:
    """Connections to one database, at most `connections` at a time."""

    def __init__(self, dsn: str, pool: "asyncpg.Pool[Record]", timeout: float) -> None:
        self.dsn = dsn
        self._pool = pool
        self._timeout = timeout

    @classmethod
    async def open(cls, dsn: str, *, connections: int, timeout: float) -> "Database":
        """Connect; `timeout` in seconds bounds each statement and each wait for a connection."""
        with translated():
            pool = await asyncpg.create_pool(
                dsn,
                min_size=1,
                max_size=connections,
                timeout=timeout,
                command_timeout=timeout,
                reset=_nothing_to_reset,
                server_settings={"application_name": "mailserver", "jit": "off"},
            )
        return cls(dsn, pool, timeout)

    async def close(self) -> None:
        await self._pool.close()

    async def warm(
        self, connections: int, rehearse: Callable[[Connection], Awaitable[None]]
    ) -> None:
        """Do now what else a client would wait for: connect so many times, and prepare statements.

        `rehearse` asks on each connection what will be asked again. Raises StorageUnavailable.
        """
        async with AsyncExitStack() as stack:
            for _ in range(min(connections, self._pool.get_max_size())):
                connection = await stack.enter_async_context(self.connection())
                await _learn_types(connection)
                await rehearse(connection)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """One connection; each statement is a transaction of its own."""
        with translated():
            async with self._pool.acquire(timeout=self._timeout) as connection:
                yield connection

    @asynccontextmanager
    async def transaction(self, *, snapshot: bool = False) -> AsyncIterator[Connection]:
        """One transaction, durable when the block ends; `snapshot`: repeatable read, read only."""
        with translated():
            async with (
                self._pool.acquire(timeout=self._timeout) as connection,
                connection.transaction(
                    isolation="repeatable_read" if snapshot else "read_committed",
                    readonly=snapshot,
                ),
            ):
                yield connection

    async def fetch(self, sql: str, *arguments: Any) -> list[Record]:
        async with self.connection() as connection:
            return await connection.fetch(sql, *arguments)

    async def fetchrow(self, sql: str, *arguments: Any) -> Record | None:
        async with self.connection() as connection:
            return await connection.fetchrow(sql, *arguments)

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        async with self.connection() as connection:
            return await connection.fetchval(sql, *arguments)

    async def execute(self, sql: str, *arguments: Any) -> str:
        async with self.connection() as connection:
            return await connection.execute(sql, *arguments)
