"""Fixtures every test may ask for."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.node import node
from tests.support.postgres import Cluster, cluster

__all__ = ["node"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A real PostgreSQL, started once per test process."""
    with cluster() as running:
        asyncio.run(running.make_template())
        yield running


@pytest.fixture
async def dsn(postgres: Cluster) -> AsyncIterator[str]:
    """A migrated database of this test's own."""
    name = await postgres.create()
    yield name
    await postgres.drop(name)
