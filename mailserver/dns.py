"""DNS questions with typed answers: dnspython's asynchronous resolver behind one door.

Invariants: a question never raises for what the DNS answers, that is a `Problem`; every question
has a deadline; names are absolute, the host's search list is never used; TTLs are honoured, also of
negative answers (RFC 2308).
"""

import asyncio
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver

_CACHED = 20_000  # answers per process
_UDP_PAYLOAD = 1232  # bytes; DNS flag day 2020: no fragments
_PORT = 53
_MAKING = 0.1  # seconds; a question has its socket by then


class Problem(Enum):
    """Why there is no answer."""

    NXDOMAIN = "no such name"
    NO_DATA = "no record of this type"
    TEMPORARY = "no answer from the DNS"  # SERVFAIL, REFUSED, timeout


@dataclass(slots=True)
class Exchange:
    """An MX record; `host` is lower case without the final dot, "" for the root (RFC 7505)."""

    preference: int
    host: str


Exchanges: TypeAlias = tuple[Exchange, ...] | Problem
Addresses: TypeAlias = tuple[str, ...] | Problem
Texts: TypeAlias = tuple[bytes, ...] | Problem


class Resolver:
    """Asks the servers it was told, else the system's; shared by everything in a process."""

    def __init__(self, servers: Sequence[str] = (), timeout: float = 10.0) -> None:
        """`servers` are "address" or "address:port"; `timeout` in seconds is for one question.

        ValueError when a server is no IP address.
        """
        resolver = dns.asyncresolver.Resolver(configure=not servers)
        if servers:
            resolver.nameservers = [_nameserver(text) for text in servers]
        resolver.lifetime = timeout
        resolver.timeout = timeout / 4  # for one server, before the next is asked
        resolver.cache = dns.resolver.LRUCache(_CACHED)
        resolver.use_edns(0, 0, _UDP_PAYLOAD)
        self._resolver = resolver
        self._questions: set[asyncio.Task[dns.resolver.Answer]] = set()

    async def close(self) -> None:
        """End the questions that nobody waits for any more."""
        if self._questions:
            # Once it has its socket a question may be cancelled.
            await asyncio.wait(self._questions, timeout=_MAKING)
        for question in self._questions:
            question.cancel()
        await asyncio.gather(*self._questions, return_exceptions=True)

    async def mx(self, name: str) -> Exchanges:
        """The mail exchanges of `name`, lowest preference value first, as RFC 5321 §5.1 asks."""
        found = await self._records(name, dns.rdatatype.MX)
        if isinstance(found, Problem):
            return found
        exchanges = [Exchange(record.preference, _host(record.exchange)) for record in found]
        return tuple(sorted(exchanges, key=lambda exchange: exchange.preference))

    async def addresses(self, host: str) -> Addresses:
        """The IPv4, then the IPv6 addresses of `host`."""
        ipv4, ipv6 = await asyncio.gather(
            self._records(host, dns.rdatatype.A), self._records(host, dns.rdatatype.AAAA)
        )
        found = [
            record.address
            for records in (ipv4, ipv6)
            if not isinstance(records, Problem)
            for record in records
        ]
        if found:
            return tuple(found)
        # One unanswered question leaves open whether the host has addresses.
        for problem in (Problem.TEMPORARY, Problem.NXDOMAIN):
            if problem in (ipv4, ipv6):
                return problem
        return Problem.NO_DATA

    async def txt(self, name: str) -> Texts:
        """The TXT records of `name`, each with its strings joined (RFC 7208 §3.3)."""
        found = await self._records(name, dns.rdatatype.TXT)
        if isinstance(found, Problem):
            return found
        return tuple(b"".join(record.strings) for record in found)

    async def _records(self, name: str, kind: dns.rdatatype.RdataType) -> tuple[Any, ...] | Problem:
        try:
            absolute = dns.name.from_text(name, dns.name.root)
        except dns.exception.DNSException:
            # an empty label, or one too long: such a name cannot exist
            return Problem.NXDOMAIN
        try:
            answer = await self._ask(absolute, kind)
        except dns.resolver.NXDOMAIN:
            return Problem.NXDOMAIN
        except dns.resolver.NoAnswer:
            return Problem.NO_DATA
        except (dns.exception.DNSException, OSError):
            return Problem.TEMPORARY
        return tuple(answer)

    async def _ask(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> dns.resolver.Answer:
        """A question goes on when who asked is cancelled: what comes of it is in the cache then.

        Cancelled while its socket is made it would leave that behind, and uvloop, which waits for
        it, could not be closed.
        """
        question = asyncio.create_task(self._resolver.resolve(name, kind, search=False))
        self._questions.add(question)
        question.add_done_callback(self._answered)
        return await asyncio.shield(question)

    def _answered(self, question: "asyncio.Task[dns.resolver.Answer]") -> None:
        self._questions.discard(question)
        if not question.cancelled():
            question.exception()  # nobody may be there to hear it


def split_host_port(text: str, default_port: int) -> tuple[str, int]:
    """ "host", "host:port", "[v6]:port" or a bare IPv6 address; ValueError on a bad port."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    else:
        host, port = text, ""
    number = int(port) if port else default_port
    if not host or not 0 < number < 65536:
        raise ValueError(f"{text!r} is no host and port")
    return host, number


def _nameserver(text: str) -> dns.nameserver.Do53Nameserver:
    host, port = split_host_port(text, _PORT)
    return dns.nameserver.Do53Nameserver(str(ipaddress.ip_address(host)), port)


def _host(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower() if name != dns.name.root else ""
