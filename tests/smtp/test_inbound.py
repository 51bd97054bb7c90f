"""Port 25 from the first byte to the mailbox: who gets a copy, and what goes before it."""

import re
from pathlib import Path

from mailserver.node import Node
from mailserver.settings import Smtp
from mailserver.storage.directory import addresses, domains
from tests.smtp.conftest import Connect, open_doors
from tests.support.dialog import Wire
from tests.support.node import (
    ALICE,
    BOB,
    DOMAIN,
    add_account,
    add_domain,
    inbox,
    open_node,
    settings_for,
)

MESSAGE = b"From: ann@elsewhere.test\r\nTo: bob@example.test\r\nSubject: hi\r\n\r\nhello\r\n"


async def deliver(
    wire: Wire, *recipients: str, sender: str = "<ann@elsewhere.test>", message: bytes = MESSAGE
) -> str:
    """A whole session; gives the reply to the message."""
    await wire.reply()
    await wire.ask("EHLO client.test")
    assert (await wire.ask(f"MAIL FROM:{sender}"))[:3] == "250"
    for recipient in recipients:
        assert await wire.ask(f"RCPT TO:<{recipient}>") == "250 2.1.5 Recipient ok"
    assert (await wire.ask("DATA"))[:3] == "354"
    return await wire.ask(message + b".")


async def add_alias(node: Node, name: str, *targets: str) -> None:
    async with node.database.transaction() as c:
        domain_id = await domains.lock(c, DOMAIN)
        assert domain_id is not None
        assert await addresses.claim(c, domain_id, name, "alias", targets)


async def test_a_message_is_in_the_mailbox_when_its_250_comes(node: Node, connect: Connect) -> None:
    reply = await deliver(await connect("smtp"), BOB)
    assert reply.startswith("250 2.0.0 accepted as ")
    [stored] = await inbox(node, BOB)
    assert stored.endswith(b"\r\n" + MESSAGE)
    fields = stored.removesuffix(MESSAGE).replace(b"\r\n\t", b" ").split(b"\r\n")
    assert fields[:2] == [
        b"Return-Path: <ann@elsewhere.test>",
        b"Delivered-To: bob@example.test",
    ]
    assert fields[2].startswith(
        b"Received: from client.test (unknown [127.0.0.1]) by mail.example.test with ESMTP id "
    )
    assert b" for <bob@example.test>; " in fields[2]
    assert fields[3:] == [b""]


async def test_the_null_sender_is_taken_and_shown(node: Node, connect: Connect) -> None:
    await deliver(await connect("smtp"), BOB, sender="<>")
    [stored] = await inbox(node, BOB)
    assert stored.startswith(b"Return-Path: <>\r\n")


async def test_an_account_that_is_reached_twice_gets_one_copy(node: Node, connect: Connect) -> None:
    await add_alias(node, "sales", BOB, ALICE)
    await deliver(await connect("smtp"), "sales@example.test", BOB, "bob+tag@example.test")
    assert len(await inbox(node, ALICE)) == 1
    [stored] = await inbox(node, BOB)
    assert b"\r\nDelivered-To: sales@example.test\r\n" in stored


async def test_the_catch_all_gets_what_nobody_else_does(node: Node, connect: Connect) -> None:
    await add_alias(node, "*", ALICE)
    await deliver(await connect("smtp"), "whoever@example.test")
    [stored] = await inbox(node, ALICE)
    assert b"Delivered-To: whoever@example.test\r\n" in stored


async def test_recipients_of_two_domains_in_one_message(node: Node, connect: Connect) -> None:
    async with node.database.transaction() as c:
        await add_domain(c, "second.test")
        await add_account(c, "carol@second.test")
    await deliver(await connect("smtp"), BOB, "carol@second.test")
    assert len(await inbox(node, BOB)) == 1
    assert len(await inbox(node, "carol@second.test")) == 1


async def test_an_alias_that_leads_elsewhere_is_queued(node: Node, connect: Connect) -> None:
    await add_alias(node, "away", "bob@elsewhere.test", BOB)
    await deliver(await connect("smtp"), "away@example.test", message=b"Subject: \xc3\xa4\r\n\r\n")
    assert len(await inbox(node, BOB)) == 1
    [row] = await node.database.fetch(
        "SELECT q.*, r.recipient FROM queue_message q JOIN queue_recipient r ON r.queue_id = q.id"
    )
    assert row["recipient"] == "bob@elsewhere.test"
    assert re.fullmatch(
        r"SRS0=[A-Z2-7]{8}=[A-Z2-7]{2}=elsewhere\.test=ann@example\.test", row["sender"]
    )
    assert (row["account_id"], row["eight_bit"], row["smtputf8"]) == (None, True, False)
    assert row["prefix"].startswith(b"Delivered-To: away@example.test\r\nReceived: ")
    assert b"Return-Path" not in row["prefix"]  # RFC 5321 §4.4: final delivery adds it


async def test_internationalised_mail(node: Node, connect: Connect) -> None:
    await add_alias(node, "bjørn", BOB)
    sender = "<änn@elsewhere.test> SMTPUTF8 BODY=8BITMIME"
    await deliver(await connect("smtp"), "bjørn@example.test", sender=sender)
    [stored] = await inbox(node, BOB)
    assert stored.startswith("Return-Path: <änn@elsewhere.test>\r\n".encode())
    assert b"with UTF8SMTP id" in stored.replace(b"\r\n\t", b" ")


async def test_quota_is_asked_with_the_declared_size_and_again_with_the_real_one(
    node: Node, connect: Connect
) -> None:
    async with node.database.transaction() as c:
        await add_account(c, "small@example.test", quota_bytes=5000)
    wire = await connect("smtp")
    await wire.reply()
    await wire.ask("EHLO x")
    await wire.ask("MAIL FROM:<> SIZE=6000")
    assert await wire.ask("RCPT TO:<small@example.test>") == "452 4.2.2 Mailbox is full"
    assert (await wire.ask(f"RCPT TO:<{BOB}>"))[:3] == "250"
    large = b"Subject: x\r\n\r\n" + b"x" * 6000 + b"\r\n"
    full = await deliver(await connect("smtp"), "small@example.test", message=large)
    assert full == "452 4.2.2 Mailbox is full"
    # for several it is taken: bob's copy could not be sent again alone
    taken = await deliver(await connect("smtp"), "small@example.test", BOB, message=large)
    assert taken[:3] == "250"
    wire = await connect("smtp")
    await wire.reply()
    await wire.ask("EHLO x")
    await wire.ask("MAIL FROM:<>")
    assert await wire.ask("RCPT TO:<small@example.test>") == "452 4.2.2 Mailbox is full"


async def test_a_large_message_waits_in_a_file_without_a_name(dsn: str, tmp_path: Path) -> None:
    limits = Smtp(max_message_size=1_000_000)
    async with (
        open_node(dsn, settings_for(tmp_path, smtp=limits)) as node,
        open_doors(node) as doors,
    ):
        large = b"Subject: x\r\n\r\n" + b"x" * 900_000 + b"\r\n"
        assert (await deliver(await doors.connect("smtp"), BOB, message=large))[:3] == "250"
        too_large = await deliver(await doors.connect("smtp"), BOB, message=large + large)
        assert too_large == "552 5.3.4 Message is too large"
        assert [stored.endswith(large) for stored in await inbox(node, BOB)] == [True]
        assert list((tmp_path / "scratch").iterdir()) == []
