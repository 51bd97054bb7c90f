"""Another session of alice, in another process: whose changes are told, and that nothing is."""

from collections.abc import AsyncIterator

import pytest

from mailserver.node import Node
from tests.support.imap_client import Client
from tests.support.imap_doors import Doors, open_doors
from tests.support.node import open_node, settings_for


@pytest.fixture
async def elsewhere(node: Node, doors: Doors, dsn: str) -> AsyncIterator[Client]:
    """A session of alice in another process."""
    async with (
        open_node(dsn, settings_for(node.settings.data)) as other,
        open_doors(other) as others,
    ):
        yield await others.login()


async def silent(client: Client) -> bool:
    """Nothing is told, not now and not by NOOP."""
    with pytest.raises(TimeoutError):
        await client.line(0.4)
    return await client.do("NOOP") == []
