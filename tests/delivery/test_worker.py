"""The whole way out: queue, DNS, remote host, outcome, bounce."""

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import cast

import dns.rcode
import msgspec
import pytest

from delivery.worker import Worker
from mailserver.ingest import Arrival, Outbound
from mailserver.keys import Algorithm, dkim_record, generate_dkim_key
from mailserver.metrics import DELIVERY_ATTEMPTS
from mailserver.node import Node
from mailserver.settings import Delivery
from mailserver.signatures import verify
from mailserver.storage import queue
from mailserver.storage.directory import dkim_keys, domains
from tests.support.dns_server import DnsServer
from tests.support.node import ALICE, BOB, add_domain, inbox, open_node, settings_for
from tests.support.remote_mx import remote_mx, self_signed_context

PREFIX = b"Received: from client by mail.example.test; Tue, 24 Nov 2026 04:00:00 +0000\r\n"
CONTENT = (
    b"From: Alice <alice@example.test>\r\nTo: carol@remote.test\r\nSubject: hello\r\n"
    b"Date: Tue, 24 Nov 2026 04:00:00 +0000\r\nMessage-ID: <1@example.test>\r\n\r\n"
    b"Hello\r\n.\r\n"
)
MX = "remote.test. IN MX 10 mx.remote.test.\nmx.remote.test. IN A 127.0.0.2"


async def submit(
    node: Node,
    *recipients: str,
    sender: str = ALICE,
    content: bytes = CONTENT,
    lifetime: float = 86400.0,
    smtputf8: bool = False,
) -> int:
    """Queue a message of alice's organization; gives its queue id."""
    alice = await node.accounts.find(ALICE)
    assert alice is not None
    outbound = Outbound(
        organization_id=alice.organization_id,
        account_id=alice.id,
        sender=sender,
        recipients=recipients,
        prefix=PREFIX,
        expires_at=datetime.now(UTC) + timedelta(seconds=lifetime),
        smtputf8=smtputf8,
    )
    receipt = await node.ingest.accept(Arrival(content, outbound=[outbound]))
    return receipt.queue_ids[0]


async def states(node: Node, queue_id: int) -> dict[str, str]:
    """The state of each recipient."""
    async with node.database.connection() as c:
        shown = await queue.shown(c, queue_id)
    assert shown is not None
    return {row["recipient"]: row["state"] for row in shown[1]}


async def reply(node: Node, queue_id: int) -> str:
    """What the first recipient's last attempt came to."""
    async with node.database.connection() as c:
        shown = await queue.shown(c, queue_id)
    assert shown is not None
    return cast(str, shown[1][0]["last_reply"])


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)


async def finished(node: Node, queue_id: int) -> dict[str, str]:
    """The states once nothing waits any more."""

    async def done() -> bool:
        return not set(queue.WAITING) & set((await states(node, queue_id)).values())

    await until(done)
    return await states(node, queue_id)


async def deferred(node: Node, queue_id: int) -> None:
    """Return once a recipient was deferred."""

    async def was() -> bool:
        return "deferred" in (await states(node, queue_id)).values()

    await until(was)


@asynccontextmanager
async def working(node: Node) -> AsyncIterator[Worker]:
    """A running worker, drained at the end."""
    worker = Worker(node)
    running = asyncio.create_task(worker.run())
    try:
        yield worker
        await worker.drain(2)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
async def worker(node: Node) -> AsyncIterator[Worker]:
    async with working(node) as running:
        yield running


def parsed(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=email.policy.default)


async def bounces(node: Node, address: str = ALICE, count: int = 1) -> list[EmailMessage]:
    """The reports in an INBOX, once there are `count`."""

    async def there() -> bool:
        return len(await inbox(node, address)) >= count

    await until(there)
    return [parsed(raw) for raw in await inbox(node, address)]


def status_fields(bounce: EmailMessage) -> list[dict[str, str]]:
    """The groups of fields of the machine-readable part (RFC 3464 §2.1)."""
    (part,) = [p for p in bounce.walk() if p.get_content_type() == "message/delivery-status"]
    groups = cast(list[EmailMessage], part.get_payload())
    return [dict(group.items()) for group in groups]


# ── delivered ────────────────────────────────────────────────────────────────────────────────


