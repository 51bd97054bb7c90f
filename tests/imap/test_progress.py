"""INPROGRESS: who waits for long hears that the command still runs (RFC 9585)."""

import asyncio

import pytest

from imap import progress
from imap.commands import search, sort, thread
from imap.protocol.progress import inprogress_code
from mailserver.node import Node
from tests.support.imap_client import Client
from tests.support.imap_doors import Doors
from tests.support.store import message


def test_the_examples_of_the_rfc() -> None:
    # RFC 9585 §4
    assert inprogress_code(b"A001", 454, 1000) == b'INPROGRESS ("A001" 454 1000)'
    assert inprogress_code(b"A001", 999) == b'INPROGRESS ("A001" 999 NIL)'
    assert inprogress_code(b"A001") == b'INPROGRESS ("A001" NIL NIL)'


@pytest.mark.parametrize(
    ("module", "command"),
    [
        (search, "SEARCH BODY Good"),
        (sort, "SORT (SUBJECT) UTF-8 ALL"),
        (thread, "THREAD REFERENCES UTF-8 ALL"),
    ],
)
async def test_what_takes_messages_in_turn_tells_how_far_it_is(
    alice: Client, monkeypatch: pytest.MonkeyPatch, module: object, command: str
) -> None:
    for _ in range(3):
        await alice.append("INBOX", message())
    await alice.do("SELECT INBOX")
    assert len(await alice.do(command)) == 1
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 2)
    lines = await alice.do(command)
    assert [line[: line.index(b'"')] for line in lines[:-1]] == [b"* OK [INPROGRESS ("] * 2
    assert b" 0 3)] " in lines[0]
    assert b" 2 3)] " in lines[1]
    assert lines[-1].startswith(b"* " + command.split()[0].encode())


@pytest.mark.parametrize("command", ["COPY 1 Drafts", "MOVE 1 Drafts", "EXPUNGE"])
async def test_what_waits_for_another_tells_that_it_waits(
    alice: Client, node: Node, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(progress, "INTERVAL", 0.05)
    await alice.append("INBOX", message(), "(\\Deleted) ")
    await alice.do("SELECT INBOX")
    async with node.database.transaction() as c:
        await c.execute("SELECT 1 FROM mailbox FOR UPDATE")
        alice.send(b"p1 " + command.encode() + b"\r\n")
        for _ in range(2):
            assert (await alice.line()).startswith(b'* OK [INPROGRESS ("p1" NIL NIL)] ')
    assert (await alice.reply(b"p1")).ok


async def test_nothing_goes_on_for_a_client_that_has_gone(
    alice: Client, doors: Doors, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "INTERVAL", 0.05)
    await alice.append("INBOX", message(), "(\\Deleted) ")
    await alice.do("SELECT INBOX")
    doorway = doors.doors[1].doorway
    async with node.database.transaction() as c:
        await c.execute("SELECT 1 FROM mailbox FOR UPDATE")
        alice.send(b"p1 EXPUNGE\r\n")
        assert (await alice.line()).startswith(b"* OK [INPROGRESS ")
        alice.writer.transport.abort()
        async with asyncio.timeout(5):
            while doorway.connections or doorway.leaving:
                await asyncio.sleep(0.01)
    async with node.database.connection() as c:
        assert await c.fetchval("SELECT sum(messages) FROM mailbox") == 1
