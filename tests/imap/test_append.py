"""APPEND beyond what the dialogs show: large messages, quotas, clients that go away."""

import asyncio
from pathlib import Path

import pytest

from imap.commands.incoming import MOST_MESSAGES
from mailserver.node import Node
from mailserver.settings import Imap
from tests.support.imap_client import Client
from tests.support.imap_doors import Doors, open_doors
from tests.support.node import add_account, open_node, settings_for
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


async def test_several_large_messages_come_back_as_they_were(alice: Client, node: Node) -> None:
    contents = [message(size=size) for size in (900_000, 300, 200_000)]
    pieces = b" ".join(b"{%d+}\r\n%b" % (len(content), content) for content in contents)
    reply = await alice.ask(b"APPEND INBOX " + pieces)
    assert reply.tagged == b"OK [APPENDUID 1 1:3] APPEND completed"
    await alice.do("SELECT INBOX")
    lines = await alice.do("FETCH 1:3 BODY.PEEK[]")
    assert [content in line for content, line in zip(contents, lines, strict=True)] == [True] * 3
    assert not list((node.settings.data / "scratch").iterdir())


async def test_several_messages_need_room_together(doors: Doors, node: Node) -> None:
    async with node.database.transaction() as c:
        await add_account(c, "small@example.test", quota_bytes=1000)
    client = await doors.connect()
    await client.do('LOGIN small@example.test "correct horse alice"')
    content = message(size=600)
    both = b"{%d+}\r\n%b" % (len(content), content)
    reply = await client.ask(b"APPEND INBOX " + both + b" " + both)
    assert reply.tagged.startswith(b"NO [OVERQUOTA]")
    assert await client.do("STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 0)"]
    assert (await client.append("INBOX", content)).ok


async def test_more_messages_than_one_commit_takes_are_refused(alice: Client) -> None:
    many = b"".join(b" {1+}\r\nx" for _ in range(MOST_MESSAGES + 1))
    reply = await alice.ask(b"APPEND INBOX" + many)
    assert reply.tagged.startswith(b"NO [LIMIT]")
    reply = await alice.ask(b"APPEND INBOX" + b"".join(b" {1+}\r\nx" for _ in range(MOST_MESSAGES)))
    assert reply.tagged == b"OK [APPENDUID 1 1:%d] APPEND completed" % MOST_MESSAGES


@pytest.mark.parametrize(
    "failure",
    ["RAISE EXCEPTION 'no'", "PERFORM pg_terminate_backend(pg_backend_pid())"],
    ids=["refused", "killed"],
)
async def test_of_several_messages_none_is_there_when_their_commit_fails(
    alice: Client, node: Node, failure: str
) -> None:
    # Fails when the last of three rows is there and the commit is all that is left to do.
    await node.database.execute(f"""
        CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF (SELECT count(*) FROM mailbox_message) >= 3 THEN {failure}; END IF;
            RETURN NULL;
        END $$;
        CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON mailbox_message
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail();
    """)
    reply = await alice.ask(b"APPEND INBOX {1+}\r\na {1+}\r\nb (work) {1+}\r\nc")
    assert reply.tagged.startswith(b"NO [UNAVAILABLE]")
    for table in ("mailbox_message", "message", "blob", "spool", "mailbox_event"):
        assert await node.database.fetchval(f"SELECT count(*) FROM {table}") == 0
    assert await alice.do("STATUS INBOX (MESSAGES UIDNEXT)") == [
        b"* STATUS INBOX (MESSAGES 0 UIDNEXT 1)"
    ]
    assert (await alice.ask(b"APPEND INBOX {1+}\r\na {1+}\r\nb")).ok


async def test_with_literal_minus_only_small_literals_come_unasked(
    dsn: str, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, imap=Imap(literals="LITERAL-"))
    async with open_node(dsn, settings) as node, open_doors(node) as doors:
        client = await doors.login()
        (line,) = await client.do("CAPABILITY")
        assert b" LITERAL- " in line
        assert b"LITERAL+" not in line
        assert (await client.append("INBOX", message(size=4096))).ok
        assert (await client.append("INBOX", message(size=4097))).tagged.startswith(b"BAD ")
        client.send(b"a APPEND INBOX {4097}\r\n")
        assert (await client.line()).startswith(b"+ ")
        client.send(b"x" * 4097 + b" {4097+}\r\n" + b"x" * 4097 + b"\r\n")
        assert (await client.reply(b"a")).tagged.startswith(b"BAD ")
        assert await client.do("STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 1)"]


@pytest.mark.parametrize("verb", ["APPEND", "REPLACE 1"])
async def test_a_mailbox_of_another_owner_that_goes_away_is_not_his_to_make(
    doors: Doors, alice: Client, node: Node, verb: str
) -> None:
    await alice.do("CREATE a")
    await node.sharing.grant("alice@example.test", "a", "bob@example.test", "lrswi")
    bob = await doors.login("bob@example.test")
    await bob.append("INBOX", b"x")
    await bob.do("SELECT INBOX")
    bob.send(b"a1 %b user/alice@example.test/a {10}\r\n" % verb.encode())
    assert (await bob.line()).startswith(b"+ ")
    await alice.do("DELETE a")
    bob.send(b"Subject: x\r\n")
    # RFC 4314 §4: TRYCREATE only to who may make it
    assert (await bob.reply(b"a1")).tagged.startswith(b"NO [NONEXISTENT]")
