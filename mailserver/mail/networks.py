"""IP addresses and networks, as texts of sockets and settings. Pure."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@lru_cache(maxsize=4096)
def parsed(text: str) -> IPAddress | None:
    """The address without its zone; None for what is none. IPv4 in IPv6 is IPv4."""
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    # A socket of both families shows IPv4 clients as ::ffff:192.0.2.1.
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Networks from settings; ValueError for what is none."""
    return tuple(ipaddress.ip_network(text) for text in texts)


def within(address: str, among: tuple[Network, ...]) -> bool:
    """True when the address lies in one of the networks; what is no address lies in none."""
    found = parsed(address) if among else None
    return found is not None and any(found in network for network in among)


def address_of(peername: object) -> str:
    """The IP address in a socket's peer name; "" where there is none."""
    if not isinstance(peername, tuple) or not peername:
        return ""
    return str(parsed(str(peername[0])) or "")
