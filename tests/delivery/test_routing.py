"""Where a domain's mail goes."""

from random import Random

import dns.rcode
import pytest

from delivery.outcome import Outcome
from delivery.routing import Route, Router, Target, exchange_hosts
from mailserver.dns import Exchange, Exchanges, Problem, Resolver
from mailserver.settings import Delivery, Settings
from mailserver.storage.queue import State
from tests.support.dns_server import DnsServer

OWN = "mail.example.test"


def hosts(answer: Exchanges, seed: int = 1) -> tuple[str, ...] | str:
    found = exchange_hosts("remote.test", answer, own=OWN, random=Random(seed))
    return found.status if isinstance(found, Outcome) else found


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Problem.NXDOMAIN, "5.1.2"),
        (Problem.TEMPORARY, "4.4.3"),
        (Problem.NO_DATA, ("remote.test",)),  # implicit MX
        ((Exchange(0, ""),), "5.1.10"),  # RFC 7505
        ((Exchange(10, "a"), Exchange(20, "b")), ("a", "b")),
        ((Exchange(0, ""), Exchange(10, "a")), ("a",)),
        ((Exchange(10, "a"), Exchange(20, "a")), ("a",)),
        ((Exchange(10, OWN),), "5.4.6"),
        ((Exchange(10, "a"), Exchange(20, OWN), Exchange(30, "b")), ("a",)),
        ((Exchange(10, "a"), Exchange(10, OWN)), "5.4.6"),
    ],
)
def test_hosts(answer: Exchanges, expected: tuple[str, ...] | str) -> None:
    assert hosts(answer) == expected


def test_equal_preferences_are_shuffled() -> None:
    answer = (Exchange(5, "z"), *(Exchange(10, name) for name in "abc"))
    orders = {hosts(answer, seed) for seed in range(50)}
    assert len(orders) == 6
    assert {order[0] for order in orders} == {"z"}


def test_long_list_is_cut() -> None:
    assert len(hosts(tuple(Exchange(n, f"mx{n}") for n in range(100)))) == 5


def router(dns_server: DnsServer, **routes: str) -> Router:
    delivery = Delivery(resolver=(dns_server.address,), smtp_port=2526, routes=routes)
    settings = Settings(hostname=OWN, delivery=delivery)
    return Router(settings, Resolver(delivery.resolver, timeout=2), Random(1))


async def test_domains_with_the_same_hosts_are_one_site(dns_server: DnsServer) -> None:
    for domain in ("a.test", "b.test"):
        for host in ("mx1", "mx2"):
            dns_server.add(f"{domain}. IN MX 10 {host}.provider.test.")
    sites = set()
    for domain in ("a.test", "b.test"):
        route = await router(dns_server).route(domain)
        assert isinstance(route, Route)
        sites.add(route.site)
    assert len(sites) == 1


async def test_smarthost_of_the_domain_then_of_all(dns_server: DnsServer) -> None:
    routes = {"*": "relay.test:587", "special.test": "127.0.0.9"}
    found = router(dns_server, **routes)
    assert await found.route("any.test") == Route("relay.test:587", (Target("relay.test", 587),))
    special = await found.route("special.test")
    assert isinstance(special, Route)
    assert special.targets == (Target("127.0.0.9", 2526),)
    assert dns_server.queries == []


@pytest.mark.parametrize(
    ("domain", "address"),
    [("[127.0.0.2]", "127.0.0.2"), ("[ipv6:::1]", "::1"), ("[IPv6:2001:db8::1]", "2001:db8::1")],
)
async def test_address_literal(dns_server: DnsServer, domain: str, address: str) -> None:
    found = router(dns_server)
    route = await found.route(domain)
    assert isinstance(route, Route)
    assert await found.addresses(route.targets[0]) == (address,)


async def test_bad_literal_bounces(dns_server: DnsServer) -> None:
    route = await router(dns_server).route("[127.0.0]")
    assert isinstance(route, Outcome)
    assert route.status == "5.1.3"


async def test_addresses_of_a_host(dns_server: DnsServer) -> None:
    dns_server.add("mx.test. IN A 127.0.0.2")
    dns_server.fail["broken.test"] = dns.rcode.SERVFAIL
    found = router(dns_server)
    assert await found.addresses(Target("mx.test", 25)) == ("127.0.0.2",)
    broken, missing = [
        await found.addresses(Target(host, 25)) for host in ("broken.test", "missing.test")
    ]
    assert isinstance(broken, Outcome)
    assert isinstance(missing, Outcome)
    assert (broken.state, missing.state) == (State.DEFERRED, State.BOUNCED)
    assert missing.status == "5.4.4"
