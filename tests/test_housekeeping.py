"""What runs beside the doors."""

from datetime import UTC, datetime, timedelta

from mailserver import housekeeping
from mailserver.node import Node
from mailserver.storage.directory import login_failures, login_networks
from tests.support.node import ALICE


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
