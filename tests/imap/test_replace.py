"""REPLACE (RFC 8508): the new message is there and the old one is gone, or nothing happened."""

import asyncio

import pytest

from mailserver.node import Node
from tests.support.imap_client import Client, Reply
from tests.support.imap_doors import Doors
from tests.support.node import add_account
from tests.support.store import message


async def replace(
    client: Client, number: str, content: bytes, mailbox: str = "INBOX", arguments: str = ""
) -> Reply:
    head = f"{number} {mailbox} {arguments}{{{len(content)}+}}\r\n".encode()
    verb = b"UID REPLACE " if number.startswith("UID ") else b"REPLACE "
    return await client.ask(verb + head.removeprefix(b"UID ") + content)


async def filled(client: Client, count: int, mailbox: str = "INBOX") -> None:
    for number in range(count):
        content = b"Subject: %d\r\n\r\nold" % number
        assert (await client.append(mailbox, content, "(\\Flagged) ")).ok


async def told(client: Client, items: str = "UID FLAGS") -> list[bytes]:
    return await client.do(f"FETCH 1:* ({items})")


async def test_appenduid_comes_before_the_expunge(alice: Client) -> None:
    await filled(alice, 3)
    await alice.do("SELECT INBOX")
    reply = await replace(alice, "2", b"Subject: new\r\n\r\n", arguments="(\\Seen \\Draft) ")
    assert reply.lines == [
        b"* OK [APPENDUID 1 4] Replacement message ready",
        b"* 2 EXPUNGE",
        b"* 3 EXISTS",
        b"* 3 RECENT",
    ]
    assert reply.tagged == b"OK REPLACE completed"
    assert await told(alice) == [
        b"* 1 FETCH (UID 1 FLAGS (\\Flagged \\Recent))",
        b"* 2 FETCH (UID 3 FLAGS (\\Flagged \\Recent))",
        b"* 3 FETCH (UID 4 FLAGS (\\Seen \\Draft \\Recent))",
    ]
    (line,) = await alice.do("FETCH 3 BODY.PEEK[HEADER.FIELDS (SUBJECT)]")
    assert b"Subject: new" in line


async def test_by_uid_with_qresync_and_keywords(alice: Client) -> None:
    await filled(alice, 2)
    await alice.do("ENABLE QRESYNC")
    await alice.do("SELECT INBOX")
    reply = await replace(alice, "UID 2", b"x", arguments="(work) ")
    assert reply.lines[0] == b"* OK [APPENDUID 1 3] Replacement message ready"
    assert reply.lines[-3:] == [b"* VANISHED 2", b"* 2 EXISTS", b"* 2 RECENT"]
    assert reply.tagged == b"OK [HIGHESTMODSEQ 5] REPLACE completed"
    assert (await told(alice, "FLAGS"))[1] == b"* 2 FETCH (FLAGS (work \\Recent))"
    assert (await alice.do("STATUS INBOX (HIGHESTMODSEQ MESSAGES)"))[0].endswith(
        b"(HIGHESTMODSEQ 5 MESSAGES 2)"
    )


@pytest.mark.parametrize("made_first", [True, False])
async def test_into_another_mailbox(alice: Client, doors: Doors, made_first: bool) -> None:
    # Either mailbox may be the older one: locks are taken in the order of their ids.
    for name in ("a", "b"):
        await alice.do(f"CREATE {name}")
    source, target = ("b", "a") if made_first else ("a", "b")
    await filled(alice, 2, source)
    await alice.do(f"SELECT {source}")
    reply = await replace(alice, "*", b"sent", target)
    assert reply.lines[0].startswith(b"* OK [APPENDUID ")
    assert reply.lines[1:] == [b"* 2 EXPUNGE"]
    other = await doors.login()
    assert await other.do(f"STATUS {source} (MESSAGES)") == [
        f"* STATUS {source} (MESSAGES 1)".encode()
    ]
    await other.do(f"SELECT {target}")
    assert await told(other, "RFC822.SIZE") == [b"* 1 FETCH (RFC822.SIZE 4)"]


async def test_another_session_hears_of_both(alice: Client, doors: Doors) -> None:
    await filled(alice, 1)
    other = await doors.login()
    await other.do("SELECT INBOX")
    await alice.do("SELECT INBOX")
    assert (await replace(alice, "1", b"x")).ok
    assert await other.do("NOOP") == [b"* 1 EXPUNGE", b"* 1 EXISTS", b"* 0 RECENT"]


