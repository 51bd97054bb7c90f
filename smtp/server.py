"""Listening: port 25, submission with STARTTLS, submission in TLS.

Invariant: after `drain` no session of the door is left.
"""

import asyncio
import socket
from contextlib import suppress
from functools import partial

from mailserver.accepting import Acceptor, Entrance
from mailserver.logs import logger
from mailserver.node import Node
from smtp.inbound import Inbound
from smtp.lmtp import Lmtp, LmtpSession
from smtp.service import Service
from smtp.session import Session
from smtp.sessions import Sessions
from smtp.submission import Submission

log = logger("smtp")


class SmtpDoor:
    """A listening socket and its sessions."""

    def __init__(
        self, service: Service, *, implicit_tls: bool, session: type[Session] = Session
    ) -> None:
        self.sessions = Sessions()
        self._kind = session
        self._service = service
        tls = service.tls_context if implicit_tls else None
        entrance = Entrance(service.settings, service.door, tls, self._has_room)
        self._acceptor = Acceptor(entrance, self._session)

    async def open(self, sock: socket.socket) -> None:
        """Accept connections on `sock`, which is bound."""
        await self._acceptor.open(sock)

    async def drain(self, timeout: float) -> None:
        """Accept no more; 421 to idle sessions, and to others after their running message.

        Whoever is left after `timeout` seconds is cut off.
        """
        await self._acceptor.close()
        for session in self.sessions:
            session.drain()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self.sessions.all_gone()
        for session in self.sessions:
            log.info("session cut off", client=session.client.address)
            session.abort()
        await self.sessions.all_gone()

    def _session(self, address: str) -> Session:
        return self._kind(self._service, self.sessions, address)

    def _has_room(self, coming: int) -> bool:
        return len(self.sessions) + coming < self._service.settings.smtp.max_sessions


async def serve_inbound(node: Node, sock: socket.socket) -> SmtpDoor:
    """The door for other hosts' mail, on a bound socket."""
    service = Inbound(
        node.settings,
        node.accounts,
        node.ingest,
        partial(node.certificates.server_context, "mx"),
        door="smtp",
    )
    return await _open(service, sock, implicit_tls=False)


async def serve_lmtp(node: Node, sock: socket.socket) -> SmtpDoor:
    """The door for MTAs of the house, on a bound socket."""
    service = Lmtp(
        node.settings,
        node.accounts,
        node.ingest,
        partial(node.certificates.server_context, "mx"),
        door="lmtp",
    )
    return await _open(service, sock, implicit_tls=False, session=LmtpSession)


async def serve_submission(node: Node, sock: socket.socket, *, implicit_tls: bool) -> SmtpDoor:
    """The door for our users' mail: with STARTTLS, or in TLS from the start (RFC 8314 §3.3)."""
    service = Submission(
        node.settings,
        node.accounts,
        node.ingest,
        partial(node.certificates.server_context, "submission"),
        door="submissions" if implicit_tls else "submission",
        logins=node.logins,
    )
    return await _open(service, sock, implicit_tls=implicit_tls)


async def _open(
    service: Service, sock: socket.socket, *, implicit_tls: bool, session: type[Session] = Session
) -> SmtpDoor:
    door = SmtpDoor(service, implicit_tls=implicit_tls, session=session)
    await door.open(sock)
    return door
