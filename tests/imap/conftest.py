"""Sessions of one process on a database of the test's own, with doors and without."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
import uvloop

from imap.session import Services
from tests.support.imap_doors import alice, doors
from tests.support.imap_session import Client, services
from tests.support.node import open_node, settings_for

__all__ = ["alice", "doors"]


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The event loop that the server runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def shared(dsn: str, tmp_path: Path) -> AsyncIterator[Services]:
    """What the sessions of one process share."""
    async with open_node(dsn, settings_for(tmp_path)) as node:
        yield services(node)


@pytest.fixture
async def client(shared: Services) -> Client:
    """A session of alice, with nothing selected."""
    return await Client.login(shared)
