"""Clients that cost little and check every reply, the same for us and for the peers."""

import asyncio
import random
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

_LINE = 4096  # octets: a tagged OK may carry the list of capabilities

_WORDS = [
    "".join(random.Random(n).choices("abcdefghijklmnopqrstuvwxyz", k=3 + n % 9))
    for n in range(20_000)
]


def message(number: int, size: int) -> bytes:
    """A text message of about `size` octets, varied in its words, no line starting with a dot."""
    source = random.Random(number)
    head = (
        f"From: Ann {number} <ann{number}@elsewhere.test>\r\nTo: Bob <bob@example.test>\r\n"
        f"Subject: {' '.join(source.choices(_WORDS, k=5))}\r\n"
        f"Date: Tue, 24 Nov 2026 04:{number % 60:02d}:00 +0000\r\n"
        f"Message-ID: <{number}.{size}@elsewhere.test>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\n"
    )
    lines, length = [head], len(head)
    while length < size:
        line = " ".join(source.choices(_WORDS, k=9)) + "\r\n"
        lines.append(line)
        length += len(line)
    return "".join(lines).encode()


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


class _Client(asyncio.Protocol):
    """One SMTP connection that sends a number of messages, MAIL RCPT DATA in one packet."""

    def __init__(self, recipient: str, bodies: Sequence[bytes], latencies: list[float]) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._bodies = iter(bodies)
        self._latencies = latencies
        self._commands = (
            f"MAIL FROM:<load@elsewhere.test>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode()
        )
        self._input = b""
        self._expected = [b"220"]
        self._step = self._hello
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

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

    def _hello(self) -> None:
        self._expected, self._step = [b"250"], self._next
        self._transport.write(b"EHLO load.test\r\n")

    def _next(self) -> None:
        if self._sent_at:
            self._latencies.append(time.perf_counter() - self._sent_at)
        body = next(self._bodies, None)
        if body is None:
            self._expected, self._step = [b"221"], self._bye
            self._transport.write(b"QUIT\r\n")
            return
        self._body = body
        self._expected, self._step = [b"250", b"250", b"354"], self._data
        self._transport.write(self._commands)

    def _data(self) -> None:
        self._expected, self._step = [b"250"], self._next
        self._transport.write(self._body + b".\r\n")
        self._sent_at = time.perf_counter()

    def _bye(self) -> None:
        if not self.done.done():
            self.done.set_result(None)
        self._transport.close()


async def smtp(
    port: int, recipients: Sequence[str], bodies: Sequence[bytes], sessions: int, each: int
) -> Sent:
    """`sessions` connections at once, each sending `each` messages, to recipients in turn."""
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    started = time.perf_counter()
    clients = []
    for number in range(sessions):
        mine = [bodies[(number + k * sessions) % len(bodies)] for k in range(each)]
        recipient = recipients[number % len(recipients)]
        _, client = await loop.create_connection(
            lambda r=recipient, m=mine: _Client(r, m, latencies), "127.0.0.1", port
        )
        clients.append(client)
    await asyncio.gather(*(client.done for client in clients))
    return Sent(sessions * each, time.perf_counter() - started, latencies)


class ImapClient:
    """A blocking IMAP connection that reads answers without understanding them."""

    def __init__(self, port: int, user: str, password: str, *, tls: bool = False) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            import ssl

            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self._socket = context.wrap_socket(self._socket)
        self._buffer = bytearray(1 << 20)
        self._number = 0
        self.tail = b""  # the end of the last answer
        self._socket.recv(4096)
        self.command(f"LOGIN {user} {password}")

    def command(self, text: str) -> int:
        """Run a command; gives the octets of its answer, raises when it is not OK."""
        self._number += 1
        tag = b"b%d" % self._number
        self._socket.sendall(tag + b" " + text.encode() + b"\r\n")
        return self._finish(tag)

    def count(self, mailbox: str) -> int:
        """How many messages are in the mailbox."""
        self.command(f"STATUS {mailbox} (MESSAGES)")
        return int(self.tail.partition(b"MESSAGES ")[2].partition(b")")[0])

    def append(self, mailbox: str, bodies: Sequence[bytes]) -> None:
        """Append the messages, several under way at a time."""
        for start in range(0, len(bodies), 50):
            batch = bodies[start : start + 50]
            request = b""
            for body in batch:
                self._number += 1
                request += b"b%d APPEND %b {%d+}\r\n" % (self._number, mailbox.encode(), len(body))
                request += body + b"\r\n"
            self._socket.sendall(request)
            self._finish(b"b%d" % self._number)

    def close(self) -> None:
        self.command("LOGOUT")
        self._socket.close()

    def _finish(self, tag: bytes) -> int:
        total, tail = 0, b""
        marker = b"\r\n" + tag + b" "
        view = memoryview(self._buffer)
        while True:
            count = self._socket.recv_into(self._buffer)
            if not count:
                raise RuntimeError(f"connection lost in {tag!r}")
            total += count
            tail = (tail + bytes(view[max(0, count - _LINE) : count]))[-_LINE:]
            if tail.endswith(b"\r\n") and (marker in tail or tail.startswith(tag + b" ")):
                if tag + b" OK" not in tail:
                    raise RuntimeError(tail.decode("ascii", "replace"))
                self.tail = tail
                return total
