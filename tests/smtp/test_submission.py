"""Submission on 587 and 465: who may send as whom, what is added, where it goes."""

import base64
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from mailserver.node import Node
from mailserver.settings import Limits
from smtp.authentication import Unanswered, response
from tests.smtp.conftest import Connect, Doors, open_doors
from tests.support.dialog import Wire
from tests.support.node import ALICE, BOB, PASSWORDS, inbox, open_node, settings_for

MESSAGE = b"From: Alice <alice@example.test>\r\nTo: x\r\nSubject: hi\r\n\r\nhello\r\n"


def plain(address: str, password: str) -> str:
    return base64.b64encode(f"\0{address}\0{password}".encode()).decode()


async def log_in(wire: Wire, address: str = ALICE) -> None:
    await wire.reply()
    await wire.ask("EHLO client.test")
    reply = await wire.ask(f"AUTH PLAIN {plain(address, PASSWORDS[address])}")
    assert reply == "235 2.7.0 Authentication successful"


async def submit(
    wire: Wire, *recipients: str, sender: str = f"<{ALICE}>", message: bytes = MESSAGE
) -> str:
    assert (await wire.ask(f"MAIL FROM:{sender}"))[:3] == "250"
    for recipient in recipients:
        assert (await wire.ask(f"RCPT TO:<{recipient}>"))[:3] == "250"
    assert (await wire.ask("DATA"))[:3] == "354"
    return await wire.ask(message + b".")


async def test_local_mail_lands_at_once_and_the_rest_is_queued(
    node: Node, connect: Connect
) -> None:
    wire = await connect("submissions")
    await log_in(wire)
    reply = await submit(wire, BOB, "ann@elsewhere.test", "ann@Elsewhere.test", "bo@third.test")
    assert reply.startswith("250 2.0.0 accepted as ")
    [stored] = await inbox(node, BOB)
    assert stored.startswith(b"Return-Path: <alice@example.test>\r\nDelivered-To: bob@example")
    assert stored.endswith(MESSAGE)
    [queued] = await node.database.fetch("SELECT * FROM queue_message")
    assert queued["sender"] == ALICE
    assert queued["account_id"] == (await node.accounts.find(ALICE)).id  # type: ignore[union-attr]
    left = queued["expires_at"] - datetime.now(UTC)
    assert timedelta(days=4.9) < left <= timedelta(days=5)
    prefix = queued["prefix"].replace(b"\r\n\t", b" ")
    # RFC 3848; and where users are is nobody's business
    assert b" with ESMTPSA id " in prefix
    assert b"127.0.0.1" not in prefix
    recipients = await node.database.fetch("SELECT recipient FROM queue_recipient ORDER BY 1")
    assert [row["recipient"] for row in recipients] == ["ann@elsewhere.test", "bo@third.test"]


async def test_missing_fields_are_completed(node: Node, connect: Connect) -> None:
    wire = await connect("submissions")
    await log_in(wire)
    await submit(wire, BOB, message=b"Subject: bare\r\n\r\n")
    await submit(wire, BOB, message=b"Date: d\r\nMessage-ID: <m@x>\r\nFrom: alice@example.test\r\n")
    bare, whole = await inbox(node, BOB)
    added = bare.removesuffix(b"Subject: bare\r\n\r\n")
    assert b"\r\nDate: " in added
    assert b"\r\nMessage-ID: <" in added
    assert b"@example.test>\r\n" in added
    assert b"\r\nFrom: alice@example.test\r\n" in added
    assert whole.count(b"Date: ") == whole.count(b"Message-ID: ") == whole.count(b"From: ") == 1


async def test_several_authors_get_a_sender(node: Node, connect: Connect) -> None:
    wire = await connect("submissions")
    await log_in(wire)
    several = b"From: alice@example.test, alice+x@example.test\r\n"
    await submit(wire, BOB, message=several + b"Subject: x\r\n\r\n")
    await submit(wire, BOB, message=several + b"Sender: alice+x@example.test\r\n\r\n")
    added, given = await inbox(node, BOB)
    assert b"\r\nSender: alice@example.test\r\n" in added
    assert given.count(b"Sender: ") == 1


@pytest.mark.parametrize(
    ("author", "code"),
    [
        (b"bob@example.test", "550 5.7.1"),
        (b"alice@elsewhere.test", "550 5.7.1"),
        (b"alice@example.test, bob@example.test", "550 5.7.1"),
        (b'"alice@example.test" <bob@example.test>', "550 5.7.1"),
        (b"Alice <alice@>", "554 5.6.0"),
        (b"alice", "554 5.6.0"),
        (b", ".join([b"alice@example.test"] * 21), "554 5.6.0"),
        (b'ALICE@Example.test, "A" <alice+x@example.test>', "250 2.0.0"),
    ],
)
async def test_the_author_is_the_users_own(connect: Connect, author: bytes, code: str) -> None:
    wire = await connect("submissions")
    await log_in(wire)
    message = b"From: " + author + b"\r\nSubject: x\r\n\r\n"
    assert (await submit(wire, BOB, message=message))[:9] == code


