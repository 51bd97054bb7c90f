"""Identifiers stay while names, UIDs and mailboxes change (RFC 8474)."""

import re

from tests.support.imap_client import Client, Reply
from tests.support.store import message


def identifier(text: bytes) -> bytes:
    """The identifier in parentheses."""
    found = re.search(rb"(?:MAILBOXID|EMAILID) \(([A-Za-z0-9_-]{1,255})\)", text)
    assert found is not None, text
    return found[1]


async def mailboxid(client: Client, name: str) -> bytes:
    (line,) = await client.do(f"STATUS {name} (MAILBOXID)")
    return identifier(line)


async def emailid(client: Client, uid: int) -> bytes:
    (line,) = await client.do(f"UID FETCH {uid} EMAILID")
    return identifier(line)


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