async def test_what_is_refused_changes_nothing(alice: Client, doors: Doors) -> None:
    await filled(alice, 2)
    await alice.do("SELECT INBOX")
    for number, mailbox, answer in (
        ("3", "INBOX", b"BAD "),
        ("UID 9", "INBOX", b"NO "),
        ("1", "missing", b"NO [TRYCREATE] "),
    ):
        assert (await replace(alice, number, b"x", mailbox)).tagged.startswith(answer)
    assert (await replace(alice, "1", b"")).tagged.startswith(b"NO [CANNOT] ")
    assert (await replace(alice, "1", b"a\0b")).tagged.startswith(b"BAD ")
    assert (await replace(alice, "1", b"a", arguments="(\\*) ")).tagged.startswith(b"BAD ")
    assert (await replace(alice, "1", b"a {1+}\r\nb")).ok  # these are the message's own bytes
    assert (await alice.ask(b"REPLACE 1 INBOX {1+}\r\na {1+}\r\nb")).tagged.startswith(b"BAD ")
    assert (await alice.ask("REPLACE 1 INBOX {999999999}")).tagged.startswith(b"NO [TOOBIG] ")
    await alice.do("EXAMINE INBOX")
    assert (await replace(alice, "1", b"x")).tagged.startswith(b"NO [READ-ONLY] ")
    assert await told(alice, "UID") == [b"* 1 FETCH (UID 2)", b"* 2 FETCH (UID 3)"]
    other = await doors.login()
    assert (await replace(other, "1", b"x")).tagged.startswith(b"BAD ")


async def test_a_message_that_was_expunged_meanwhile_is_not_replaced(
    alice: Client, doors: Doors
) -> None:
    await filled(alice, 2)
    await alice.do("SELECT INBOX")
    alice.send(b"a REPLACE 2 INBOX {10}\r\n")
    assert (await alice.line()).startswith(b"+ ")
    other = await doors.login()
    await other.do("SELECT INBOX")
    await other.do("STORE 2 +FLAGS.SILENT (\\Deleted)")
    await other.do("EXPUNGE")
    alice.send(b"Subject: x\r\n")
    reply = await alice.reply(b"a")
    assert reply.tagged.startswith(b"NO [EXPUNGEISSUED]")
    assert b"* 2 EXPUNGE" in reply.lines
    assert await told(alice, "UID") == [b"* 1 FETCH (UID 1)"]


async def test_a_full_account_may_replace_a_message_by_one_of_its_size(
    doors: Doors, node: Node
) -> None:
    async with node.database.transaction() as c:
        await add_account(c, "small@example.test", quota_bytes=1000)
    client = await doors.connect()
    await client.do('LOGIN small@example.test "correct horse alice"')
    assert (await client.append("INBOX", message(size=900))).ok
    await client.do("SELECT INBOX")
    for _ in range(3):
        assert (await replace(client, "1", message(size=950))).ok
    assert (await replace(client, "1", message(size=1001))).tagged.startswith(b"NO [OVERQUOTA]")
    assert await told(client, "RFC822.SIZE") == [b"* 1 FETCH (RFC822.SIZE 950)"]


@pytest.mark.parametrize(
    "failure",
    ["RAISE EXCEPTION 'no'", "PERFORM pg_terminate_backend(pg_backend_pid())"],
    ids=["refused", "killed"],
)
async def test_neither_half_is_there_when_the_commit_fails(
    alice: Client, node: Node, failure: str
) -> None:
    await filled(alice, 1)
    await alice.do("SELECT INBOX")
    await node.database.execute(f"""
        CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.kind = 'e' THEN {failure}; END IF;
            RETURN NULL;
        END $$;
        CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON mailbox_event
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail();
    """)
    reply = await replace(alice, "1", b"new", arguments="(work) ")
    assert reply.tagged.startswith(b"NO ")
    assert reply.lines == []
    assert await alice.do("STATUS INBOX (MESSAGES UIDNEXT)") == [
        b"* STATUS INBOX (MESSAGES 1 UIDNEXT 2)"
    ]
    assert await told(alice, "UID") == [b"* 1 FETCH (UID 1)"]
    await node.database.execute("DROP TRIGGER fail ON mailbox_event")
    assert (await replace(alice, "1", b"new", arguments="(work) ")).ok


async def test_replacing_in_both_directions_at_once_does_not_deadlock(
    alice: Client, doors: Doors
) -> None:
    other = await doors.login()
    for name in ("a", "b"):
        await alice.do(f"CREATE {name}")
        await filled(alice, 20, name)
    await alice.do("SELECT a")
    await other.do("SELECT b")
    for _ in range(10):
        first, second = await asyncio.gather(
            replace(alice, "1", b"x", "b"), replace(other, "1", b"x", "a")
        )
        assert first.ok
        assert second.ok
    assert (await alice.do("STATUS b (MESSAGES)"))[0] == b"* STATUS b (MESSAGES 20)"
