"""An IMAP client that costs little: it reads answers without understanding them."""

import socket
import ssl
import time
from collections.abc import Sequence

_LINE = 4096  # octets: a tagged OK may carry the list of capabilities


class ImapClient:
    """A blocking IMAP connection that reads answers without understanding them."""

    def __init__(self, port: int, user: str, password: str, *, tls: bool = False) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self._socket = context.wrap_socket(self._socket)
        self.user = user
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

    def code(self, name: bytes) -> int:
        """The number of a response code in the last answer."""
        return int(self.tail.partition(b"[" + name + b" ")[2].partition(b"]")[0])

    def count(self, mailbox: str) -> int:
        """How many messages are in the mailbox."""
        self.command(f"STATUS {mailbox} (MESSAGES)")
        return int(self.tail.partition(b"MESSAGES ")[2].partition(b")")[0])

    def append(self, mailbox: str, bodies: Sequence[bytes]) -> None:
        """Append the messages, 500 in one command (RFC 3502)."""
        for start in range(0, len(bodies), 500):
            self._number += 1
            request = b"b%d APPEND %b" % (self._number, mailbox.encode())
            for body in bodies[start : start + 500]:
                request += b" {%d+}\r\n" % len(body) + body
            self._socket.sendall(request + b"\r\n")
            self._finish(b"b%d" % self._number)

    def seconds(self, text: str) -> float:
        """How long a command takes."""
        started = time.perf_counter()
        self.command(text)
        return time.perf_counter() - started

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
