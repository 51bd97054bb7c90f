"""What cannot be delivered comes back, once, to who sent it."""

import pytest

from delivery.worker import Worker
from mailserver.node import Node
from tests.support.dns_server import DnsServer
from tests.support.node import ALICE, inbox
from tests.support.outbound import (
    CONTENT,
    MX,
    bounces,
    finished,
    parsed,
    status_fields,
    submit,
    until,
)
from tests.support.remote_mx import remote_mx


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
