"""Questions to a real DNS server."""

import subprocess
import sys
from collections.abc import AsyncIterator

import dns.rcode
import pytest

from mailserver.dns import Exchange, Problem, Resolver, split_host_port
from tests.support.dns_server import DnsServer, serve_dns


@pytest.fixture
async def dns_server() -> AsyncIterator[DnsServer]:
    async with serve_dns() as server:
        yield server


@pytest.fixture
def resolver(dns_server: DnsServer) -> Resolver:
    return Resolver((dns_server.address,), timeout=2.0)


async def test_mx_are_sorted_and_lower_case(dns_server: DnsServer, resolver: Resolver) -> None:
    dns_server.add("remote.test. IN MX 20 B.remote.test.\nremote.test. IN MX 10 a.remote.test.")
    assert await resolver.mx("remote.test") == (
        Exchange(10, "a.remote.test"),
        Exchange(20, "b.remote.test"),
    )


async def test_null_mx_is_an_empty_host(dns_server: DnsServer, resolver: Resolver) -> None:
    dns_server.add("remote.test. IN MX 0 .")
    assert await resolver.mx("remote.test") == (Exchange(0, ""),)


async def test_missing_name_and_missing_type_differ(
    dns_server: DnsServer, resolver: Resolver
) -> None:
    dns_server.add("remote.test. IN A 127.0.0.2")
    assert await resolver.mx("remote.test") is Problem.NO_DATA
    assert await resolver.mx("other.test") is Problem.NXDOMAIN


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED])
async def test_server_failure_is_temporary(
    dns_server: DnsServer, resolver: Resolver, rcode: dns.rcode.Rcode
) -> None:
    dns_server.fail["remote.test"] = rcode
    assert await resolver.mx("remote.test") is Problem.TEMPORARY


async def test_silence_is_temporary_within_the_deadline(dns_server: DnsServer) -> None:
    dns_server.slow["remote.test"] = 30
    assert await Resolver((dns_server.address,), timeout=0.2).mx("remote.test") is Problem.TEMPORARY


async def test_addresses_are_ipv4_then_ipv6(dns_server: DnsServer, resolver: Resolver) -> None:
    dns_server.add("mx.test. IN AAAA ::1\nmx.test. IN A 127.0.0.2\nmx.test. IN A 127.0.0.3")
    found = await resolver.addresses("mx.test")
    assert isinstance(found, tuple)
    assert sorted(found[:2]) == ["127.0.0.2", "127.0.0.3"]
    assert found[2:] == ("::1",)


async def test_one_family_is_enough(dns_server: DnsServer, resolver: Resolver) -> None:
    dns_server.add("mx.test. IN AAAA ::1")
    assert await resolver.addresses("mx.test") == ("::1",)
    assert await resolver.addresses("none.test") is Problem.NXDOMAIN


async def test_strings_of_a_txt_are_joined(dns_server: DnsServer, resolver: Resolver) -> None:
    dns_server.add('remote.test. IN TXT "v=spf1 " "-all"')
    assert await resolver.txt("remote.test") == (b"v=spf1 -all",)


async def test_large_answer_comes_by_tcp(dns_server: DnsServer, resolver: Resolver) -> None:
    dns_server.add("\n".join(f'remote.test. IN TXT "{n:03d}{"x" * 200}"' for n in range(20)))
    found = await resolver.txt("remote.test")
    assert isinstance(found, tuple)
    assert len(found) == 20
    assert [protocol for _, _, protocol in dns_server.queries] == ["udp", "tcp"]


async def test_answers_are_kept_for_their_ttl(dns_server: DnsServer, resolver: Resolver) -> None:
    dns_server.add("kept.test. 300 IN MX 10 mx.test.\nfresh.test. 0 IN MX 10 mx.test.")
    for _ in range(2):
        await resolver.mx("kept.test")
        await resolver.mx("fresh.test")
    asked = [name for name, _, _ in dns_server.queries]
    assert asked.count("kept.test") == 1
    assert asked.count("fresh.test") == 2


@pytest.mark.parametrize("name", ["a..test", "x" * 64 + ".test", ".test"])
async def test_impossible_name_does_not_exist(resolver: Resolver, name: str) -> None:
    assert await resolver.mx(name) is Problem.NXDOMAIN


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5353", ("192.0.2.1", 5353)),
        ("[2001:db8::1]:5353", ("2001:db8::1", 5353)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("relay.test:587", ("relay.test", 587)),
    ],
)
def test_host_and_port(text: str, expected: tuple[str, int]) -> None:
    assert split_host_port(text, 53) == expected


@pytest.mark.parametrize("text", ["", ":25", "host:0", "host:65536", "host:smtp"])
def test_bad_host_and_port(text: str) -> None:
    with pytest.raises(ValueError):
        split_host_port(text, 25)


def test_resolver_must_be_an_address() -> None:
    with pytest.raises(ValueError):
        Resolver(("ns.example.test",))


CANCELLED = """
import asyncio, uvloop
from mailserver.dns import Resolver

async def main():
    resolver = Resolver(["127.0.0.1:9"], timeout=0.5)
    asking = asyncio.create_task(resolver.mx("remote.test"))
    for _ in range({turns}):
        await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait([asking])
    assert asking.cancelled()
    await resolver.close()

with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(main())
"""


@pytest.mark.parametrize("turns", range(4))
def test_a_question_cancelled_at_any_instant_leaves_nothing_that_holds_up_the_end(
    turns: int,
) -> None:
    code = CANCELLED.format(turns=turns)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stderr) == (0, "")
