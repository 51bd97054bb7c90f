"""A name that is known costs no query, and is known no longer than it is true."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailserver.node import Node
from mailserver.storage.board import Board, shared_file
from mailserver.storage.notifications import names_of
from tests.support.imap_session import Client, services
from tests.support.node import ALICE, open_node, settings_for
from tests.support.store import message


@pytest.fixture
async def nodes(dsn: str, tmp_path: Path) -> AsyncIterator[tuple[Node, Node]]:
    """Two processes of one node."""
    settings = settings_for(tmp_path)
    with shared_file(2) as file:
        boards = [Board(file.fileno(), slot=slot, processes=2) for slot in range(2)]
        async with (
            open_node(dsn, settings, board=boards[0]) as one,
            open_node(dsn, settings, board=boards[1]) as two,
        ):
            yield one, two


@pytest.fixture
async def clients(nodes: tuple[Node, Node]) -> tuple[Client, Client]:
    """Alice, in each of them."""
    one, two = nodes
    return await Client.login(services(one)), await Client.login(services(two))


async def test_what_another_process_does_to_names_counts_at_once(
    clients: tuple[Client, Client],
) -> None:
    one, two = clients
    await one.ok(b"CREATE Work")
    await one.deliver(message(), "Work")
    for client in clients:
        assert b"* 1 EXISTS" in await client.ok(b"SELECT Work")
    await one.ok(b"RENAME Work Play")
    assert await two.do(b"STATUS Work (MESSAGES)") == [b"a NO [NONEXISTENT] No such mailbox"]
    assert b"* 1 EXISTS" in await two.ok(b"SELECT Play")
    await two.ok(b"UNSELECT")
    await one.ok(b"DELETE Play")
    await one.ok(b"CREATE Play")
    assert b"* 0 EXISTS" in await two.ok(b"SELECT Play")


async def test_what_another_process_does_to_messages_counts_at_once(
    clients: tuple[Client, Client],
) -> None:
    one, two = clients
    await one.deliver(message())
    assert b"* 1 EXISTS" in await two.ok(b"SELECT INBOX")
    for count in range(2, 12):
        await one.deliver(message())
        figures = b"(MESSAGES %d UNSEEN %d UIDNEXT %d)" % (count, count, count + 1)
        asked = await two.ok(b"STATUS INBOX (MESSAGES UNSEEN UIDNEXT)")
        assert asked[0] == b"* STATUS INBOX " + figures
        assert b"* %d EXISTS" % count in asked


async def test_what_another_node_does_to_names_counts_once_it_is_heard(
    nodes: tuple[Node, Node], dsn: str, tmp_path: Path
) -> None:
    one = await Client.login(services(nodes[0]))
    await one.ok(b"CREATE Work")
    async with open_node(dsn, settings_for(tmp_path / "elsewhere")) as far:
        two = await Client.login(services(far))
        await two.ok(b"SELECT Work")
        heard = asyncio.Event()
        far.changes.watch_all([names_of(two.account.id)], lambda _: heard.set())
        await one.ok(b"RENAME Work Play")
        await asyncio.wait_for(heard.wait(), 5)
        assert await two.do(b"SELECT Work") == [
            b"* OK [CLOSED] Mailbox closed",
            b"a NO [NONEXISTENT] No such mailbox",
        ]


async def test_a_list_of_rights_counts_at_once(client: Client) -> None:
    await client.deliver(message())
    await client.ok(b"SELECT INBOX")
    await client.ok(b"COPY 1 Drafts")
    await client.ok(b"SETACL Drafts %b -i" % ALICE.encode())
    assert await client.do(b"COPY 1 Drafts") == [b"a NO [NOPERM] Permission denied"]


async def test_nothing_is_known_while_no_news_come(client: Client) -> None:
    names, listener = client.session.services.names, client.session.node.listener
    await client.ok(b"SELECT INBOX")
    assert names.find(client.account.id, "INBOX") is not None
    listener.connected = False
    assert names.find(client.account.id, "INBOX") is None
