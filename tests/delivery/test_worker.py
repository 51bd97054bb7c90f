"""The way out: queue, DNS, remote host; and trying again."""

import asyncio
from pathlib import Path

import dns.rcode
import msgspec
import pytest

from delivery.worker import Worker
from mailserver.keys import Algorithm, dkim_record, generate_dkim_key
from mailserver.metrics import DELIVERY_ATTEMPTS
from mailserver.node import Node
from mailserver.settings import Delivery
from mailserver.signatures import verify
from mailserver.storage import queue
from mailserver.storage.directory import dkim_keys, domains
from tests.support.dns_server import DnsServer
from tests.support.node import ALICE, add_domain, inbox, open_node, settings_for
from tests.support.outbound import (
    CONTENT,
    MX,
    PREFIX,
    deferred,
    finished,
    parsed,
    reply,
    states,
    submit,
    working,
)
from tests.support.remote_mx import remote_mx, self_signed_context

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


async def test_binary_parts_go_out_encoded(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    header = CONTENT.partition(b"\r\n\r\n")[0] + b"\r\nContent-Type: image/x\r\n"
    binary = bytes(range(256)) * 5000  # with CR, LF, NUL; larger than what is kept in memory
    with remote_mx("127.0.0.2", smtp_port) as mx:
        queue_id = await submit(
            *(node, "carol@remote.test"),
            content=header + b"Content-Transfer-Encoding: binary\r\n\r\n" + binary,
        )
        assert set((await finished(node, queue_id)).values()) == {"delivered"}
        (received,) = mx.received
    part = parsed(received.content)
    assert part["Content-Transfer-Encoding"] == "base64"
    assert part.get_payload(decode=True) == binary
    assert received.content.count(b"\n") == received.content.count(b"\r\n")


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


async def add_keys(node: Node, domain: str, **keys: Algorithm) -> dict[str, bytes]:
    """Give the domain keys by selector; gives their DNS records."""
    records = {}
    async with node.database.transaction() as c:
        domain_id = await domains.lock(c, domain)
        assert domain_id is not None
        for selector, algorithm in keys.items():
            key = generate_dkim_key(algorithm)
            await dkim_keys.add(c, domain_id, selector, algorithm, key)
            records[f"{selector}._domainkey.{domain}"] = dkim_record(key).encode()
    return records


async def test_signatures_verify_at_the_remote_host(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    records = await add_keys(node, "example.test", s1=Algorithm.RSA, s2=Algorithm.ED25519)
    content = CONTENT + b"a  b \t \r\n\nbare\r\n"
    with remote_mx("127.0.0.2", smtp_port) as mx:
        await finished(node, await submit(node, "carol@remote.test", content=content))
        verdicts = verify(mx.received[0].content, records.get)
    assert [(v.domain, v.selector, v.valid) for v in verdicts] == [
        ("example.test", "s1", True),
        ("example.test", "s2", True),
    ]


async def test_signature_is_of_the_authors_domain(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    """DMARC compares From (RFC 7489 §3.1.1), also in a read receipt with the null reverse path."""
    dns_server.add(MX)
    async with node.database.transaction() as c:
        await add_domain(c, "other.test")
    records = await add_keys(node, "example.test", s1=Algorithm.ED25519)
    records |= await add_keys(node, "other.test", s1=Algorithm.ED25519)
    content = CONTENT.replace(b"alice@example.test>", b"alice@Other.test>", 1)
    with remote_mx("127.0.0.2", smtp_port) as mx:
        for sender in (ALICE, ""):
            await finished(
                node, await submit(node, "c@remote.test", content=content, sender=sender)
            )
        verdicts = [verify(received.content, records.get) for received in mx.received]
    assert [[(v.domain, v.valid) for v in found] for found in verdicts] == [
        [("other.test", True)],
        [("other.test", True)],
    ]


async def test_what_no_account_submitted_is_not_signed(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    """Port 25 takes any sender: a forward may not make a forged one ours by a signature."""
    dns_server.add(MX)
    await add_keys(node, "example.test", s1=Algorithm.ED25519)
    with remote_mx("127.0.0.2", smtp_port) as mx:
        await finished(node, await submit(node, "carol@remote.test", submitted=False))
        assert b"DKIM-Signature" not in mx.received[0].content


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
