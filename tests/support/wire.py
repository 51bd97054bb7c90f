"""Clients that send octets, whatever a protocol says."""

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tests.support.letters import BOB, trusting
from tests.support.server import Server


@dataclass(slots=True)
class Wire:
    """A client that sends octets."""

    sock: socket.socket
    got: bytes = b""

    def send(self, data: bytes) -> None:
        # Refused and closed in the middle: what the server said is still to be read.
        with suppress(ConnectionError, ssl.SSLError):
            self.sock.sendall(data)

    def until(self, pattern: bytes) -> bytes:
        """The line that begins with `pattern`; b"" when the server closes before."""
        while True:
            *lines, self.got = self.got.split(b"\r\n")
            for index, line in enumerate(lines):
                if re.match(pattern, line):
                    self.got = b"\r\n".join([*lines[index + 1 :], self.got])
                    return line
            try:
                data = self.sock.recv(1 << 16)
            except ConnectionError:
                data = b""
            if not data:
                return b""
            self.got += data


@contextmanager
def connected(port: int, *, tls: bool = False) -> Iterator[Wire]:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
        if tls:
            with trusting().wrap_socket(plain) as sock:
                yield Wire(sock)
        else:
            yield Wire(plain)


@contextmanager
def at_imap(server: Server, *, login: bool) -> Iterator[Wire]:
    """A client of IMAP, before or after login."""
    with connected(server.ports["imaps"], tls=True) as wire:
        assert wire.until(rb"\* OK ")
        if login:
            wire.send(b"l LOGIN %b %b\r\n" % (BOB.encode(), server.logins[BOB].encode()))
            assert wire.until(b"l OK ")
            wire.send(b"s SELECT INBOX\r\n")
            assert wire.until(b"s OK ")
        yield wire
