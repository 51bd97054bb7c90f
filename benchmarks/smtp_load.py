"""SMTP clients that cost little and check every reply, the same for us and for the peers."""

import asyncio
import base64
import ssl
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import uvloop


@dataclass(slots=True)
class Sent:
    """What a load run saw: `latencies` are seconds from the end of data to the 250."""

    messages: int
    seconds: float
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.messages / self.seconds

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(slots=True, frozen=True)
class Login:
    """Who submits, by STARTTLS and AUTH PLAIN."""

    address: str
    password: str

    @property
    def command(self) -> bytes:
        claim = f"\0{self.address}\0{self.password}".encode()
        return b"AUTH PLAIN " + base64.b64encode(claim) + b"\r\n"


class _Client(asyncio.Protocol):
    """One connection that sends a number of messages, MAIL RCPT DATA in one packet."""

    def __init__(
        self,
        recipient: str,
        bodies: Sequence[bytes],
        latencies: list[float],
        login: Login | None = None,
    ) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._bodies = iter(bodies)
        self._latencies = latencies
        self._login = login
        sender = login.address if login else "load@elsewhere.test"
        self._commands = f"MAIL FROM:<{sender}>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode()
        self._input = b""
        self._expected = [b"220"]
        self._step = self._hello
        self._sent_at = 0.0
        self._upgrading: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        *lines, self._input = (self._input + data).split(b"\r\n")
        for line in lines:
            if line[3:4] == b"-":
                continue
            expected = self._expected.pop(0)
            if not line.startswith(expected):
                self._fail(f"expected {expected!r}, got {line!r}")
                return
            if not self._expected:
                self._step()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self._fail("the connection was lost")

    def _fail(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(why))
        self._transport.abort()

    def _say(self, command: bytes, expected: list[bytes], step: Callable[[], None]) -> None:
        self._expected, self._step = expected, step
        self._transport.write(command)

    def _hello(self) -> None:
        then = self._start_tls if self._login else self._next
        self._say(b"EHLO load.test\r\n", [b"250"], then)

    def _start_tls(self) -> None:
        self._say(b"STARTTLS\r\n", [b"220"], self._upgrade)

    def _upgrade(self) -> None:
        self._upgrading = asyncio.get_running_loop().create_task(self._handshake())

    async def _handshake(self) -> None:
        self._transport = await asyncio.get_running_loop().start_tls(
            self._transport, self, _CONTEXT
        )
        self._say(b"EHLO load.test\r\n", [b"250"], self._log_in)

    def _log_in(self) -> None:
        assert self._login is not None
        self._say(self._login.command, [b"235"], self._next)

    def _next(self) -> None:
        if self._sent_at:
            self._latencies.append(time.perf_counter() - self._sent_at)
        body = next(self._bodies, None)
        if body is None:
            self._say(b"QUIT\r\n", [b"221"], self._bye)
            return
        self._body = body
        self._say(self._commands, [b"250", b"250", b"354"], self._data)

    def _data(self) -> None:
        self._say(self._body + b".\r\n", [b"250"], self._next)
        self._sent_at = time.perf_counter()

    def _bye(self) -> None:
        if not self.done.done():
            self.done.set_result(None)
        self._transport.close()


def trusting() -> ssl.SSLContext:
    """A client's context. Python resumes no session by itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


_CONTEXT = trusting()


@dataclass(slots=True, frozen=True)
class Load:
    """`sessions` connections at once, each sending `each` messages to recipients in turn.

    `reconnect`: each message has a connection of its own.
    """

    port: int
    recipients: Sequence[str]
    bodies: Sequence[bytes]
    sessions: int
    each: int
    reconnect: bool = False
    login: Login | None = None

    def run(self) -> Sent:
        """Send it all, in an event loop of its own. Raises RuntimeError for a wrong reply."""
        return uvloop.run(self.send())

    async def send(self) -> Sent:
        """As `run`, in the running event loop."""
        latencies: list[float] = []
        started = time.perf_counter()
        work: list[Coroutine[None, None, None]] = [
            self._session(number, latencies) for number in range(self.sessions)
        ]
        await asyncio.gather(*work)
        return Sent(self.sessions * self.each, time.perf_counter() - started, latencies)

    async def _session(self, number: int, latencies: list[float]) -> None:
        bodies = self.bodies
        mine = [bodies[(number + k * self.sessions) % len(bodies)] for k in range(self.each)]
        recipient = self.recipients[number % len(self.recipients)]
        for batch in [[one] for one in mine] if self.reconnect else [mine]:
            _, client = await asyncio.get_running_loop().create_connection(
                lambda batch=batch: _Client(recipient, batch, latencies, self.login),
                "127.0.0.1",
                self.port,
            )
            await client.done
