"""The doors of IMAP, open on loopback, on the event loop that the server runs on."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from imap.server import ImapDoor, serve
from mailserver.node import Node
from tests.support.imap_client import Client
from tests.support.node import ALICE


@dataclass(slots=True)
class Doors:
    """Ports on loopback, and a TLS context of a client that trusts anybody."""

    imap: int
    imaps: int
    tls: ssl.SSLContext
    doors: list[ImapDoor]
    clients: list[Client] = field(default_factory=list)

    async def connect(self, *, tls: bool = True) -> Client:
        """A connection whose greeting was read."""
        client = await Client.connect(
            self.imaps if tls else self.imap, tls=self.tls if tls else None
        )
        self.clients.append(client)
        assert (await client.line()).startswith(b"* OK ")
        return client

    async def login(self, address: str = ALICE) -> Client:
        client = await self.connect()
        await client.login(address)
        return client


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@asynccontextmanager
async def open_doors(node: Node) -> AsyncIterator[Doors]:
    """Both doors of a node; drained afterwards."""
    socks = [socket.socket(), socket.socket()]
    for sock in socks:
        sock.bind(("127.0.0.1", 0))
    ports = [sock.getsockname()[1] for sock in socks]
    doors = [
        await serve(node, socks[0], implicit_tls=False),
        await serve(node, socks[1], implicit_tls=True),
    ]
    opened = Doors(ports[0], ports[1], trusting(), doors)
    try:
        yield opened
    finally:
        await asyncio.gather(*(client.close() for client in opened.clients))
        await asyncio.gather(*(door.drain(2.0) for door in doors))


@pytest.fixture
async def doors(node: Node) -> AsyncIterator[Doors]:
    """Both doors, open."""
    async with open_doors(node) as opened:
        yield opened


@pytest.fixture
async def alice(doors: Doors) -> Client:
    """A client that is logged in as alice."""
    return await doors.login()
