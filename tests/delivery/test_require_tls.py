"""REQUIRETLS (RFC 8689): only to a host that proves who it is and offers it too."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import trustme

from mailserver.mail.terms import Terms
from mailserver.node import Node
from mailserver.settings import Delivery
from tests.support.dns_server import DnsServer
from tests.support.node import ALICE, open_node, settings_for
from tests.support.outbound import MX, bounces, finished, status_fields, submit, until, working
from tests.support.remote_mx import remote_mx, self_signed_context

CAROL = "carol@remote.test"
REQUIRED = Terms(require_tls=True)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def node(
    dsn: str, tmp_path: Path, delivery: Delivery, authority: trustme.CA
) -> AsyncIterator[Node]:
    """It trusts one authority, and works."""
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    trusting = msgspec.structs.replace(delivery, authorities=str(file))
    async with (
        open_node(dsn, settings_for(tmp_path, delivery=trusting)) as opened,
        working(opened),
    ):
        yield opened


def proving(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


async def test_it_goes_to_a_host_that_proves_who_it_is_and_offers_it(
    node: Node, dns_server: DnsServer, smtp_port: int, authority: trustme.CA
) -> None:
    dns_server.add(MX)
    tls = proving(authority, "mx.remote.test")
    with remote_mx("127.0.0.2", smtp_port, tls=tls, more=("REQUIRETLS",)) as mx:
        queue_id = await submit(node, CAROL, terms=REQUIRED)
        assert await finished(node, queue_id) == {CAROL: "delivered"}
        (received,) = mx.received
    assert received.tls
    assert "REQUIRETLS" in received.options


@pytest.mark.parametrize(
    ("certificate", "more", "status"),
    [
        ("none", ("REQUIRETLS",), "5.7.10"),
        ("self-signed", ("REQUIRETLS",), "5.7.10"),
        ("other.test", ("REQUIRETLS",), "5.7.10"),
        ("mx.remote.test", (), "5.7.30"),
    ],
)
async def test_else_it_comes_back(
    node: Node,
    dns_server: DnsServer,
    smtp_port: int,
    authority: trustme.CA,
    certificate: str,
    more: tuple[str, ...],
    status: str,
) -> None:
    dns_server.add(MX)
    tls = None
    if certificate == "self-signed":
        tls = self_signed_context("mx.remote.test")
    elif certificate != "none":
        tls = proving(authority, certificate)
    with remote_mx("127.0.0.2", smtp_port, tls=tls, more=more) as mx:
        queue_id = await submit(node, CAROL, terms=REQUIRED)
        assert await finished(node, queue_id) == {CAROL: "bounced"}
        assert "MAIL" not in mx.commands
        # other mail to the same host is none the worse for it
        assert await finished(node, await submit(node, CAROL)) == {CAROL: "delivered"}
    (report,) = await bounces(node, ALICE)
    assert status_fields(report)[1]["Status"] == status
    assert "text/rfc822-headers" in [part.get_content_type() for part in report.walk()]


async def test_the_next_host_is_asked(
    node: Node, dns_server: DnsServer, smtp_port: int, authority: trustme.CA
) -> None:
    dns_server.add(
        "remote.test. IN MX 10 bad.remote.test.\nremote.test. IN MX 20 mx.remote.test.\n"
        "bad.remote.test. IN A 127.0.0.3\nmx.remote.test. IN A 127.0.0.2"
    )
    tls = proving(authority, "mx.remote.test")
    with (
        remote_mx("127.0.0.3", smtp_port) as bad,
        remote_mx("127.0.0.2", smtp_port, tls=tls, more=("REQUIRETLS",)) as good,
    ):
        await finished(node, await submit(node, CAROL, terms=REQUIRED))
        assert (bad.recipients, good.recipients) == ([], [CAROL])


async def test_a_report_goes_home_also_where_it_is_unknown(
    node: Node, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    with remote_mx("127.0.0.2", smtp_port) as mx:
        await finished(node, await submit(node, "x@gone.test", sender=CAROL, terms=REQUIRED))

        async def arrived() -> bool:
            return bool(mx.received)

        await until(arrived)
        assert (mx.received[0].sender, mx.recipients) == ("", [CAROL])