async def test_message_reaches_the_remote_host(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    before = DELIVERY_ATTEMPTS.labels("delivered")._value.get()
    with remote_mx("127.0.0.2", smtp_port) as mx:
        queue_id = await submit(node, "carol@remote.test", "dave@remote.test")
        assert set((await finished(node, queue_id)).values()) == {"delivered"}
        (received,) = mx.received
    assert received.content == PREFIX + CONTENT
    assert received.sender == ALICE
    assert received.recipients == ["carol@remote.test", "dave@remote.test"]
    assert received.helo == "mail.example.test"
    assert await reply(node, queue_id) == "250 2.0.0 got it"
    assert DELIVERY_ATTEMPTS.labels("delivered")._value.get() == before + 2


async def test_idle_worker_wakes_at_once(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    with remote_mx("127.0.0.2", smtp_port):
        await asyncio.sleep(0.5)  # it sleeps by now, for a minute
        queue_id = await submit(node, "carol@remote.test")
        async with asyncio.timeout(2):
            await finished(node, queue_id)


async def test_idle_worker_sleeps(
    node: Node, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.sleep(0.5)
    claims = 0
    original = queue.claim

    async def counted(*arguments: object, **named: object) -> list[queue.Message]:
        nonlocal claims
        claims += 1
        return await original(*arguments, **named)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(queue, "claim", counted)
    await asyncio.sleep(1.0)
    assert claims == 0


async def test_many_messages_share_connections(
    node: Node, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    with remote_mx("127.0.0.2", smtp_port) as mx:
        queue_ids = [await submit(node, f"r{n}@remote.test") for n in range(60)]
        async with working(node):
            for queue_id in queue_ids:
                await finished(node, queue_id)
        assert len(mx.received) == 60
        assert mx.sessions <= 6


async def test_domains_of_one_provider_share_connections(
    node: Node, dns_server: DnsServer, smtp_port: int
) -> None:
    for n in range(4):
        dns_server.add(f"d{n}.test. IN MX 10 mx.remote.test.")
    dns_server.add("mx.remote.test. IN A 127.0.0.2")
    with remote_mx("127.0.0.2", smtp_port) as mx:
        queue_id = await submit(node, *(f"x@d{n}.test" for n in range(4)))
        async with working(node):
            await finished(node, queue_id)
        assert len(mx.recipients) == 4
        assert mx.sessions == 1


async def test_next_host_is_tried_when_the_first_is_down(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(
        "remote.test. IN MX 10 none.remote.test.\nremote.test. IN MX 20 down.remote.test.\n"
        "remote.test. IN MX 30 rude.remote.test.\nremote.test. IN MX 40 mx.remote.test.\n"
        "down.remote.test. IN A 127.0.0.3\nrude.remote.test. IN A 127.0.0.4\n"
        "mx.remote.test. IN A 127.0.0.2"
    )
    with (
        remote_mx("127.0.0.4", smtp_port, banner="554 5.3.2 not here"),
        remote_mx("127.0.0.2", smtp_port) as mx,
    ):
        queue_id = await submit(node, "carol@remote.test")
        assert await finished(node, queue_id) == {"carol@remote.test": "delivered"}
        assert len(mx.received) == 1


async def test_domain_without_mx_is_its_own_host(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add("remote.test. IN A 127.0.0.2")
    with remote_mx("127.0.0.2", smtp_port):
        queue_id = await submit(node, "carol@remote.test")
        assert await finished(node, queue_id) == {"carol@remote.test": "delivered"}


async def test_address_literal(node: Node, worker: Worker, smtp_port: int) -> None:
    with remote_mx("127.0.0.2", smtp_port) as mx:
        queue_id = await submit(node, "carol@[127.0.0.2]")
        assert await finished(node, queue_id) == {"carol@[127.0.0.2]": "delivered"}
        assert mx.recipients == ["carol@[127.0.0.2]"]


async def test_tls_is_used_where_it_is_offered(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    with remote_mx("127.0.0.2", smtp_port, tls=self_signed_context("other.test")) as mx:
        await finished(node, await submit(node, "carol@remote.test"))
        assert mx.received[0].tls


async def test_smarthost_takes_everything(
    dsn: str, tmp_path: Path, delivery: Delivery, dns_server: DnsServer, smtp_port: int
) -> None:
    routed = msgspec.structs.replace(
        delivery,
        routes={"*": f"127.0.0.3:{smtp_port}", "special.test": f"relay.test:{smtp_port}"},
    )
    dns_server.add("relay.test. IN A 127.0.0.2")
    settings = settings_for(tmp_path, delivery=routed)
    with (
        remote_mx("127.0.0.2", smtp_port) as special,
        remote_mx("127.0.0.3", smtp_port) as rest,
    ):
        async with open_node(dsn, settings) as node, working(node):
            queue_id = await submit(node, "a@any.test", "b@other.test", "c@special.test")
            assert set((await finished(node, queue_id)).values()) == {"delivered"}
        assert special.recipients == ["c@special.test"]
        assert sorted(rest.recipients) == ["a@any.test", "b@other.test"]


async def test_internationalised_domain_goes_out_as_a_labels(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add("xn--bcher-kva.test. IN MX 10 mx.remote.test.\nmx.remote.test. IN A 127.0.0.2")
    with remote_mx("127.0.0.2", smtp_port, hidden=("SMTPUTF8",)) as mx:
        queue_id = await submit(node, "carol@bücher.test", smtputf8=True)
        await finished(node, queue_id)
        assert mx.recipients == ["carol@xn--bcher-kva.test"]


async def test_bare_line_ends_cannot_end_the_message(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    smuggled = b"From: a@example.test\r\n\r\nfirst\n.\nMAIL FROM:<x@y.test>\r.\r\nend"
    with remote_mx("127.0.0.2", smtp_port) as mx:
        await finished(node, await submit(node, "carol@remote.test", content=smuggled))
        (received,) = mx.received
    assert received.content == PREFIX + (
        b"From: a@example.test\r\n\r\nfirst\r\n.\r\nMAIL FROM:<x@y.test>\r\n.\r\nend\r\n"
    )


async def test_large_message_is_delivered_whole(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    content = CONTENT + b"".join(b"%07d line\r\n" % n for n in range(300_000))
    with remote_mx("127.0.0.2", smtp_port) as mx:
        await finished(node, await submit(node, "carol@remote.test", content=content))
        assert mx.received[0].content == PREFIX + content


async def test_signatures_verify_at_the_remote_host(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    keys = {"s1": Algorithm.RSA, "s2": Algorithm.ED25519}
    records = {}
    async with node.database.transaction() as c:
        domain_id = await domains.lock(c, "example.test")
        assert domain_id is not None
        for selector, algorithm in keys.items():
            key = generate_dkim_key(algorithm)
            await dkim_keys.add(c, domain_id, selector, algorithm, key)
            records[f"{selector}._domainkey.example.test"] = dkim_record(key).encode()
    content = CONTENT + b"a  b \t \r\n\nbare\r\n"
    with remote_mx("127.0.0.2", smtp_port) as mx:
        await finished(node, await submit(node, "carol@remote.test", content=content))
        verdicts = verify(mx.received[0].content, records.get)
    assert [(v.domain, v.selector, v.valid) for v in verdicts] == [
        ("example.test", "s1", True),
        ("example.test", "s2", True),
    ]


# ── deferred ─────────────────────────────────────────────────────────────────────────────────


async def test_deferred_recipient_is_tried_again(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    with remote_mx("127.0.0.2", smtp_port) as mx:
        mx.rcpt["carol@remote.test"] = "451 4.2.1 come back"
        queue_id = await submit(node, "carol@remote.test", "dave@remote.test")
        await deferred(node, queue_id)
        assert mx.recipients == ["dave@remote.test"]
        assert (await states(node, queue_id))["dave@remote.test"] == "delivered"
        mx.rcpt.clear()
        assert set((await finished(node, queue_id)).values()) == {"delivered"}
        assert mx.recipients == ["dave@remote.test", "carol@remote.test"]
    assert await inbox(node, ALICE) == []


async def test_dropped_after_the_final_dot_is_tried_again(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    with remote_mx("127.0.0.2", smtp_port) as mx:
        mx.drop_after_dot = True
        queue_id = await submit(node, "carol@remote.test")
        await deferred(node, queue_id)
        assert "after the final dot" in await reply(node, queue_id)
        mx.drop_after_dot = False
        assert await finished(node, queue_id) == {"carol@remote.test": "delivered"}
        assert len(mx.received) >= 2  # the one duplicate that nobody can avoid


async def test_dns_failure_defers_until_it_is_mended(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    dns_server.fail["remote.test"] = dns.rcode.SERVFAIL
    with remote_mx("127.0.0.2", smtp_port):
        queue_id = await submit(node, "carol@remote.test")
        await deferred(node, queue_id)
        dns_server.fail.clear()
        assert await finished(node, queue_id) == {"carol@remote.test": "delivered"}


async def test_host_that_is_down_defers_everybody_at_once(
    node: Node, worker: Worker, dns_server: DnsServer
) -> None:
    dns_server.add(MX)
    queue_ids = [await submit(node, f"r{n}@remote.test") for n in range(5)]
    for queue_id in queue_ids:
        await deferred(node, queue_id)
    assert "127.0.0.2" in await reply(node, queue_ids[0])


# ── bounced ──────────────────────────────────────────────────────────────────────────────────


async def test_bounce_arrives_in_the_senders_inbox(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    with remote_mx("127.0.0.2", smtp_port) as mx:
        mx.rcpt["no@remote.test"] = "550 5.1.1 no such user"
        queue_id = await submit(node, "no@remote.test", "yes@remote.test")
        assert await finished(node, queue_id) == {
            "no@remote.test": "bounced",
            "yes@remote.test": "delivered",
        }
    (bounce,) = await bounces(node)
    assert bounce["Return-Path"] == "<>"
    assert bounce.get_content_type() == "multipart/report"
    assert bounce["To"] == ALICE
    about, recipient = status_fields(bounce)
    assert about["Reporting-MTA"] == "dns; mail.example.test"
    assert recipient["Final-Recipient"] == "rfc822; no@remote.test"
    assert recipient["Action"] == "failed"
    assert recipient["Status"] == "5.1.1"
    assert recipient["Remote-MTA"] == "dns; mx.remote.test"
    assert "550 5.1.1 no such user" in recipient["Diagnostic-Code"]
    assert "Subject: hello" in bounce.as_string()


@pytest.mark.parametrize(
    ("zone", "status"),
    [
        ("", "5.1.2"),
        ("remote.test. IN MX 0 .", "5.1.10"),
        ("remote.test. IN MX 10 mail.example.test.", "5.4.6"),
        ("remote.test. IN MX 10 nowhere.test.", "5.4.4"),
    ],
    ids=["no domain", "null MX", "loop", "no host"],
)
async def test_domain_that_takes_no_mail_bounces(
    node: Node, worker: Worker, dns_server: DnsServer, zone: str, status: str
) -> None:
    dns_server.add(zone)
    queue_id = await submit(node, "carol@remote.test")
    assert await finished(node, queue_id) == {"carol@remote.test": "bounced"}
    (bounce,) = await bounces(node)
    assert status_fields(bounce)[1]["Status"] == status


async def test_lifetime_ends_in_a_bounce(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    with remote_mx("127.0.0.2", smtp_port, mail="450 4.7.1 not now") as mx:
        queue_id = await submit(node, "carol@remote.test", lifetime=0.8)
        assert await finished(node, queue_id) == {"carol@remote.test": "bounced"}
        assert mx.commands.count("MAIL") >= 2
    (bounce,) = await bounces(node)
    fields = status_fields(bounce)[1]
    assert fields["Status"] == "5.4.7"
    assert "450 4.7.1 not now" in fields["Diagnostic-Code"]


async def test_bounce_is_never_bounced(node: Node, worker: Worker, dns_server: DnsServer) -> None:
    queue_id = await submit(node, "carol@gone.test", sender="")
    assert await finished(node, queue_id) == {"carol@gone.test": "bounced"}
    assert await inbox(node, ALICE) == []
    async with node.database.connection() as c:
        assert await c.fetchval("SELECT count(*) FROM queue_message") == 1


async def test_bounce_to_a_sender_elsewhere_has_the_null_reverse_path(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    with remote_mx("127.0.0.2", smtp_port) as mx:
        await finished(node, await submit(node, "x@gone.test", sender="carol@remote.test"))

        async def arrived() -> bool:
            return bool(mx.received)

        await until(arrived)
        assert (mx.received[0].sender, mx.recipients) == ("", ["carol@remote.test"])
        assert parsed(mx.received[0].content).get_content_type() == "multipart/report"


async def test_bounce_of_a_large_message_brings_the_header_back(
    node: Node, worker: Worker, dns_server: DnsServer
) -> None:
    content = CONTENT + b"x" * 70 * 1024 + b"\r\n"
    await finished(node, await submit(node, "x@gone.test", content=content))
    (bounce,) = await bounces(node)
    types = [part.get_content_type() for part in bounce.walk()]
    assert "text/rfc822-headers" in types
    assert len(bounce.as_bytes()) < 10_000


# ── ours by now ──────────────────────────────────────────────────────────────────────────────


async def test_domain_that_is_ours_by_now_is_placed_here(node: Node, dns_server: DnsServer) -> None:
    queue_id = await submit(node, BOB, "nobody@example.test")
    async with working(node):
        assert await finished(node, queue_id) == {
            BOB: "delivered",
            "nobody@example.test": "bounced",
        }
    (received,) = await inbox(node, BOB)
    assert received == (
        b"Return-Path: <alice@example.test>\r\nDelivered-To: bob@example.test\r\n"
        + PREFIX
        + CONTENT
    )
    (bounce,) = await bounces(node)
    assert status_fields(bounce)[1]["Status"] == "5.1.1"
    assert dns_server.queries == []


async def test_domain_added_while_mail_waits(
    node: Node, worker: Worker, dns_server: DnsServer
) -> None:
    dns_server.fail["new.test"] = dns.rcode.SERVFAIL
    queue_id = await submit(node, "someone@new.test")
    await deferred(node, queue_id)
    async with node.database.transaction() as c:
        await add_domain(c, "new.test")
    assert await finished(node, queue_id) == {"someone@new.test": "bounced"}


# ── leases ───────────────────────────────────────────────────────────────────────────────────


async def test_dead_workers_lease_is_taken_over(
    node: Node, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    queue_id = await submit(node, "carol@remote.test")
    async with node.database.connection() as c:
        # as a killed worker leaves it
        dead = await queue.claim(
            c, (await c.fetchval("SELECT gen_random_uuid()")), lease=1, limit=9
        )
    assert dead
    with remote_mx("127.0.0.2", smtp_port):
        async with working(node):
            assert await states(node, queue_id) == {"carol@remote.test": "leased"}
            assert await finished(node, queue_id) == {"carol@remote.test": "delivered"}


async def test_lease_is_renewed_while_the_attempt_runs(
    dsn: str, tmp_path: Path, delivery: Delivery, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    short = msgspec.structs.replace(delivery, lease=0.4, command_timeout=2.0)
    settings = settings_for(tmp_path, delivery=short)
    with remote_mx("127.0.0.2", smtp_port, stall="DATA") as mx:
        async with open_node(dsn, settings) as node, working(node), working(node):
            await submit(node, "carol@remote.test")
            await asyncio.sleep(1.5)
            assert mx.commands.count("DATA") == 1


async def test_two_workers_deliver_each_recipient_once(
    dsn: str, tmp_path: Path, delivery: Delivery, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    small = msgspec.structs.replace(delivery, batch=7)
    settings = settings_for(tmp_path, delivery=small)
    with remote_mx("127.0.0.2", smtp_port) as mx:
        async with open_node(dsn, settings) as one, open_node(dsn, settings) as two:
            queue_ids = [await submit(one, f"r{n}@remote.test") for n in range(60)]
            async with working(one), working(two):
                for queue_id in queue_ids:
                    await finished(one, queue_id)
        assert len(mx.recipients) == len(set(mx.recipients)) == 60


async def test_drain_hands_leases_back(node: Node, dns_server: DnsServer, smtp_port: int) -> None:
    dns_server.add(MX)
    with remote_mx("127.0.0.2", smtp_port, stall="MAIL") as mx:
        queue_ids = [await submit(node, f"r{n}@remote.test") for n in range(8)]
        async with working(node) as worker:

            async def begun() -> bool:
                return "MAIL" in mx.commands

            await until(begun)
            async with asyncio.timeout(1.5):
                await worker.drain(1.0)
        for queue_id in queue_ids:
            assert set((await states(node, queue_id)).values()) == {"queued"}


async def test_drain_lets_a_running_attempt_finish(
    node: Node, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    with remote_mx("127.0.0.2", smtp_port) as mx:
        async with working(node) as worker:
            queue_id = await submit(node, "carol@remote.test")

            async def begun() -> bool:
                return "MAIL" in mx.commands

            await until(begun)
            await worker.drain(3.0)
            assert await states(node, queue_id) == {"carol@remote.test": "delivered"}


async def test_message_whose_bytes_are_gone_still_ends_in_a_bounce(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    with remote_mx("127.0.0.2", smtp_port, mail="450 4.7.1 not now"):
        queue_id = await submit(node, "carol@remote.test", lifetime=1.0)
        await node.database.execute("DELETE FROM spool")
        assert await finished(node, queue_id) == {"carol@remote.test": "bounced"}
    account = await node.accounts.find(ALICE)
    assert account is not None
    async with node.database.connection() as c:
        placed = await c.fetchval(
            "SELECT sum(messages) FROM mailbox WHERE account_id = $1", account.id
        )
    assert placed == 1
