"""The schema is the sum of its migrations, applied exactly once."""

import asyncio

from mailserver.storage.migrations import migrate, pending
from tests.support.postgres import Cluster


async def test_nodes_that_start_together_apply_each_migration_once(postgres: Cluster) -> None:
    await postgres._admin("CREATE DATABASE together")
    dsn = postgres.server.dsn("together")
    assert await pending(dsn)
    applied = await asyncio.gather(*(migrate(dsn) for _ in range(4)))
    names = [(m.stream, m.number) for batch in applied for m in batch]
    assert len(names) == len(set(names)) > 0
    assert await pending(dsn) == []
    await postgres.drop(dsn)
