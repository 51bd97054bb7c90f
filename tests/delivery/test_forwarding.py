"""Mail forwarded outside: with what sender it goes, how it comes back, and that loops end."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from delivery.worker import Worker
from mailserver.domains import Aliases, Groups
from mailserver.ingest import Arrival, Outbound
from mailserver.mail.headers import select
from mailserver.node import Node
from mailserver.storage.directory.entries import Posting
from smtp.server import serve_inbound
from tests.smtp.conftest import listening
from tests.support.dialog import Wire
from tests.support.dns_server import DnsServer
from tests.support.forwarder import Forwarder, forwarder
from tests.support.node import ALICE, BOB, add_account, inbox
from tests.support.outbound import CONTENT, bounces, finished, status_fields, submit, until
from tests.support.remote_mx import remote_mx

ANN = "ann@elsewhere.test"
ZONE = """
elsewhere.test. IN MX 10 mx.elsewhere.test.
mx.elsewhere.test. IN A 127.0.0.2
remote.test. IN MX 10 mx.remote.test.
mx.remote.test. IN A 127.0.0.3
"""
REWRITTEN = re.compile(r"SRS0=[A-Z2-7]{8}=[A-Z2-7]{2}=elsewhere\.test=ann@example\.test").fullmatch


@asynccontextmanager
async def port_25(node: Node) -> AsyncIterator[int]:
    sock = listening()
    port: int = sock.getsockname()[1]
    door = await serve_inbound(node, sock)
    try:
        yield port
    finally:
        await door.drain(2.0)


async def send(port: int, recipient: str, sender: str = ANN, content: bytes = CONTENT) -> str:
    """As another host does; gives the reply to RCPT, or to the message."""
    wire = await Wire.connect(port)
    try:
        await wire.reply()
        await wire.ask("EHLO client.test")
        await wire.ask(f"MAIL FROM:<{sender}>")
        reply = await wire.ask(f"RCPT TO:<{recipient}>")
        if reply[:3] != "250":
            return reply
        await wire.ask("DATA")
        return await wire.ask(content.replace(b"\r\n.", b"\r\n..") + b".")
    finally:
        await wire.close()


async def test_a_bounce_of_forwarded_mail_comes_home_by_us(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(ZONE)
    await Aliases(node.database).add("carol@example.test", ["carol@remote.test"])
    with (
        remote_mx("127.0.0.2", smtp_port) as home,
        remote_mx("127.0.0.3", smtp_port) as target,
    ):
        async with port_25(node) as port:
            assert (await send(port, "carol@example.test"))[:3] == "250"
            await until(lambda: _got(target.received))
            [forwarded] = target.received
            assert REWRITTEN(forwarded.sender)
            assert b"DKIM-Signature" not in forwarded.content
            assert forwarded.content.startswith(b"Delivered-To: carol@example.test\r\n")

            # the target finds out later that it cannot deliver
            assert (await send(port, forwarded.sender, sender=""))[:3] == "250"
            await until(lambda: _got(home.received))
    assert [(one.sender, one.recipients) for one in home.received] == [("", [ANN])]


async def test_a_target_that_refuses_is_told_to_the_first_sender(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(ZONE)
    await Aliases(node.database).add("carol@example.test", ["carol@remote.test"])
    refuses = {"carol@remote.test": "550 5.1.1 no such user"}
    with (
        remote_mx("127.0.0.2", smtp_port) as home,
        remote_mx("127.0.0.3", smtp_port, rcpt=refuses),
    ):
        async with port_25(node) as port:
            await send(port, "carol@example.test")
            await until(lambda: _got(home.received))
    [report] = home.received
    assert (report.sender, report.recipients) == ("", [ANN])
    assert b"carol@remote.test" in report.content


async def test_a_user_forwards_with_a_sender_of_his_own(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(ZONE)
    await Aliases(node.database).add("carol@example.test", ["carol@remote.test"])
    with remote_mx("127.0.0.3", smtp_port) as target:
        queue_id = await submit(node, "carol@example.test")
        assert set((await finished(node, queue_id)).values()) == {"delivered"}
        await until(lambda: _got(target.received))
    assert [one.sender for one in target.received] == [ALICE]


async def test_what_was_queued_for_a_group_is_placed_as_its_mail(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(ZONE)
    groups = Groups(node.database)
    await groups.add("team@example.test", [BOB, "carol@remote.test"], posting=Posting.ORGANIZATION)
    await groups.add("closed@example.test", [BOB])
    with remote_mx("127.0.0.3", smtp_port) as target:
        queue_id = await submit(node, "team@example.test", "closed@example.test")
        assert await finished(node, queue_id) == {
            "team@example.test": "delivered",
            "closed@example.test": "bounced",
        }
        await until(lambda: _got(target.received))
    [stored] = await inbox(node, BOB)
    assert stored.startswith(b"Return-Path: <owner-team@example.test>\r\n")
    assert b"List-Id: <team.example.test>\r\n" in stored
    assert [one.sender for one in target.received] == ["owner-team@example.test"]
    assert b"List-Id: <team.example.test>\r\n" in target.received[0].content
    [report] = await bounces(node)
    assert [one["Status"] for one in status_fields(report)[1:]] == ["5.7.2"]


async def test_a_member_that_stays_full_is_told_to_the_owners(
    node: Node, worker: Worker, dns_server: DnsServer
) -> None:
    async with node.database.transaction() as c:
        small = await add_account(c, "small@example.test", quota_bytes=5)
    await Groups(node.database).add("team@example.test", ["small@example.test"], owners=[BOB])
    account = await node.accounts.find("small@example.test")
    assert account is not None
    late = Outbound(
        organization_id=account.organization_id,
        account_id=None,
        sender="owner-team@example.test",
        recipients=("small@example.test",),
        prefix=b"",
        expires_at=datetime.now(UTC) + timedelta(seconds=0.5),
    )
    await node.ingest.accept(Arrival(CONTENT, outbound=[late]))
    [report] = await bounces(node, BOB)
    assert report["Return-Path"] == "<>"
    assert status_fields(report)[1]["Final-Recipient"] == "rfc822; small@example.test"
    assert small == account.id


# ── loops ────────────────────────────────────────────────────────────────────────────────────


async def test_a_loop_by_an_outside_forwarder_ends_where_it_closes(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(ZONE)
    aliases = Aliases(node.database)
    for name in ("one@example.test", "two@example.test"):
        await aliases.add(name, ["carol@remote.test"])
    with remote_mx("127.0.0.2", smtp_port) as home:
        async with port_25(node) as port:
            with forwarder("127.0.0.3", smtp_port, Forwarder(port, "two@example.test")) as hop:
                await send(port, "one@example.test")
                await until(lambda: _got(home.received))
            # to the second alias it may go, but not there again
            assert [reply[:9] for reply in hop.replies] == ["250 2.0.0", "554 5.4.6"]
    assert [one.recipients for one in home.received] == [[ANN]]


async def test_a_loop_whose_trace_is_taken_off_ends_by_its_hops(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(ZONE)
    await Aliases(node.database).add("one@example.test", ["carol@remote.test"])

    def unmarked(content: bytes) -> bytes:
        header, _, body = content.partition(b"\r\n\r\n")
        kept = select(header + b"\r\n", frozenset([b"delivered-to"]), others=True)
        return kept + b"\r\n" + body

    hops = b"Received: from a by b; Tue, 24 Nov 2026 04:00:00 +0000\r\n" * 44
    with remote_mx("127.0.0.2", smtp_port) as home:
        async with port_25(node) as port:
            script = replace(Forwarder(port, "one@example.test"), change=unmarked)
            with forwarder("127.0.0.3", smtp_port, script) as hop:
                await send(port, "one@example.test", content=hops + CONTENT)
                await until(lambda: _got(home.received))
                await asyncio.sleep(0.2)  # nothing goes round any more
            assert hop.passed < 6
            assert hop.replies[-1] == "554 5.4.6 Too many hops: mail loop"
    assert [one.recipients for one in home.received] == [[ANN]]
    assert hop.senders[-1].startswith("SRS1=")


async def _got(received: list[object]) -> bool:
    return bool(received)
