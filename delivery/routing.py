"""Where the mail of a domain goes: a smarthost, its MX hosts, or the domain itself.

Invariants: a Route has at least one target unless it is LOCAL; equal preferences are shuffled anew
each time (RFC 5321 §5.1); a temporary DNS failure never bounces.
"""

import ipaddress
from dataclasses import dataclass
from random import Random

from delivery.outcome import Failure, Outcome, failed
from mailserver.dns import Exchange, Exchanges, Problem, Resolver, split_host_port
from mailserver.settings import Settings

_MOST_HOSTS = 5  # tried for one domain, so that a long MX list cannot hold a connection for hours


@dataclass(slots=True)
class Target:
    """A host to try; `host` is a name or an IP address."""

    host: str
    port: int


@dataclass(slots=True)
class Route:
    """Targets in the order to be tried; domains of one `site` can share connections."""

    site: str
    targets: tuple[Target, ...]
    require_tls: bool = False  # RFC 8689: only to who proves who it is

    def required(self) -> "Route":
        """The same way for mail that requires TLS: it shares no connection with other mail."""
        return Route(f"{self.site} with TLS", self.targets, require_tls=True)


LOCAL = Route("local", ())  # our own mailboxes


class Router:
    """Finds routes; holds no state but the resolver's cache."""

    def __init__(self, settings: Settings, resolver: Resolver, random: Random) -> None:
        self._hostname = settings.hostname.lower()
        self._port = settings.delivery.smtp_port
        self._random = random
        self._resolver = resolver
        self._smarthosts = {
            domain.lower(): Target(*split_host_port(where, settings.delivery.smtp_port))
            for domain, where in settings.delivery.routes.items()
        }

    async def route(self, domain: str) -> Route | Outcome:
        """Where mail for `domain` (lower-case A-label or address literal) goes."""
        if smarthost := self._smarthosts.get(domain) or self._smarthosts.get("*"):
            return Route(f"{smarthost.host}:{smarthost.port}", (smarthost,))
        if domain.startswith("["):
            return self._literal(domain)
        answer = await self._resolver.mx(domain)
        hosts = exchange_hosts(domain, answer, own=self._hostname, random=self._random)
        if isinstance(hosts, Outcome):
            return hosts
        targets = tuple(Target(host, self._port) for host in hosts)
        # The site is the set of hosts, whatever their order: many domains of one provider.
        return Route(",".join(sorted(hosts)), targets)

    async def addresses(self, target: Target) -> tuple[str, ...] | Outcome:
        """The IP addresses of a target, in the order to be tried."""
        if _is_address(target.host):
            return (target.host,)
        found = await self._resolver.addresses(target.host)
        match found:
            case Problem.TEMPORARY:
                return failed(Failure.DNS, f"addresses of {target.host}")
            case Problem():
                return failed(Failure.NO_HOST, f"{target.host} has no address")
        return found

    def _literal(self, domain: str) -> Route | Outcome:
        """user@[192.0.2.1] or user@[IPv6:2001:db8::1], RFC 5321 §4.1.3."""
        address = domain[1:-1].lower().removeprefix("ipv6:")
        if not _is_address(address):
            return failed(Failure.BAD_ADDRESS, domain)
        return Route(domain, (Target(address, self._port),))


def exchange_hosts(
    domain: str, answer: Exchanges, *, own: str, random: Random
) -> tuple[str, ...] | Outcome:
    """The hosts to try for `domain`, most preferred first (RFC 5321 §5.1). Pure.

    `own` is our host name, lower case: from its preference on, hosts would send it back to us.
    """
    match answer:
        case Problem.NXDOMAIN:
            return failed(Failure.NO_SUCH_DOMAIN, domain)
        case Problem.TEMPORARY:
            return failed(Failure.DNS, f"MX of {domain}")
        case Problem():
            # §5.1: no MX record means an implicit one, of preference 0, to the domain itself.
            answer = (Exchange(0, domain),)
    if all(not exchange.host for exchange in answer):
        return failed(Failure.NULL_MX, domain)  # RFC 7505 §3
    ours = min((e.preference for e in answer if e.host == own), default=None)
    usable = [e for e in answer if e.host and (ours is None or e.preference < ours)]
    if not usable:
        return failed(Failure.LOOP, f"{own} is the best mail host of {domain}")
    random.shuffle(usable)
    usable.sort(key=lambda exchange: exchange.preference)
    # A host that is listed twice is tried once.
    return tuple(dict.fromkeys(exchange.host for exchange in usable))[:_MOST_HOSTS]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
