"""What runs beside the doors."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailserver import housekeeping, indexing
from mailserver.node import Node
from mailserver.settings import Search
from mailserver.storage.directory import login_failures, login_networks
from tests.support.imap_session import Client, message, services
from tests.support.node import ALICE, open_node, settings_for


async def test_failures_go_after_their_window_and_networks_after_a_month(node: Node) -> None:
    alice = await node.accounts.find(ALICE)
    assert alice is not None
    async with node.database.connection() as c:
        await login_failures.record(c, {ALICE: 0.01})
        await login_networks.remember(c, alice.id, "192.0.2.0/24")

    async def left(later: timedelta) -> tuple[int, int]:
        await housekeeping.forget_logins(node, datetime.now(UTC) + later)
        counts = [
            await node.database.fetchval(f"SELECT count(*) FROM {table}")
            for table in ("login_failure", "login_network")
        ]
        return counts[0], counts[1]

    assert await left(timedelta(seconds=600)) == (1, 1)
    assert await left(timedelta(seconds=1000)) == (0, 1)
    assert await left(timedelta(days=32)) == (0, 0)


async def test_the_text_index_is_kept_until_the_end(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "_SETTLE", 0.05)
    client = await Client.login(services(node))

    async def indexed(count: int) -> None:
        async with asyncio.timeout(30):
            while await node.database.fetchval("SELECT sum(messages) FROM text_pack") != count:
                await asyncio.sleep(0.02)

    await client.deliver(message("there before"))
    running = asyncio.create_task(housekeeping.index(node))
    try:
        await indexed(1)
        await client.deliver(message("told of"))
        await indexed(2)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_where_the_text_index_is_off_nothing_keeps_it(dsn: str, tmp_path: Path) -> None:
    async with open_node(dsn, settings_for(tmp_path, search=Search(index=False))) as node:
        async with asyncio.timeout(10):
            await housekeeping.index(node)
