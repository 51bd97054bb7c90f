"""A listening socket whose connections become sessions once PROXY header and TLS are through.

Invariants: whoever has not become a session is bounded, in time by settings and in number by the
door's limit, which counts him. A header is read from trusted networks only, and there it must come;
not one byte behind it is taken, so that TLS may begin there. A door that asks for neither header
nor TLS costs nothing of this: the loop accepts for it.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from mailserver.accepting import handshake
from mailserver.accepting.proxy_header import ProxyHeaderError, parse
from mailserver.logs import logger
from mailserver.mail.networks import address_of, networks, within
from mailserver.settings import Settings

_BACKLOG = 1024
_TURN = 100  # connections accepted before sessions get their turn
_PAUSE = 1.0  # seconds; the process has no file descriptors left
_PEEK = 8192  # bytes; a header is shorter

log = logger("accepting")

# A session's protocol for the client at an IP address; "": the socket knows it.
Make = Callable[[str], asyncio.Protocol]


@dataclass(slots=True)
class Entrance:
    """What a door asks of a connection before it is a session."""

    settings: Settings
    door: str  # in metrics and logs
    # The context of a new handshake; None: TLS is not what the session begins with.
    tls: Callable[[], ssl.SSLContext] | None
    # Whether there is room for a session beside this many that are coming in.
    room: Callable[[int], bool]


class Acceptor:
    """Accepts until it is closed."""

    def __init__(self, entrance: Entrance, make: Make) -> None:
        self._entrance = entrance
        self._make = make
        self._proxies = networks(entrance.settings.listen.proxy_networks)
        self._coming: dict[socket.socket, asyncio.Task[None]] = {}
        self._server: asyncio.Server | None = None
        self._sock: socket.socket | None = None
        self._pause: asyncio.TimerHandle | None = None

    @property
    def coming(self) -> int:
        """Connections that are not sessions yet."""
        return len(self._coming)

    async def open(self, sock: socket.socket) -> None:
        """Accept connections on `sock`, which is bound."""
        loop = asyncio.get_running_loop()
        if self._entrance.tls is None and not self._proxies:
            make = partial(self._make, "")
            self._server = await loop.create_server(make, sock=sock, backlog=_BACKLOG)
            return
        sock.setblocking(False)
        sock.listen(_BACKLOG)
        self._sock = sock
        loop.add_reader(sock, self._accept)

    async def close(self) -> None:
        """Accept no more; who is not a session yet will be none."""
        if self._server is not None:
            self._server.close()
        if self._pause is not None:
            self._pause.cancel()
        if self._sock is not None:
            asyncio.get_running_loop().remove_reader(self._sock)
            self._sock.close()
            self._sock = None
        coming = dict(self._coming)
        for task in coming.values():
            task.cancel()
        if coming:
            await asyncio.wait(coming.values())
        for sock, task in coming.items():
            if task.cancelled():
                sock.close()
                self._coming.pop(sock, None)  # it may not even have begun

    # ── accepting ───────────────────────────────────────────────────────────────────────────

    def _accept(self) -> None:
        assert self._sock is not None
        for _ in range(_TURN):
            try:
                sock, name = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._rest(error)
                return
            sock.setblocking(False)
            self._admit(sock, address_of(name))

    def _rest(self, error: OSError) -> None:
        """Not even accepted: it would be tried again at once, and for ever."""
        loop = asyncio.get_running_loop()
        assert self._sock is not None
        log.error("accepting pauses", door=self._entrance.door, cause=error.strerror)
        loop.remove_reader(self._sock)
        self._pause = loop.call_later(_PAUSE, loop.add_reader, self._sock, self._accept)

    def _admit(self, sock: socket.socket, address: str) -> None:
        if not self._entrance.room(len(self._coming)):
            # Nothing can be said to him before TLS, which is most of the cost.
            log.warning("too many sessions", client=address, door=self._entrance.door)
            sock.close()
            return
        coming = self._bring_in(sock, address)
        self._coming[sock] = asyncio.get_running_loop().create_task(coming)

    # ── coming in ───────────────────────────────────────────────────────────────────────────

    async def _bring_in(self, sock: socket.socket, address: str) -> None:
        try:
            if within(address, self._proxies):
                address = await self._behind(sock, address)
            await self._begin(sock, address)
            return
        except (ProxyHeaderError, TimeoutError) as error:
            cause = str(error) or "it did not come in time"
            log.info("PROXY header refused", proxy=address, door=self._entrance.door, cause=cause)
        except OSError as error:
            log.info("connection lost", client=address, door=self._entrance.door, cause=str(error))
        finally:
            self._coming.pop(sock, None)
        sock.close()

    async def _behind(self, sock: socket.socket, proxy: str) -> str:
        """The client behind a proxy; a connection of the proxy's own is his."""
        async with asyncio.timeout(self._entrance.settings.listen.proxy_timeout):
            header = await read_header(sock)
        return proxy if header is None else header

    async def _begin(self, sock: socket.socket, address: str) -> None:
        loop = asyncio.get_running_loop()
        make = partial(self._make, address)
        if self._entrance.tls is None:
            await loop.connect_accepted_socket(make, sock)
            return
        try:
            transport, _ = await loop.connect_accepted_socket(
                make,
                sock,
                ssl=self._entrance.tls(),
                ssl_handshake_timeout=self._entrance.settings.tls.handshake_timeout,
                ssl_shutdown_timeout=handshake.SHUTDOWN,
            )
        except OSError as error:
            handshake.failed(self._entrance.door, address, error)
            sock.close()
        else:
            handshake.completed(self._entrance.door, transport)


async def read_header(sock: socket.socket) -> str | None:
    """Take a PROXY header off `sock`, and nothing more; gives the client's address.

    None: the connection is the proxy's own. Raises ProxyHeaderError, OSError.
    """
    data = b""
    while True:
        # What is only looked at stays for whoever reads next: the end of the header is not known
        # before it was seen, and behind it TLS may have begun.
        try:
            ahead = sock.recv(_PEEK, socket.MSG_PEEK)
        except BlockingIOError:
            await _readable(sock)
            continue
        if not ahead:
            raise ProxyHeaderError("closed before it was whole")
        header = parse(data + ahead)
        sock.recv(len(ahead) if header is None else header.size - len(data))
        if header is not None:
            return header.client
        data += ahead


async def _readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(sock, _set, ready)
    try:
        await ready
    finally:
        loop.remove_reader(sock)


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
