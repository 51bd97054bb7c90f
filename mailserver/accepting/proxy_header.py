"""The PROXY protocol, versions 1 and 2: who is behind a balancer, in front of his first byte.

After HAProxy's doc/proxy-protocol.txt (2020/03/05), whose sections are named. Pure: bytes in; a
header, the wish for more, or ProxyHeaderError. What follows the header is not looked at.
"""

import ipaddress
import re
from dataclasses import dataclass

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"  # §2.2: what version 2 begins with
# §2.2: version 2, command LOCAL, unspecified family, no addresses: a connection of the sender's
# own, such as a health check.
LOCAL = SIGNATURE + b"\x20\x00\x00\x00"

LONGEST_V1 = 107  # octets with CR LF (§2.1)
# Octets behind the fixed part. §2.2 has 216 for addresses; TLVs say more about the client, his
# certificate's name at the longest.
LONGEST_V2 = 4096

_FIXED = len(LOCAL)
_V1 = b"PROXY "
# §2.1: one space each, no leading zeros; the addresses are looked at below.
_V1_LINE = re.compile(
    rb"PROXY (?:UNKNOWN(?: .*)?|TCP([46]) ([0-9A-Fa-f.:]+) ([0-9A-Fa-f.:]+)"
    rb" (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4}))",
    re.DOTALL,
)
_PORTS = 65536
# §2.2, the octet of family and protocol: TCP over IPv4 and IPv6, with the octets of an address.
_TCP = {0x11: 4, 0x21: 16}
# Unspecified, and a Unix stream: nothing an address could be taken from. Datagrams cannot have
# become this connection, and other values are not assigned.
_ELSEWHERE = {0x00: 0, 0x31: 216}


class ProxyHeaderError(Exception):
    """These bytes are no PROXY header."""


@dataclass(slots=True)
class Header:
    """A header of `size` octets; `client` None: the connection is the sender's own."""

    client: str | None
    size: int


def parse(data: bytes) -> Header | None:
    """The header that `data` begins with; None: all of it belongs to one that is not whole."""
    if data.startswith(SIGNATURE):
        return _version_2(data)
    if data.startswith(_V1):
        return _version_1(data)
    if SIGNATURE.startswith(data) or _V1.startswith(data):
        return None
    raise ProxyHeaderError("neither version 1 nor 2")


def _version_1(data: bytes) -> Header | None:
    end = data.find(b"\n", 0, LONGEST_V1)
    if end < 0:
        if len(data) >= LONGEST_V1:
            raise ProxyHeaderError("line too long")
        return None
    if data[end - 1 : end] != b"\r":
        raise ProxyHeaderError("line without CR LF")
    found = _V1_LINE.fullmatch(data, 0, end - 1)
    if found is None:
        raise ProxyHeaderError("bad line")
    family, source, destination, *ports = found.groups()
    if family is None:  # §2.1: UNKNOWN, and whatever follows it
        return Header(None, end + 1)
    address = ipaddress.IPv4Address if family == b"4" else ipaddress.IPv6Address
    try:
        client = address(source.decode())
        address(destination.decode())
    except ValueError as error:
        raise ProxyHeaderError(str(error)) from None
    if any(int(port) >= _PORTS for port in ports):
        raise ProxyHeaderError("bad port")
    return Header(_text(client), end + 1)


def _version_2(data: bytes) -> Header | None:
    """§2.2: signature, version and command, family and protocol, length, addresses, TLVs."""
    if len(data) < _FIXED:
        return None
    version, command = data[12] >> 4, data[12] & 0x0F
    family, length = data[13], int.from_bytes(data[14:_FIXED], "big")
    if version != 2 or command > 1:
        raise ProxyHeaderError("unknown version or command")
    if length > LONGEST_V2:
        raise ProxyHeaderError("too long")
    octets = _TCP.get(family)
    if command == 0:  # LOCAL: family and addresses are to be ignored
        octets = None
    elif octets is None and family not in _ELSEWHERE:
        raise ProxyHeaderError("unknown family or protocol")
    # Both addresses and both ports.
    if length < (2 * octets + 4 if octets else _ELSEWHERE.get(family, 0) * command):
        raise ProxyHeaderError("shorter than its addresses")
    size = _FIXED + length  # TLVs lie in it, and are skipped with it
    if len(data) < size:
        return None
    if octets is None:
        return Header(None, size)
    return Header(_text(ipaddress.ip_address(data[_FIXED : _FIXED + octets])), size)


def _text(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """IPv4 in IPv6 is IPv4, as for a client that connects by itself."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
