"""IDLE: what changes is told when it changes."""

import asyncio
import time
from datetime import UTC, datetime

import pytest

from mailserver.ingest import Arrival, Placement
from mailserver.node import Node
from tests.support.imap_client import Client
from tests.support.imap_doors import Doors
from tests.support.node import ALICE, open_node, settings_for
from tests.support.store import message


async def idling(doors: Doors, mailbox: str = "INBOX") -> Client:
    client = await doors.login()
    await client.do(f"SELECT {mailbox}")
    client.send(b"i1 IDLE\r\n")
    assert (await client.line()).startswith(b"+ ")
    return client


async def done(client: Client) -> list[bytes]:
    client.send(b"DONE\r\n")
    reply = await client.reply(b"i1")
    assert reply.ok
    return reply.lines


async def deliver(node: Node) -> None:
    """A message from the door of SMTP, so to speak."""
    account = await node.accounts.find(ALICE)
    assert account is not None
    placement = Placement(account.id, account.organization_id, None, b"", datetime.now(UTC))
    await node.ingest.accept(Arrival(message(), [placement]))


async def test_new_mail_of_another_process_reaches_an_idle_client_within_a_second(
    node: Node, doors: Doors, dsn: str
) -> None:
    idle = await idling(doors)
    async with open_node(dsn, settings_for(node.settings.data)) as other:
        for number in (1, 2, 3):
            began = time.monotonic()
            await deliver(other)
            assert await idle.line(1.0) == b"* %d EXISTS" % number
            assert await idle.line(1.0) == b"* %d RECENT" % number
            assert time.monotonic() - began < 1.0
    assert await done(idle) == []
    assert await idle.do("NOOP") == []


async def test_flags_and_expunges_reach_an_idle_client(doors: Doors, alice: Client) -> None:
    for _ in range(3):
        await alice.append("INBOX", message())
    await alice.do("SELECT INBOX")
    idle = await idling(doors)
    await alice.do("STORE 2 +FLAGS (\\Deleted)")
    assert await idle.line() == b"* 2 FETCH (FLAGS (\\Deleted))"
    await alice.do("EXPUNGE")
    assert await idle.line() == b"* 2 EXPUNGE"
    assert await done(idle) == []
    assert await idle.do("FETCH 2 UID") == [b"* 2 FETCH (UID 3)"]


async def test_what_changed_before_idle_is_told_at_once(doors: Doors, alice: Client) -> None:
    await alice.do("SELECT INBOX")
    other = await doors.login()
    await other.append("INBOX", message())
    await other.do("SELECT INBOX")  # so that this process knows already, and hears no more of it
    alice.send(b"i1 IDLE\r\n")
    assert (await alice.line()).startswith(b"+ ")
    assert await alice.line() == b"* 1 EXISTS"


async def test_idle_without_a_mailbox_and_anything_but_done(alice: Client) -> None:
    alice.send(b"i1 IDLE\r\n")
    assert (await alice.line()).startswith(b"+ ")
    alice.send(b"done\r\n")
    assert (await alice.reply(b"i1")).ok
    alice.send(b"i2 IDLE\r\ni3 NOOP\r\n")
    assert (await alice.line()).startswith(b"+ ")
    assert (await alice.reply(b"i2")).tagged.startswith(b"BAD ")
    alice.send(b"i4 IDLE\r\n" + b"x" * 70_000 + b"\r\ni5 NOOP\r\n")
    assert (await alice.line()).startswith(b"+ ")
    assert (await alice.reply(b"i4")).tagged.startswith(b"BAD ")
    assert (await alice.reply(b"i5")).ok


async def test_no_task_runs_while_clients_idle(doors: Doors) -> None:
    before = len(asyncio.all_tasks())
    for _ in range(5):
        await idling(doors)
    await asyncio.sleep(0.05)
    assert len(asyncio.all_tasks()) <= before


async def test_an_idle_client_hears_that_its_mailbox_is_gone(doors: Doors, alice: Client) -> None:
    await alice.do("CREATE Work")
    idle = await idling(doors, "Work")
    await alice.do("DELETE Work")
    assert (await idle.line()).startswith(b"* BYE ")
    assert await idle.closed()


async def test_an_idle_client_that_does_not_read_hears_the_sum_later(
    doors: Doors, alice: Client
) -> None:
    await alice.append("INBOX", message())
    await alice.do("SELECT INBOX")
    idle = await idling(doors)
    (conversation,) = [
        one for one in doors.doors[1].doorway.connections if getattr(one, "_idling", None)
    ]
    conversation.pause_writing()
    for mode in "+-+":
        await alice.do(f"STORE 1 {mode}FLAGS.SILENT (\\Flagged)")
    await alice.append("INBOX", message())
    await alice.do("NOOP")  # to her it is recent, and so to nobody else
    with pytest.raises(TimeoutError):
        await idle.line(0.1)
    conversation.resume_writing()
    assert await idle.line() == b"* 2 EXISTS"
    assert await idle.line() == b"* 0 RECENT"
    assert await idle.line() == b"* 1 FETCH (FLAGS (\\Flagged))"
    assert await done(idle) == []


async def test_an_idle_client_hears_what_came_while_storage_was_away(
    doors: Doors, node: Node, dsn: str
) -> None:
    idle = await idling(doors)
    connections = [await node.database._pool.acquire() for _ in range(10)]
    node.database._timeout, timeout = 0.1, node.database._timeout
    async with open_node(dsn, settings_for(node.settings.data)) as other:
        await deliver(other)
        with pytest.raises(TimeoutError):
            await idle.line(0.5)
        node.database._timeout = timeout
        for connection in connections:
            await node.database._pool.release(connection)
        assert await idle.line() == b"* 1 EXISTS"


@pytest.mark.parametrize("gone", ["closes", "aborts"])
async def test_a_client_that_goes_away_while_idle_leaves_nothing(
    doors: Doors, alice: Client, gone: str
) -> None:
    idle = await idling(doors)
    await alice.do("SELECT INBOX")
    services = doors.doors[0].doorway.services
    (opened,) = services.mailboxes._open.values()
    assert len(opened.views) == 2
    if gone == "closes":
        await idle.close()
    else:
        idle.writer.transport.abort()
    async with asyncio.timeout(5):
        while len(opened.views) != 1 or opened._idlers:
            await asyncio.sleep(0.01)
    assert services.sessions == 1
