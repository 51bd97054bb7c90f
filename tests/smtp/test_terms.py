"""What an envelope asks for goes into the queue as it was asked, or is granted at once."""

from datetime import UTC, datetime, timedelta

import pytest

from mailserver.mail.terms import (
    NEVER,
    Action,
    Asked,
    Notify,
    original_address,
    redistributed,
)
from mailserver.node import Node
from mailserver.storage.directory import addresses, domains
from tests.smtp.conftest import Connect
from tests.smtp.test_submission import log_in
from tests.support.dialog import Wire
from tests.support.node import ALICE, BOB, DOMAIN, inbox

MESSAGE = b"From: alice@example.test\r\nSubject: hi\r\n\r\n"


async def send(wire: Wire, sender: str, *recipients: str) -> None:
    """A message; sender and recipients with their parameters."""
    assert (await wire.ask(f"MAIL FROM:{sender}"))[:3] == "250"
    for recipient in recipients:
        assert (await wire.ask(f"RCPT TO:{recipient}"))[:3] == "250"
    assert (await wire.ask("DATA"))[:3] == "354"
    assert (await wire.ask(MESSAGE + b"."))[:3] == "250"


async def inbound(connect: Connect) -> Wire:
    wire = await connect("smtp")
    await wire.reply()
    await wire.ask("EHLO client.test")
    return wire


async def add_alias(node: Node, name: str, *targets: str) -> None:
    async with node.database.transaction() as c:
        domain_id = await domains.lock(c, DOMAIN)
        assert domain_id is not None
        await addresses.claim(c, domain_id, name, "alias", list(targets))


async def queued(node: Node) -> list[tuple[str, str | None, str | None, str | None]]:
    rows = await node.database.fetch(
        "SELECT recipient, notify, original_recipient, done FROM queue_recipient ORDER BY recipient"
    )
    return [tuple(row) for row in rows]


async def test_success_of_what_is_delivered_at_once_is_reported_durably(
    node: Node, connect: Connect
) -> None:
    wire = await inbound(connect)
    await send(
        wire,
        "<ann@elsewhere.test> RET=FULL ENVID=QQ+20314",
        f"<{BOB}> NOTIFY=SUCCESS ORCPT=rfc822;Bob@example.test",
        f"<{ALICE}> NOTIFY=FAILURE",
    )
    assert len(await inbox(node, BOB)) == len(await inbox(node, ALICE)) == 1
    assert await queued(node) == [(BOB, "SUCCESS", "rfc822;Bob@example.test", "delivered")]
    [message] = await node.database.fetch("SELECT * FROM queue_message")
    assert (message["sender"], message["account_id"]) == ("ann@elsewhere.test", None)
    assert (message["returned"], message["envelope_id"]) == ("FULL", "QQ+20314")


async def test_who_asks_for_nothing_or_has_no_address_gets_no_report(
    node: Node, connect: Connect
) -> None:
    wire = await inbound(connect)
    await send(wire, "<ann@elsewhere.test>", f"<{BOB}>")
    await send(wire, "<>", f"<{BOB}> NOTIFY=SUCCESS")
    assert await queued(node) == []


async def test_an_alias_of_one_hands_everything_on(node: Node, connect: Connect) -> None:
    await add_alias(node, "one", "far@elsewhere.test")
    wire = await inbound(connect)
    await send(
        wire, "<ann@elsewhere.test>", "<one@example.test> NOTIFY=SUCCESS ORCPT=rfc822;one@x.test"
    )
    assert await queued(node) == [("far@elsewhere.test", "SUCCESS", "rfc822;one@x.test", None)]


async def test_an_alias_of_several_is_an_expansion(node: Node, connect: Connect) -> None:
    await add_alias(node, "team", BOB, "far@elsewhere.test")
    wire = await inbound(connect)
    await send(wire, "<ann@elsewhere.test>", "<team@example.test> NOTIFY=SUCCESS,DELAY")
    assert await queued(node) == [
        ("far@elsewhere.test", "DELAY", None, None),
        ("team@example.test", "SUCCESS,DELAY", None, "expanded"),
    ]


async def test_held_mail_is_in_no_mailbox_and_lives_from_its_release_on(
    node: Node, connect: Connect
) -> None:
    wire = await connect("submissions")
    await log_in(wire)
    await send(
        wire,
        f"<{ALICE}> HOLDFOR=3600 REQUIRETLS BY=7200;NT",
        f"<{BOB}> NOTIFY=NEVER",
        "<ann@elsewhere.test>",
    )
    assert await inbox(node, BOB) == []
    assert await queued(node) == [
        ("ann@elsewhere.test", None, None, None),
        (BOB, "NEVER", None, None),
    ]
    [message] = await node.database.fetch("SELECT * FROM queue_message")
    release = message["hold_until"]
    assert abs(release - datetime.now(UTC) - timedelta(hours=1)) < timedelta(seconds=30)
    assert message["expires_at"] == release + timedelta(days=5)
    assert (message["hold_request"], message["require_tls"]) == ("for;3600", True)
    assert (message["by_mode"], message["by_trace"]) == ("N", True)
    due = await node.database.fetch("SELECT DISTINCT next_attempt_at FROM queue_recipient")
    assert [row["next_attempt_at"] for row in due] == [release]


@pytest.mark.parametrize(
    ("notify", "mailboxes", "forwards", "action", "onwards"),
    [
        (Notify.SUCCESS, 1, 0, Action.DELIVERED, Notify.SUCCESS),
        (Notify.SUCCESS, 0, 1, None, Notify.SUCCESS),
        (Notify.SUCCESS, 2, 0, Action.EXPANDED, NEVER),
        (Notify.SUCCESS | Notify.FAILURE, 1, 1, Action.EXPANDED, Notify.FAILURE),
        (None, 0, 2, Action.EXPANDED, None),
        (NEVER, 0, 2, Action.EXPANDED, NEVER),
    ],
)
def test_redistribution(
    notify: Notify | None,
    mailboxes: int,
    forwards: int,
    action: Action | None,
    onwards: Notify | None,
) -> None:
    found = redistributed(Asked(notify, "rfc822;x"), mailboxes=mailboxes, forwards=forwards)
    assert found == (action, Asked(onwards, "rfc822;x"))


@pytest.mark.parametrize(
    ("orcpt", "plain", "utf8"),
    [
        ("rfc822;a+2Bb@x.test", "rfc822;a+b@x.test", "rfc822;a+b@x.test"),
        ("utf-8;bøb@x.test", r"utf-8;b\x{F8}b@x.test", "utf-8;bøb@x.test"),
        (r"utf-8;b\x{F8}b@x.test", r"utf-8;b\x{F8}b@x.test", "utf-8;bøb@x.test"),
        (r"utf-8;\x{D800}@x.test", r"utf-8;\x{5C}x{D800}@x.test", r"utf-8;\x{D800}@x.test"),
    ],
)
def test_original_recipient_for_people(orcpt: str, plain: str, utf8: str) -> None:
    assert original_address(orcpt, utf8=False) == plain
    assert original_address(orcpt, utf8=True) == utf8
