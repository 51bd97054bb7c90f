"""The dialog files, played against the open doors of a real node."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailserver.ingest import Arrival, Placement
from mailserver.node import Node
from mailserver.settings import Smtp
from mailserver.storage.directory import accounts, addresses, domains
from tests.smtp.conftest import Doors, open_doors
from tests.support.dialog import play
from tests.support.node import DOMAIN, add_account, open_node, settings_for

DIALOGS = sorted((Path(__file__).parent / "dialogs").glob("*.dialog"))


@pytest.fixture
async def doors(dsn: str, tmp_path: Path) -> AsyncIterator[Doors]:
    """Small limits, a full account, a suspended one, and aliases of alice's."""
    limits = Smtp(max_message_size=100_000, max_recipients=6)
    async with open_node(dsn, settings_for(tmp_path, smtp=limits)) as node:
        await _add_addresses(node)
        async with open_doors(node) as opened:
            yield opened


async def _add_addresses(node: Node) -> None:
    async with node.database.transaction() as c:
        full = await add_account(c, f"full@{DOMAIN}", quota_bytes=5)
        gone = await add_account(c, f"gone@{DOMAIN}")
        await accounts.set_state(c, gone, "suspended")
        domain_id = await domains.lock(c, DOMAIN)
        assert domain_id is not None
        for name in ("sales", "postmaster"):
            await addresses.claim(c, domain_id, name, "alias", [f"alice@{DOMAIN}"])
    organization_id = await node.database.fetchval("SELECT organization_id FROM domain")
    placement = Placement(full, organization_id, None, b"", datetime.now(UTC))
    await node.ingest.accept(Arrival(b"Subject: much\r\n\r\n", [placement]))


@pytest.mark.parametrize("dialog", DIALOGS, ids=lambda path: path.stem)
async def test_dialog(dialog: Path, doors: Doors) -> None:
    door = dialog.stem.partition("-")[0]
    wire = await doors.connect("smtp" if door == "inbound" else door)
    await play(dialog, wire, doors.tls)
