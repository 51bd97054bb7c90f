"""Modseqs are told to who knows of them, and a conditional STORE is decided once for all."""

import asyncio
import re

import pytest

from mailserver.node import Node
from tests.support.imap_client import Client
from tests.support.imap_doors import Doors, open_doors
from tests.support.node import open_node, settings_for

SMALL = b"Subject: x\r\n\r\nx\r\n"
_MODSEQ = re.compile(rb"MODSEQ \((\d+)\)")


async def opened(client: Client, count: int = 3) -> Client:
    for _ in range(count):
        assert (await client.append("INBOX", SMALL)).ok
    await client.do("SELECT INBOX")
    return client


async def modseq(client: Client) -> int:
    """The mailbox's, which is true whatever this process has heard of."""
    status = (await client.do("STATUS INBOX (HIGHESTMODSEQ)"))[-1]
    return int(status.split(b" ")[-1].rstrip(b")"))


@pytest.mark.parametrize(
    "command",
    [
        "ENABLE CONDSTORE",
        "ENABLE QRESYNC",
        "EXAMINE INBOX (CONDSTORE)",
        "FETCH 1 MODSEQ",
        "FETCH 1 FLAGS (CHANGEDSINCE 1)",
        "STORE 1 (UNCHANGEDSINCE 1) +FLAGS ()",
        "SEARCH NOT MODSEQ 5",
        "STATUS Drafts (HIGHESTMODSEQ)",
        'LIST "" Drafts RETURN (STATUS (HIGHESTMODSEQ))',
    ],
)
async def test_who_knows_of_modseqs_is_told_of_them(
    doors: Doors, alice: Client, command: str
) -> None:
    await opened(alice)
    phone, plain = await doors.login(), await doors.login()
    for client in (phone, plain):
        await client.do("SELECT INBOX")
    told = [b"HIGHESTMODSEQ 4" in line for line in await phone.do(command)]
    # RFC 7162 §3.1: the first of them is told where the selected mailbox stands, the next is not
    assert told.count(True) == 1
    assert not any(b"HIGHESTMODSEQ 4" in line for line in await phone.do("FETCH 1 MODSEQ"))
    await alice.do("STORE 2 +FLAGS (\\Seen)")
    assert await phone.do("NOOP") == [b"* 2 FETCH (UID 2 FLAGS (\\Seen) MODSEQ (5))"]
    assert await plain.do("NOOP") == [b"* 2 FETCH (FLAGS (\\Seen))"]


@pytest.mark.parametrize("command", ["NOOP", "STATUS INBOX (MESSAGES)", "SEARCH ALL"])
async def test_others_are_not(doors: Doors, alice: Client, command: str) -> None:
    await opened(alice)
    phone = await doors.login()
    await phone.do("SELECT INBOX")
    await phone.do(command)
    await alice.do("STORE 2 +FLAGS (\\Seen)")
    assert await phone.do("NOOP") == [b"* 2 FETCH (FLAGS (\\Seen))"]


async def test_an_idle_client_is_told_the_modseq(doors: Doors, alice: Client) -> None:
    await opened(alice)
    phone = await doors.login()
    await phone.do("SELECT INBOX (CONDSTORE)")
    phone.send(b"i1 IDLE\r\n")
    assert (await phone.line()).startswith(b"+ ")
    await alice.do("STORE 3 +FLAGS (\\Seen)")
    assert await phone.line() == b"* 3 FETCH (UID 3 FLAGS (\\Seen) MODSEQ (5))"


async def test_of_many_conditional_stores_one_wins(
    node: Node, doors: Doors, dsn: str, alice: Client
) -> None:
    await opened(alice)
    async with open_node(dsn, settings_for(node.settings.data)) as other, open_doors(other) as far:
        clients = [await where.login() for where in (doors, far, doors, far)]
        for client in clients:
            await client.do("SELECT INBOX")
        for turn in range(8):
            known = await modseq(alice)
            replies = await asyncio.gather(
                *(
                    client.ask(f"STORE 1:2 (UNCHANGEDSINCE {known}) FLAGS.SILENT (t{turn}-{place})")
                    for place, client in enumerate(clients)
                )
            )
            won = [
                place
                for place, reply in enumerate(replies)
                if not reply.tagged.startswith(b"OK [MODIFIED 1:2]")
            ]
            assert all(reply.ok for reply in replies)
            assert len(won) == 1
            flags = (await alice.do("UID FETCH 1 FLAGS"))[-1]
            assert b"FLAGS (t%d-%d" % (turn, won[0]) in flags


