"""An IMAP client that costs little: it reads answers without understanding them."""

import socket
import ssl
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
