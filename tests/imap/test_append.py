"""APPEND beyond what the dialogs show: large messages, quotas, clients that go away."""

import asyncio

from mailserver.node import Node
from tests.support.imap_client import Client
from tests.support.imap_doors import Doors
from tests.support.node import add_account
from tests.support.store import message


async def test_a_large_message_comes_back_as_it_was(alice: Client, node: Node) -> None:
    content = message(size=3_000_000)
    reply = await alice.append("INBOX", content)
    assert reply.tagged == b"OK [APPENDUID 1 1] APPEND completed"
    await alice.do("SELECT INBOX")
    (line,) = await alice.do("FETCH 1 BODY.PEEK[]")
    assert content in line
    assert not list((node.settings.data / "scratch").iterdir())


async def test_over_quota_is_refused_before_the_message_is_read(doors: Doors, node: Node) -> None:
    async with node.database.transaction() as c:
        await add_account(c, "small@example.test", quota_bytes=1000)
    client = await doors.connect()
    await client.do('LOGIN small@example.test "correct horse alice"')
    assert (await client.append("INBOX", message(size=800))).ok
    assert (await client.ask("APPEND INBOX {400}")).tagged.startswith(b"NO [OVERQUOTA]")
    assert (await client.append("INBOX", message(size=400))).tagged.startswith(b"NO [OVERQUOTA]")
    assert (await client.append("INBOX", message(size=190))).ok


async def test_a_client_that_goes_away_in_its_message_leaves_nothing(
    doors: Doors, alice: Client
) -> None:
    alice.send(b"a APPEND INBOX {2000000}\r\n")
    assert (await alice.line()).startswith(b"+ ")
    alice.send(b"x" * 500_000)
    await asyncio.sleep(0.05)
    alice.writer.transport.abort()
    other = await doors.login()
    assert await other.do("STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 0)"]
    services = doors.doors[0].doorway.services
    async with asyncio.timeout(5):
        while services.sessions > 1:
            await asyncio.sleep(0.01)


async def test_pipelined_appends_are_all_stored_in_order(alice: Client) -> None:
    body = b"Subject: p\r\n\r\n"
    alice.send(
        b"".join(b"p%d APPEND INBOX {%d+}\r\n%b\r\n" % (n, len(body), body) for n in range(50))
    )
    for n in range(50):
        reply = await alice.reply(b"p%d" % n)
        assert reply.tagged == b"OK [APPENDUID 1 %d] APPEND completed" % (n + 1)


async def test_a_mailbox_that_goes_away_meanwhile(doors: Doors, alice: Client) -> None:
    await alice.do("CREATE a")
    alice.send(b"a1 APPEND a {10}\r\n")
    assert (await alice.line()).startswith(b"+ ")
    other = await doors.login()
    await other.do("DELETE a")
    alice.send(b"Subject: x\r\n")
    assert (await alice.reply(b"a1")).tagged.startswith(b"NO [TRYCREATE]")
    await alice.do("NOOP")