async def test_each_message_is_decided_by_itself(doors: Doors, alice: Client) -> None:
    await opened(alice, 6)
    known = await modseq(alice)
    phone = await doors.login()
    await phone.do("SELECT INBOX")
    await phone.do("STORE 2,5 +FLAGS (\\Answered)")
    reply = await alice.ask(f"STORE 1:* (UNCHANGEDSINCE {known}) +FLAGS.SILENT (\\Seen)")
    assert reply.tagged.startswith(b"OK [MODIFIED 2,5] ")
    assert [line for line in reply.lines if b"FLAGS" not in line] == [
        b"* %d FETCH (UID %d MODSEQ (9))" % (n, n) for n in (1, 3, 4, 6)
    ]
    assert b"* 5 FETCH (UID 5 MODSEQ (8) FLAGS (\\Answered \\Recent))" in reply.lines
    assert await alice.do("SEARCH SEEN") == [b"* SEARCH 1 3 4 6"]


async def test_expunged_messages_are_no_modified_ones(doors: Doors, alice: Client) -> None:
    await opened(alice, 7)
    known = await modseq(alice)
    phone = await doors.login()
    await phone.do("SELECT INBOX")
    await phone.do("STORE 2 +FLAGS (\\Answered)")
    await phone.do("STORE 4:7 +FLAGS (\\Deleted)")
    await phone.do("EXPUNGE")
    # RFC 7162 §3.1.3, Example 11
    reply = await alice.ask(f"STORE 1:7 (UNCHANGEDSINCE {known}) +FLAGS (\\Seen)")
    assert reply.tagged.startswith(b"NO [MODIFIED 2] ")
    assert b"* 3 FETCH (UID 3 MODSEQ (12) FLAGS (\\Seen \\Recent))" in reply.lines
    assert not any(line.endswith(b"EXPUNGE") for line in reply.lines)
    reply = await alice.ask(f"UID STORE 4:7 (UNCHANGEDSINCE {known}) +FLAGS (\\Seen)")
    assert reply.tagged.startswith(b"NO [EXPUNGEISSUED] ")


async def test_a_modseq_only_grows(doors: Doors, alice: Client) -> None:
    await opened(alice)
    await alice.do("STATUS INBOX (HIGHESTMODSEQ)")
    seen = [0]
    for command in (
        "NOOP",
        "STORE 1 +FLAGS.SILENT (\\Seen)",
        "STORE 1 -FLAGS.SILENT (\\Seen)",
        "COPY 2 INBOX",
        "UID MOVE 3 INBOX",
        "STORE 1 +FLAGS.SILENT (\\Deleted)",
        "EXPUNGE",
        "FETCH 1 BODY[]",
        "UID MOVE 1:* Archive",
        "APPEND",
    ):
        reply = (
            await alice.append("INBOX", SMALL) if command == "APPEND" else await alice.ask(command)
        )
        assert reply.ok
        told = [int(found[1]) for line in reply.lines if (found := _MODSEQ.search(line))]
        now = await modseq(alice)
        assert max(told, default=0) <= now
        assert now > seen[-1]
        seen.append(now)


async def test_copies_have_a_modseq_of_the_mailbox_they_came_to(
    doors: Doors, alice: Client
) -> None:
    await opened(alice)
    phone = await doors.login()
    await phone.do("SELECT Archive (CONDSTORE)")
    assert (await alice.ask("COPY 1:2 Archive")).tagged.startswith(b"OK [COPYUID ")
    assert await phone.do("NOOP") == [b"* 2 EXISTS", b"* 2 RECENT"]
    assert await phone.do("FETCH 1:* (UID) (CHANGEDSINCE 1)") == [
        b"* 1 FETCH (MODSEQ (2) UID 1)",
        b"* 2 FETCH (MODSEQ (2) UID 2)",
    ]


async def test_messages_that_others_expunged_keep_their_modseq_until_that_is_told(
    doors: Doors, alice: Client
) -> None:
    await opened(alice)
    phone = await doors.login()
    await phone.do("SELECT INBOX (CONDSTORE)")
    await alice.do("STORE 2 +FLAGS.SILENT (\\Deleted)")
    await alice.do("EXPUNGE")
    assert (await phone.do("FETCH 1:* (UID MODSEQ)"))[:3] == [
        b"* 1 FETCH (UID 1 MODSEQ (2))",
        b"* 2 FETCH (UID 2 MODSEQ (5))",
        b"* 3 FETCH (UID 3 MODSEQ (4))",
    ]
    assert (await phone.do("FETCH 1:* (UID) (CHANGEDSINCE 3)"))[:2] == [
        b"* 2 FETCH (MODSEQ (5) UID 2)",
        b"* 3 FETCH (MODSEQ (4) UID 3)",
    ]
    assert (await phone.do("SEARCH MODSEQ 4"))[0] == b"* SEARCH 2 3 (MODSEQ 5)"
