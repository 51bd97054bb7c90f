"""LMTP: an answer for each recipient, nobody but our own, nobody but trusted clients."""

from pathlib import Path

import pytest

from mailserver.errors import SettingsError
from mailserver.health import check_values
from mailserver.node import Node
from mailserver.settings import Listen
from tests.smtp.conftest import Connect, open_doors
from tests.support.dialog import Wire
from tests.support.node import ALICE, BOB, add_account, inbox, open_node, settings_for

SMALL = "small@example.test"
LARGE = b"Subject: large\r\n\r\n" + b"x" * 6000 + b"\r\n"


async def envelope(wire: Wire, *recipients: str, parameters: str = "") -> None:
    await wire.reply()
    await wire.ask("LHLO mx.house.test")
    assert (await wire.ask(f"MAIL FROM:<ann@elsewhere.test>{parameters}"))[:3] == "250"
    for recipient in recipients:
        assert await wire.ask(f"RCPT TO:<{recipient}>") == "250 2.1.5 Recipient ok"


async def data(wire: Wire, message: bytes, answers: int) -> list[str]:
    assert (await wire.ask("DATA"))[:3] == "354"
    await wire.send(message + b".\r\n")
    return [(await wire.reply())[:9] for _ in range(answers)]


@pytest.fixture
async def small(node: Node) -> None:
    async with node.database.transaction() as c:
        await add_account(c, SMALL, quota_bytes=5000)


@pytest.mark.usefixtures("small")
async def test_who_has_no_room_does_not_keep_it_from_the_others(
    node: Node, connect: Connect
) -> None:
    wire = await connect("lmtp")
    await envelope(wire, BOB, SMALL, ALICE)
    assert await data(wire, LARGE, 3) == ["250 2.0.0", "452 4.2.2", "250 2.0.0"]
    assert [len(await inbox(node, address)) for address in (BOB, SMALL, ALICE)] == [1, 0, 1]
    # with the size declared it is told at RCPT already
    assert (await wire.ask("MAIL FROM:<> SIZE=6000"))[:3] == "250"
    assert (await wire.ask(f"RCPT TO:<{SMALL}>"))[:9] == "452 4.2.2"


@pytest.mark.usefixtures("small")
async def test_no_room_for_anybody(node: Node, connect: Connect) -> None:
    wire = await connect("lmtp")
    await envelope(wire, SMALL, SMALL)
    assert await data(wire, LARGE, 2) == ["452 4.2.2", "452 4.2.2"]
    assert await inbox(node, SMALL) == []
    assert await wire.ask("NOOP") == "250 2.0.0 Ok"


async def test_a_recipient_named_twice_is_answered_twice_and_gets_one_copy(
    node: Node, connect: Connect
) -> None:
    wire = await connect("lmtp")
    await envelope(wire, BOB, "Bob+tag@example.test")
    assert await data(wire, b"Subject: x\r\n\r\n", 2) == ["250 2.0.0", "250 2.0.0"]
    assert len(await inbox(node, BOB)) == 1


@pytest.mark.parametrize(
    ("parameters", "keyword"), [("", b"LMTP"), (" SMTPUTF8", b"UTF8LMTP")], ids=["plain", "utf8"]
)
async def test_received_says_lmtp(
    node: Node, connect: Connect, parameters: str, keyword: bytes
) -> None:
    wire = await connect("lmtp")
    await envelope(wire, BOB, parameters=parameters)
    await data(wire, b"Subject: x\r\n\r\n", 1)
    [stored] = await inbox(node, BOB)
    assert stored.startswith(b"Return-Path: <ann@elsewhere.test>\r\nDelivered-To: bob@")
    unfolded = stored.replace(b"\r\n\t", b" ")
    assert b"Received: from mx.house.test (unknown [127.0.0.1]) by " in unfolded
    assert b" with %b id " % keyword in unfolded


async def test_without_storage_each_recipient_is_told(node: Node, connect: Connect) -> None:
    wire = await connect("lmtp")
    await envelope(wire, BOB, ALICE)
    await node.database.close()
    assert await data(wire, b"Subject: x\r\n\r\n", 2) == ["451 4.3.0", "451 4.3.0"]
    assert await wire.ask("NOOP") == "250 2.0.0 Ok"


async def test_a_trusted_client_is_not_sent_away_for_its_recipients(connect: Connect) -> None:
    wire = await connect("lmtp")
    await wire.reply()
    await wire.ask("LHLO x")
    await wire.ask("MAIL FROM:<>")
    for number in range(40):
        assert (await wire.ask(f"RCPT TO:<nobody{number}@example.test>"))[:9] == "550 5.1.1"
    assert (await wire.ask(f"RCPT TO:<{BOB}>"))[:3] == "250"


async def test_whoever_is_not_trusted_gets_no_further_than_the_greeting(
    dsn: str, tmp_path: Path
) -> None:
    listen = Listen(lmtp_networks=("192.0.2.0/24",))
    async with (
        open_node(dsn, settings_for(tmp_path, listen=listen)) as node,
        open_doors(node) as doors,
    ):
        wire = await doors.connect("lmtp")
        await wire.send(b"LHLO x\r\nMAIL FROM:<>\r\n")
        assert await wire.reply() == "554 5.7.1 No LMTP from your network"
        assert await wire.closed()


@pytest.mark.parametrize(
    ("listen", "named"),
    [
        (Listen(lmtp=25), "listen.lmtp: "),
        (Listen(lmtp_networks=("10.0.0.0/99",)), "listen.lmtp_networks: "),
    ],
)
def test_settings_that_cannot_be(tmp_path: Path, listen: Listen, named: str) -> None:
    with pytest.raises(SettingsError, match=f"^{named}"):
        check_values(settings_for(tmp_path, listen=listen))
