"""Leases: a recipient is worked on once, whoever dies; and domains that are ours by now."""

import asyncio
from pathlib import Path

import dns.rcode
import msgspec

from delivery.worker import Worker
from mailserver.node import Node
from mailserver.settings import Delivery
from mailserver.storage import queue
from tests.support.dns_server import DnsServer
from tests.support.node import ALICE, BOB, add_domain, inbox, open_node, settings_for
from tests.support.outbound import (
    CONTENT,
    MX,
    PREFIX,
    bounces,
    deferred,
    finished,
    states,
    status_fields,
    submit,
    until,
    working,
)
from tests.support.remote_mx import remote_mx

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
