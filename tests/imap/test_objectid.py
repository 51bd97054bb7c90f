"""Identifiers stay while names, UIDs and mailboxes change (RFC 8474)."""

import re

from mailserver.node import Node
from tests.support.imap_client import Client, Reply
from tests.support.imap_doors import Doors
from tests.support.store import message


def identifier(text: bytes) -> bytes:
    """The identifier in parentheses."""
    found = re.search(rb"(?:MAILBOXID|EMAILID|THREADID) \(([A-Za-z0-9_-]{1,255})\)", text)
    assert found is not None, text
    return found[1]


async def mailboxid(client: Client, name: str) -> bytes:
    (line,) = await client.do(f"STATUS {name} (MAILBOXID)")
    return identifier(line)


async def emailid(client: Client, uid: int) -> bytes:
    (line,) = await client.do(f"UID FETCH {uid} EMAILID")
    return identifier(line)


async def threadids(client: Client, mailbox: str) -> list[bytes]:
    await client.do(f"EXAMINE {mailbox}")
    return [identifier(line) for line in await client.do("FETCH 1:* THREADID")]


def selected(reply: Reply) -> bytes:
    (line,) = [line for line in reply.lines if b"MAILBOXID" in line]
    return identifier(line)


async def test_a_mailbox_keeps_its_identifier_when_it_is_renamed(alice: Client) -> None:
    made = identifier((await alice.ask("CREATE a")).tagged)
    assert await mailboxid(alice, "a") == made
    assert selected(await alice.ask("SELECT a")) == made
    await alice.do("RENAME a b/c")
    assert await mailboxid(alice, "b/c") == made
    assert selected(await alice.ask("EXAMINE b/c")) == made
    assert await mailboxid(alice, "b") != made
    await alice.do("CREATE a")
    assert await mailboxid(alice, "a") != made


async def test_a_mailbox_made_anew_has_another_identifier(alice: Client) -> None:
    first = identifier((await alice.ask("CREATE a")).tagged)
    await alice.do("DELETE a")
    assert identifier((await alice.ask("CREATE a")).tagged) != first


async def test_inbox_keeps_its_identifier_when_its_messages_are_moved_away(alice: Client) -> None:
    inbox = await mailboxid(alice, "INBOX")
    await alice.append("INBOX", message())
    await alice.do("RENAME INBOX old")
    assert await mailboxid(alice, "INBOX") == inbox
    assert await mailboxid(alice, "old") != inbox


async def test_a_message_keeps_its_identifier_where_it_is_copied_or_moved(alice: Client) -> None:
    for number in range(3):
        await alice.append("INBOX", message(number))
    await alice.do("SELECT INBOX")
    ids = [await emailid(alice, uid) for uid in (1, 2, 3)]
    assert len(set(ids)) == 3
    await alice.do("COPY 1 INBOX")
    assert await emailid(alice, 4) == ids[0]
    assert await alice.do(b"SEARCH EMAILID " + ids[0]) == [b"* SEARCH 1 4"]
    assert await alice.do(b"UID SEARCH NOT EMAILID " + ids[0]) == [b"* SEARCH 2 3"]
    await alice.do("MOVE 2 Archive")
    await alice.do("RENAME INBOX old")
    await alice.do("SELECT Archive")
    assert await emailid(alice, 1) == ids[1]
    await alice.do("SELECT old")
    assert await emailid(alice, 1) == ids[0]


FIRST = b"Message-ID: <1@x>\r\nSubject: Lunch\r\n\r\n"
ANSWER = b"Message-ID: <2@x>\r\nReferences: <1@x>\r\nSubject: Re: Lunch\r\n\r\n"
OTHER = b"Message-ID: <3@x>\r\nSubject: Lunch\r\n\r\n"


async def test_a_conversation_has_one_identifier_in_all_mailboxes(
    alice: Client, doors: Doors
) -> None:
    # the answer comes first, through another connection
    assert (await (await doors.login()).append("Sent", ANSWER)).ok
    for content in (FIRST, OTHER, b"Subject: Lunch\r\n\r\n"):
        assert (await alice.append("INBOX", content)).ok
    (answer,) = await threadids(alice, "Sent")
    first, other, nameless = await threadids(alice, "INBOX")
    assert answer == first
    assert len({first, other, nameless}) == 3
    assert await alice.do(b"SEARCH THREADID " + first) == [b"* SEARCH 1"]
    assert await alice.do(b"SEARCH NOT THREADID " + first) == [b"* SEARCH 2 3"]
    # once more, with what is cached by now, and beside items of other kinds
    (line,) = await alice.do("FETCH 1 (THREADID UID RFC822.SIZE BODY.PEEK[TEXT] PREVIEW)")
    assert identifier(line) == first
    # a copy is of the same conversation
    await alice.do("SELECT INBOX")
    await alice.do("COPY 1 Archive")
    await alice.do("MOVE 2 Archive")
    assert await threadids(alice, "Archive") == [first, other]


async def test_identifiers_of_conversations_are_those_of_one_account(
    alice: Client, doors: Doors
) -> None:
    bob = await doors.login("bob@example.test")
    for client in (alice, bob):
        assert (await client.append("INBOX", FIRST)).ok
    assert await threadids(alice, "INBOX") != await threadids(bob, "INBOX")


async def test_what_came_before_conversations_were_kept_is_of_none(
    alice: Client, node: Node
) -> None:
    assert (await alice.append("INBOX", FIRST)).ok
    assert (await alice.append("INBOX", ANSWER)).ok
    await node.database.execute("UPDATE message SET thread_id = NULL WHERE static LIKE '%Re: %'")
    await alice.do("SELECT INBOX")
    lines = await alice.do("FETCH 1:* THREADID")
    assert lines[1] == b"* 2 FETCH (THREADID NIL)"
    assert await alice.do(b"SEARCH THREADID " + identifier(lines[0])) == [b"* SEARCH 1"]
