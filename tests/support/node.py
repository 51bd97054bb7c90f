"""A whole process of the server on a test's own database, with two accounts, without its doors."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mailserver import certificates, sasl
from mailserver.node import Node
from mailserver.settings import Limits, Settings
from mailserver.storage import mailboxes, messages
from mailserver.storage.board import Board
from mailserver.storage.database import Connection, Database
from mailserver.storage.directory import accounts, addresses, domains, organizations
from mailserver.storage.directory.accounts import ScramRow
from mailserver.storage.directory.domains import DomainState

ORGANIZATION = "demo"
DOMAIN = "example.test"
ALICE, BOB = "alice@example.test", "bob@example.test"
PASSWORDS = {ALICE: "correct horse alice", BOB: "correct horse bob"}
# Their hashes with the default parameters, made once: argon2id is slow on purpose.
_HASHES = {
    ALICE: "$argon2id$v=19$m=65536,t=3,p=4$ol+2dmUkWspKLAXtTFtfNQ"
    "$omC45mQIDatWxVWsRaNw39czXy3/7rqc/KXvLis0EP0",
    BOB: "$argon2id$v=19$m=65536,t=3,p=4$/kNkb5v8cjMhuSAGRcpKRA"
    "$DwJCHwK2PRDoXyaJtIOpiZ50z50CHRVmytHq3vROwmU",
}
# Their SCRAM verifiers, with the fewest iterations that are allowed.
_SALT, _ITERATIONS = b"0123456789abcdef", 4096
_SCRAM = {
    address: ScramRow(_SALT, _ITERATIONS, sasl.derive(password, _SALT, _ITERATIONS).encoded)
    for address, password in PASSWORDS.items()
}


def settings_for(folder: Path, **sections: Any) -> Settings:
    """Test settings with data in `folder`; `sections` replace whole sections or top-level keys."""
    plain = Settings(
        hostname="mail.example.test",
        data_dir=str(folder),
        limits=Limits(failed_login_delay=0.05),
    )
    return msgspec.structs.replace(plain, **sections)


@asynccontextmanager
async def open_node(
    dsn: str, settings: Settings, board: Board | None = None
) -> AsyncIterator[Node]:
    """An open Node; organization, domain and accounts are made if the database has none yet.

    `board` is what it shares with other processes of a node.
    """
    certificates.prepare(settings)
    database = await Database.open(dsn, connections=1, timeout=10)
    try:
        async with database.transaction() as c:
            if await organizations.add(c, ORGANIZATION):
                await add_domain(c, DOMAIN)
                for address in PASSWORDS:
                    await add_account(c, address)
    finally:
        await database.close()
    async with Node.open(settings, dsn, board=board) as node:
        # Its caches are emptied when it begins to listen: not in the middle of a test.
        while not node.listener.connected:
            await asyncio.sleep(0.005)
        yield node


async def add_domain(c: Connection, name: str, organization: str = ORGANIZATION) -> None:
    """An active domain, without DKIM keys: making those is slow."""
    organization_id = await organizations.lock(c, organization)
    assert organization_id is not None
    assert await domains.add(c, name, organization_id, DomainState.ACTIVE)


async def add_account(
    c: Connection, address: str, *, like: str = ALICE, quota_bytes: int | None = None
) -> int:
    """An account with the password of `like`; gives its id."""
    local_part, _, domain = address.partition("@")
    domain_id = await domains.lock(c, domain)
    assert domain_id is not None
    assert await addresses.claim(c, domain_id, local_part, "account")
    owner = address if address in PASSWORDS else like
    account_id = await accounts.add(
        c, domain_id, local_part, _HASHES[owner], quota_bytes, _SCRAM[owner]
    )
    await mailboxes.create_defaults(c, account_id)
    return account_id


async def inbox(node: Node, address: str, name: str = "INBOX") -> list[bytes]:
    """The messages of a mailbox in order, each with its prefix."""
    account = await node.accounts.find(address)
    assert account is not None
    async with node.database.connection() as c:
        mailbox = await mailboxes.find(c, account.id, name)
        assert mailbox is not None
        rows = await c.fetch(
            "SELECT message_id FROM mailbox_message WHERE mailbox_id = $1 ORDER BY uid", mailbox.id
        )
        found = await messages.read(c, [row["message_id"] for row in rows])
    return [
        found[row["message_id"]].prefix + await node.blobs.read(found[row["message_id"]].blob_id)
        for row in rows
    ]


@pytest.fixture
async def node(dsn: str, tmp_path: Path) -> AsyncIterator[Node]:
    """An open Node: organization demo, domain example.test, accounts alice and bob."""
    async with open_node(dsn, settings_for(tmp_path)) as opened:
        yield opened
