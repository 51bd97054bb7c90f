"""The doors of SMTP, open on loopback, on the event loop that the server runs on."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import pytest
import uvloop

from mailserver.node import Door, Node
from smtp.server import SmtpDoor, serve_inbound, serve_lmtp, serve_submission
from smtp.session import Session
from tests.support.dialog import Wire


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@dataclass(slots=True)
class Doors:
    """Ports on loopback, and a TLS context of a client that trusts anybody."""

    smtp: int
    submission: int
    submissions: int
    lmtp: int
    tls: ssl.SSLContext
    doors: list[Door]
    wires: list[Wire] = field(default_factory=list)

    async def connect(self, door: str) -> Wire:
        """A connection to the door of that name, its greeting not yet read."""
        tls = self.tls if door == "submissions" else None
        self.wires.append(await Wire.connect(getattr(self, door), tls=tls))
        return self.wires[-1]


def only_session(doors: Doors) -> Session:
    """The session of port 25, which has one."""
    [session] = cast(SmtpDoor, doors.doors[0]).sessions
    return cast(Session, session)


async def vanish(doors: Doors, wire: Wire, octets: int) -> Session:
    """Break the connection when so much of its message has come; gives the session that was."""
    session = only_session(doors)
    while session._message is None or session._message.framer.size < octets:
        await asyncio.sleep(0.01)
    wire.writer.transport.abort()
    while len(cast(SmtpDoor, doors.doors[0]).sessions):
        await asyncio.sleep(0.01)
    return session


def listening() -> socket.socket:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@asynccontextmanager
async def open_doors(node: Node) -> AsyncIterator[Doors]:
    socks = [listening() for _ in range(4)]
    ports = [sock.getsockname()[1] for sock in socks]
    doors: list[Door] = [
        await serve_inbound(node, socks[0]),
        await serve_submission(node, socks[1], implicit_tls=False),
        await serve_submission(node, socks[2], implicit_tls=True),
        await serve_lmtp(node, socks[3]),
    ]
    opened = Doors(*ports, tls=trusting(), doors=doors)
    try:
        yield opened
    finally:
        for wire in opened.wires:
            await wire.close()
        await asyncio.gather(*(door.drain(2.0) for door in doors))


@pytest.fixture
async def doors(node: Node) -> AsyncIterator[Doors]:
    async with open_doors(node) as opened:
        yield opened


Connect = Callable[[str], Awaitable[Wire]]


@pytest.fixture
def connect(doors: Doors) -> Connect:
    return doors.connect
