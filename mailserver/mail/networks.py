"""IP addresses and networks, as texts of sockets and settings. Pure."""

import ipaddress
from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Networks from settings; ValueError for what is none."""
    return tuple(ipaddress.ip_network(text) for text in texts)


def within(address: str, among: tuple[Network, ...]) -> bool:
    """True when the address lies in one of the networks; "" lies in none."""
    if not address or not among:
        return False
    found = ipaddress.ip_address(address)
    return any(found in network for network in among)


def address_of(peername: object) -> str:
    """The IP address in a socket's peer name; IPv4 in IPv6 is IPv4."""
    if not isinstance(peername, tuple) or not peername:
        return ""
    text = str(peername[0]).partition("%")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
