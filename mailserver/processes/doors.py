"""Which doors a role opens, and how each one greets."""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mailserver.accepting.proxy_header import LOCAL
from mailserver.errors import SettingsError
from mailserver.mail.networks import address_of, networks, within
from mailserver.settings import Listen, Role

DoorName = Literal["smtp", "lmtp", "submission", "submissions", "imap", "imaps", "http"]

_DOORS: dict[Role, tuple[DoorName, ...]] = {
    "smtp": ("smtp", "lmtp"),
    "submission": ("submission", "submissions"),
    "imap": ("imap", "imaps"),
    "delivery": (),
    "domains": (),
    "api": ("http",),
}
_IMPLICIT_TLS = {"submissions", "imaps"}
_MAIL: set[DoorName] = {"smtp", "lmtp", "submission", "submissions", "imap", "imaps"}
# RFC 5321 §4.2, RFC 3501 §7.1.1, RFC 9112 §4.
_GREETINGS: dict[DoorName, bytes | tuple[bytes, ...]] = {
    "smtp": b"220",
    # RFC 5321 §3.1: 554 for whom it is not there, and we may be outside of listen.lmtp_networks.
    "lmtp": (b"220", b"554"),
    "submission": b"220",
    "submissions": b"220",
    "imap": b"* OK",
    "imaps": b"* OK",
    "http": b"HTTP/1.1 200",
}


@dataclass(slots=True)
class Place:
    """Where one door listens."""

    door: DoorName
    address: str
    port: int
    proxy_networks: tuple[str, ...] = ()  # from there it wants a PROXY header

    @property
    def key(self) -> str:
        """The setting that chose the port."""
        return f"listen.{self.door}"


def places(listen: Listen, roles: Sequence[Role]) -> list[Place]:
    """The doors that `roles` open; port 0 closes a door."""
    names = [door for role in roles for door in _DOORS[role]]
    found = [
        Place(
            name,
            listen.address,
            getattr(listen, name),
            listen.proxy_networks if name in _MAIL else (),
        )
        for name in names
    ]
    return [place for place in found if place.port]


async def wait_for_greeting(place: Place, *, timeout: float) -> None:
    """Return when a client that connects to `place` is greeted; SettingsError when it is not."""
    try:
        async with asyncio.timeout(timeout):
            greeting = await _greeting(place)
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        reason = str(error) or type(error).__name__
        raise SettingsError(f"{place.key}: port {place.port} does not answer: {reason}") from None
    if not greeting.startswith(_GREETINGS[place.door]):
        raise SettingsError(f"{place.key}: port {place.port} answers {greeting!r}")


async def _greeting(place: Place) -> bytes:
    tls = None
    if place.door in _IMPLICIT_TLS:
        tls = ssl.create_default_context()
        # We ask whether the door answers, not who it is: the certificate names another host.
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    sock = await _connect(place)
    reader, writer = await asyncio.open_connection(
        sock=sock, ssl=tls, server_hostname="localhost" if tls else None
    )
    try:
        if place.door == "http":
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return await reader.readuntil(b"\n")
    finally:
        writer.close()


async def _connect(place: Place) -> socket.socket:
    """A connection on which the door's protocol may begin."""
    loop = asyncio.get_running_loop()
    family, kind, protocol, _, address = (
        await loop.getaddrinfo(reachable(place.address), place.port, type=socket.SOCK_STREAM)
    )[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        await loop.sock_connect(sock, address)
        if within(address_of(sock.getsockname()), networks(place.proxy_networks)):
            # We come from where balancers are: say that we relay nobody.
            await loop.sock_sendall(sock, LOCAL)
    except BaseException:
        sock.close()
        raise
    return sock


def reachable(address: str) -> str:
    """An address to connect to, for one to listen on."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(address, address)