async def test_two_from_fields_are_both_looked_at(connect: Connect) -> None:
    wire = await connect("submissions")
    await log_in(wire)
    message = b"From: alice@example.test\r\nFrom: bob@example.test\r\n\r\n"
    assert (await submit(wire, BOB, message=message))[:9] == "550 5.7.1"


async def test_an_account_that_is_suspended_sends_no_more(node: Node, connect: Connect) -> None:
    wire = await connect("submissions")
    await log_in(wire)
    await node.accounts.set_active(ALICE, False)
    deadline = time.monotonic() + 5
    while (await wire.ask(f"MAIL FROM:<{ALICE}>"))[:3] == "250" and time.monotonic() < deadline:
        await wire.ask("RSET")
    assert (await wire.ask(f"MAIL FROM:<{ALICE}>"))[:9] == "553 5.7.1"
    assert (await wire.ask("MAIL FROM:<>"))[:9] == "553 5.7.1"
    again = await connect("submissions")
    await again.reply()
    await again.ask("EHLO x")
    assert (await again.ask(f"AUTH PLAIN {plain(ALICE, PASSWORDS[ALICE])}"))[:9] == "535 5.7.8"


async def test_login_after_starttls(node: Node, connect: Connect, doors: Doors) -> None:
    wire = await connect("submission")
    await wire.reply()
    await wire.ask("EHLO client.test")
    await wire.ask("STARTTLS")
    await wire.start_tls(doors.tls)
    await wire.ask("EHLO client.test")
    assert await wire.ask("AUTH LOGIN") == "334 VXNlcm5hbWU6"
    assert (await wire.ask(base64.b64encode(BOB.encode())))[:4] == "334 "
    assert (await wire.ask(base64.b64encode(PASSWORDS[BOB].encode())))[:3] == "235"
    message = MESSAGE.replace(b"alice", b"bob")
    assert (await submit(wire, ALICE, sender=f"<{BOB}>", message=message))[:3] == "250"
    assert len(await inbox(node, ALICE)) == 1


async def test_a_failed_login_is_answered_late_unless_the_network_is_exempt(
    dsn: str, tmp_path: Path
) -> None:
    wrong = f"AUTH PLAIN {plain(ALICE, 'wrong')}"
    for networks, slow in ((("127.0.0.0/8",), False), (("192.0.2.0/24",), True)):
        limits = Limits(failed_login_delay=2.0, exempt_networks=networks)
        async with (
            open_node(dsn, settings_for(tmp_path, limits=limits)) as node,
            open_doors(node) as doors,
        ):
            wire = await doors.connect("submissions")
            await wire.reply()
            await wire.ask("EHLO x")
            await wire.send(wrong.encode() + b"\r\nNOOP\r\n")
            started = time.monotonic()
            assert (await wire.reply())[:9] == "535 5.7.8"
            assert (time.monotonic() - started >= 2.0) is slow
            assert (await wire.reply())[:3] == "250"


async def test_too_many_failures_elsewhere_are_answered_454_and_counted(
    dsn: str, tmp_path: Path
) -> None:
    limits = Limits(
        failed_login_delay=0.01, failed_logins_per_account=1, exempt_networks=("192.0.2.0/24",)
    )
    before = _failures("credentials"), _failures("limited")
    async with (
        open_node(dsn, settings_for(tmp_path, limits=limits)) as node,
        open_doors(node) as doors,
    ):
        wire = await doors.connect("submissions")
        await wire.reply()
        await wire.ask("EHLO x")
        assert (await wire.ask(f"AUTH PLAIN {plain(ALICE, 'wrong')}"))[:9] == "535 5.7.8"
        reply = await wire.ask(f"AUTH PLAIN {plain(ALICE, PASSWORDS[ALICE])}")
        assert reply == "454 4.7.0 Too many failed logins, try again later"
        reply = await wire.ask(f"AUTH PLAIN {plain(BOB, PASSWORDS[BOB])}")
        assert reply.startswith("235 2.7.0")
    assert (_failures("credentials"), _failures("limited")) == (before[0] + 1, before[1] + 1)


def _failures(reason: str) -> float:
    labels = {"protocol": "smtp", "reason": reason}
    return REGISTRY.get_sample_value("login_failures_total", labels) or 0.0


async def test_a_client_that_leaves_during_login_leaves_nothing(connect: Connect) -> None:
    for script in (b"AUTH LOGIN\r\n", b"AUTH PLAIN " + plain(ALICE, "x").encode() + b"\r\n"):
        wire = await connect("submissions")
        await wire.reply()
        await wire.ask("EHLO x")
        await wire.send(script)
        wire.writer.transport.abort()


@pytest.mark.parametrize(
    ("text", "expected"),
    [(b"YQ==", b"a"), (b"=", b""), (b"", b""), (b"YQ", None), (b"Y Q==", None), (b"\xff", None)],
)
def test_base64(text: bytes, expected: bytes | None) -> None:
    if expected is None:
        with pytest.raises(Unanswered):
            response(text)
    else:
        assert response(text) == expected
