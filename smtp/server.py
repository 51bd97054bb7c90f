"""Listening: port 25, submission with STARTTLS, submission in TLS.

Invariant: after `drain` no session of the door is left.
"""

import asyncio
import socket
from contextlib import suppress

from mailserver.logs import logger
from mailserver.node import Node
from smtp.connection import HANDSHAKE, LINGER, Sessions
from smtp.inbound import Inbound
from smtp.service import Service
from smtp.session import Session
from smtp.submission import Submission

log = logger("smtp")


class SmtpDoor:
    """A listening socket and its sessions."""

    def __init__(self, service: Service, *, implicit_tls: bool) -> None:
        self.sessions = Sessions()
        self._service = service
        self._implicit_tls = implicit_tls
        self._server: asyncio.Server | None = None

    async def open(self, sock: socket.socket) -> None:
        """Accept connections on `sock`, which is bound."""
        self._service.spool.mkdir(parents=True, exist_ok=True)
        loop = asyncio.get_running_loop()
        # The context is one object for ever: it picks the certificate at each handshake.
        context = self._service.tls_context if self._implicit_tls else None
        self._server = await loop.create_server(
            self._session,
            sock=sock,
            backlog=1024,
            ssl=context,
            ssl_handshake_timeout=HANDSHAKE if context else None,
            ssl_shutdown_timeout=LINGER if context else None,
        )

    async def drain(self, timeout: float) -> None:
        """Accept no more; 421 to idle sessions, and to others after their running message.

        Whoever is left after `timeout` seconds is cut off.
        """
        if self._server is not None:
            self._server.close()
        for session in self.sessions:
            session.drain()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self.sessions.all_gone()
        for session in self.sessions:
            log.info("session cut off", client=session.client.address)
            session.abort()
        await self.sessions.all_gone()

    def _session(self) -> Session:
        return Session(self._service, self.sessions)


async def serve_inbound(node: Node, sock: socket.socket) -> SmtpDoor:
    """The door for other hosts' mail, on a bound socket."""
    service = Inbound(
        node.settings,
        node.accounts,
        node.ingest,
        node.certificates.server_context,
        door="smtp",
    )
    return await _open(service, sock, implicit_tls=False)


async def serve_submission(node: Node, sock: socket.socket, *, implicit_tls: bool) -> SmtpDoor:
    """The door for our users' mail: with STARTTLS, or in TLS from the start (RFC 8314 §3.3)."""
    service = Submission(
        node.settings,
        node.accounts,
        node.ingest,
        node.certificates.server_context,
        door="submissions" if implicit_tls else "submission",
        logins=node.logins,
    )
    return await _open(service, sock, implicit_tls=implicit_tls)


async def _open(service: Service, sock: socket.socket, *, implicit_tls: bool) -> SmtpDoor:
    door = SmtpDoor(service, implicit_tls=implicit_tls)
    await door.open(sock)
    return door
