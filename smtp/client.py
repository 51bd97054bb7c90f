"""What a session knows of the one at the other end."""

import asyncio
import ipaddress

from aiosmtpd.smtp import Session as PeerSession

from mailserver.accounts import Account


class Client(PeerSession):
    """aiosmtpd's session, with the facts that its own has no place for."""

    def __init__(self, loop: asyncio.AbstractEventLoop, address: str) -> None:
        super().__init__(loop)
        self.address = address  # IP address as text; "" where the socket has none
        self.cipher: str | None = None  # of TLS; None: no TLS
        self.account: Account | None = None
        self.failed_logins = 0
        self.errors = 0  # since the last message that was accepted

    def start_tls(self, cipher: str) -> None:
        """RFC 3207 §4.2: what was learnt before TLS is forgotten."""
        self.cipher = cipher
        self.host_name = None
        self.extended_smtp = False


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
