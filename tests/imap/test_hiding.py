"""Capabilities that an operator hides from an account or from a program, while the server runs."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from imap import capabilities
from mailserver.accounts import Hiding
from mailserver.node import Node
from mailserver.settings import Imap
from tests.support.imap_client import Client, Reply
from tests.support.imap_doors import Doors, open_doors
from tests.support.node import ALICE, BOB, PASSWORDS, open_node, settings_for
from tests.support.outbound import until

OUTLOOK = 'ID ("name" "Microsoft Outlook" "version" "16.0.1")'


def told(text: bytes) -> set[str]:
    """The capabilities in a response or in its code."""
    found = re.search(rb"CAPABILITY ([^\]\r\n]*)", text)
    assert found is not None, text
    return set(found[1].decode().split())


async def asked(client: Client) -> set[str]:
    [line] = await client.do("CAPABILITY")
    return told(line)


async def login(client: Client, address: str) -> Reply:
    reply = await client.ask(f'LOGIN {address} "{PASSWORDS[address]}"')
    assert reply.ok, reply
    return reply


async def hears(node: Node, hidden: str, address: str = ALICE) -> None:
    """Wait until the node knows what was changed elsewhere."""
    account = await node.accounts.find(address)
    assert account is not None

    async def known() -> bool:
        return hidden in await node.hiding.from_account(account.id)

    await until(known)


@pytest.fixture
async def operator(node: Node) -> Hiding:
    """What the command line uses: it knows of the running servers by the database alone."""
    return Hiding(node.database)


@pytest.fixture
async def elsewhere(node: Node, dsn: str, tmp_path: Path) -> AsyncIterator[tuple[Node, Doors]]:
    """Another node on the same database."""
    async with (
        open_node(dsn, settings_for(tmp_path / "other")) as other,
        open_doors(other) as doors,
    ):
        yield other, doors


async def test_an_account_is_not_told_of_what_is_hidden_from_it(
    node: Node, doors: Doors, elsewhere: tuple[Node, Doors], operator: Hiding
) -> None:
    other, other_doors = elsewhere
    before = await doors.login()
    assert {"IDLE", "MOVE"} <= await asked(before)
    await operator.hide_from_account(ALICE, ["IDLE", "MOVE"])
    for one, its_doors in ((node, doors), (other, other_doors)):
        await hears(one, "IDLE")
        client = await its_doors.connect()
        assert {"IDLE", "MOVE"} <= await asked(client)  # nobody has logged in yet
        in_code = told((await login(client, ALICE)).tagged)
        assert not {"IDLE", "MOVE"} & in_code
        assert "IMAP4rev1" in in_code
        assert await asked(client) == in_code
        bob = await its_doors.connect()
        assert {"IDLE", "MOVE"} <= told((await login(bob, BOB)).tagged)
    # Who is logged in goes on with what it was told.
    assert {"IDLE", "MOVE"} <= await asked(before)
    assert await operator.show_account(ALICE, None) == ["IDLE", "MOVE"]

    async def shown() -> bool:
        return "IDLE" in await asked(await doors.login())

    await until(shown)


async def test_a_program_is_told_anew_when_it_says_who_it_is(
    node: Node, doors: Doors, operator: Hiding
) -> None:
    await operator.hide_from_client("*outlook*", "16.*", ["IDLE", "AUTH=PLAIN"])

    async def known() -> bool:
        return bool(await node.hiding.from_client("Outlook", "16.1"))

    await until(known)
    early = await doors.connect()
    assert {"IDLE", "AUTH=PLAIN"} <= await asked(early)
    [_, unasked] = await early.do(OUTLOOK)
    assert not {"IDLE", "AUTH=PLAIN"} & told(unasked)
    assert await asked(early) == told(unasked)
    assert "IDLE" not in told((await login(early, ALICE)).tagged)
    assert len(await early.do(OUTLOOK)) == 1  # known already

    late = await doors.login()
    assert "IDLE" in await asked(late)
    assert "IDLE" not in told((await late.do(OUTLOOK))[1])
    assert "IDLE" not in await asked(late)

    for said in ('("name" "Microsoft Outlook" "version" "15")', '("name" "mutt")', "NIL"):
        another = await doors.login()
        assert len(await another.do(f"ID {said}")) == 1
        assert "IDLE" in await asked(another)


async def test_what_is_hidden_cannot_be_enabled(
    node: Node, doors: Doors, operator: Hiding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imap.commands.session.ENABLABLE", frozenset({"IDLE"}))
    await operator.hide_from_account(ALICE, ["IDLE"])
    await hears(node, "IDLE")
    assert await (await doors.login()).do("ENABLE IDLE") == [b"* ENABLED"]
    assert await (await doors.login(BOB)).do("ENABLE IDLE") == [b"* ENABLED IDLE"]


async def test_rules_go_with_their_account(node: Node, operator: Hiding) -> None:
    await operator.hide_from_account(BOB, ["IDLE"])
    assert len(await operator.list()) == 1
    await node.accounts.remove(BOB)
    assert await operator.list() == []


def test_the_protocol_itself_is_never_hidden() -> None:
    assert not capabilities.MUST_BE_TOLD & capabilities.HIDEABLE
    told = capabilities.capabilities(
        (), Imap(), authenticated=False, secure=False, hidden=capabilities.HIDEABLE
    )
    assert told == ("IMAP4rev1", "APPENDLIMIT=52428800", "STARTTLS", "LOGINDISABLED")
