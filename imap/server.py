"""Listening: 143 with STARTTLS, 993 in TLS from the start (RFC 8314 §3.2).

Invariants: the doors of one node share its open mailboxes. After `drain` no session of the door is
left, and none is looked at any more.
"""

import asyncio
import socket
from dataclasses import dataclass
from functools import partial

from imap.connection import LINGER, Doorway
from imap.conversation import Conversation
from imap.known_names import KnownNames
from imap.mailboxes import following
from imap.mailboxes.registry import Mailboxes
from imap.messages.cache import MessageCache
from imap.protocol.events import Limits
from imap.session import Services
from mailserver.accepting import Acceptor, Entrance
from mailserver.logs import logger
from mailserver.node import Node
from mailserver.settings import Imap
from mailserver.storage import events, mailboxes, messages
from mailserver.storage.database import Connection

# RFC 7888 §5: the largest literal that may come unasked.
_NON_SYNC = {"LITERAL+": None, "LITERAL-": 4096}
_CHECKS = 5  # deadlines are looked at so often in the shortest of them

log = logger("imap")


@dataclass(slots=True)
class _Shared:
    """Services in use by a number of doors."""

    services: Services
    doors: int = 0


# By the identity of the node, which its services keep alive.
_shared: dict[int, _Shared] = {}


def _enter(node: Node) -> Services:
    """The node's services, made for its first door."""
    shared = _shared.get(id(node))
    if shared is None:
        database = node.database
        services = Services(
            node,
            Mailboxes(database, node.changes),
            MessageCache(database, node.settings.imap.cache_bytes),
            KnownNames(node.changes, node.rights_changes, node.listener),
        )
        shared = _shared[id(node)] = _Shared(services)
    shared.doors += 1
    return shared.services


def _leave(node: Node) -> None:
    shared = _shared[id(node)]
    shared.doors -= 1
    if not shared.doors:
        del _shared[id(node)]


async def rehearse(c: Connection) -> None:
    """Ask what opening a mailbox asks, of none: after that it takes half the time."""
    await mailboxes.find(c, 0, "")
    await following.restore(c, 0)
    await following.load(c, 0)
    await events.since(c, 0, 0)
    await events.rows(c, 0)
    await events.first_recent(c, 0)
    await events.claim_recent(c, 0)
    await messages.read(c, [])


class ImapDoor:
    """A listening socket and its sessions."""

    def __init__(self, node: Node, *, implicit_tls: bool) -> None:
        settings = node.settings.imap
        self.doorway = Doorway(
            _enter(node),
            "imaps" if implicit_tls else "imap",
            partial(node.certificates.server_context, "imap"),
            implicit_tls,
            before_login=limits_before_login(settings),
            after_login=limits_after_login(settings),
        )
        self._node = node
        tls = self.doorway.tls if implicit_tls else None
        entrance = Entrance(node.settings, self.doorway.name, tls, self._has_room)
        self._acceptor = Acceptor(entrance, partial(Conversation, self.doorway))
        self._timer: asyncio.TimerHandle | None = None
        shortest = min(
            settings.login_timeout,
            settings.literal_timeout,
            settings.idle_timeout,
            settings.write_timeout,
            LINGER,
        )
        self._period = shortest / _CHECKS

    async def open(self, sock: socket.socket) -> None:
        """Accept connections on `sock`, which is bound."""
        (self._node.settings.data / "incoming").mkdir(parents=True, exist_ok=True)
        await self._acceptor.open(sock)
        self._check()

    async def drain(self, timeout: float) -> None:
        """Accept no more; BYE to idle sessions, and to others after their running command.

        Whoever is left after `timeout` seconds is cut off.
        """
        await self._acceptor.close()
        for connection in list(self.doorway.connections):
            connection.drain()
        await self._gone(timeout)
        for connection in list(self.doorway.connections):
            log.info("session cut off", peer=connection.peer)
            connection.abort()
        await self._gone(LINGER)
        if self._timer is not None:
            self._timer.cancel()
        _leave(self._node)

    def _has_room(self, coming: int) -> bool:
        return self.doorway.services.sessions + coming < self._node.settings.imap.max_sessions

    async def _gone(self, timeout: float) -> None:
        """Wait, `timeout` seconds at most, until all connections are gone and left behind."""
        doorway = self.doorway
        deadline = asyncio.get_running_loop().time() + timeout
        while doorway.connections or doorway.leaving:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                return
            if doorway.leaving:
                await asyncio.wait(doorway.leaving, timeout=min(left, 0.1))
            else:
                await asyncio.sleep(min(left, 0.02))

    def _check(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in list(self.doorway.connections):
            connection.check(now)
        self._timer = loop.call_later(self._period, self._check)


def limits_before_login(settings: Imap) -> Limits:
    """What a stranger may make us hold."""
    limits = Limits.before_login()
    limits.non_sync = _NON_SYNC[settings.literals]
    return limits


def limits_after_login(settings: Imap) -> Limits:
    """What a client that is logged in may make us hold."""
    return Limits(
        line=settings.max_line,
        message=settings.max_literal,
        # RFC 7888 §4: a refused `{n+}` message comes all the same; it is read off rather than cut
        # off, so that the client learns why.
        drain=2 * settings.max_literal,
        non_sync=_NON_SYNC[settings.literals],
    )


async def serve(node: Node, sock: socket.socket, *, implicit_tls: bool) -> ImapDoor:
    """The door of mail clients, on a bound socket: with STARTTLS, or in TLS from the start."""
    door = ImapDoor(node, implicit_tls=implicit_tls)
    await door.open(sock)
    return door
