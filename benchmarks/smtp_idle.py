"""What an idle connection costs: 10,000 plain, then 10,000 in TLS, beside a Postfix's."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from benchmarks import ours, peers, usage
from benchmarks.report import Figure
from benchmarks.smtp_load import trusting
from tests.support.server import Server

SESSIONS = 10_000  # files of this process, and as many of the server: 20,000 is a usual limit
THEIRS = 90


def run() -> Iterator[Figure]:
    """The figures of this scenario, each as it is known."""
    with ours.running(users=1, workers=1, MAILSERVER__SMTP__MAX_SESSIONS="20000") as server:
        theirs = _theirs()
        for name, door, greet in (
            ("plain", "smtp", _plain),
            ("TLS", "submissions", _secure),
        ):
            mine = _a_connection(server, door, greet)
            yield Figure(
                f"SMTP idle connection, {name}, {SESSIONS}",
                "KB",
                [mine],
                "Postfix, plain",
                [theirs],
                True,
            )


def _theirs() -> float:
    if why := peers.missing("postfix"):
        print(f"Postfix is left out: {why}")
        return 0.0
    with peers.folder() as folder, peers.postfix(folder) as peer:
        before = usage.memory(peer.pid)
        with _open(peer.port, THEIRS, _plain):
            return (usage.memory(peer.pid) - before) / THEIRS / 1024


def _a_connection(server: Server, door: str, greet: Callable[[int], socket.socket]) -> float:
    assert server.process is not None
    pid = server.process.pid
    with _open(server.ports[door], 100, greet):
        pass  # what the first ones make is not theirs
    time.sleep(1)
    before = usage.memory(pid, "processes.worker")
    with _open(server.ports[door], SESSIONS, greet):
        return (usage.memory(pid, "processes.worker") - before) / SESSIONS / 1024


@contextmanager
def _open(port: int, count: int, greet: Callable[[int], socket.socket]) -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(greet(port))
        yield


def _plain(port: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), 60)
    _greeted(sock)
    return sock


_CONTEXT = trusting()


def _secure(port: int) -> socket.socket:
    sock = _CONTEXT.wrap_socket(socket.create_connection(("127.0.0.1", port), 60))
    _greeted(sock)
    return sock


def _greeted(sock: socket.socket) -> None:
    sock.sendall(b"EHLO idle.test\r\n")
    said = b""
    while b"\r\n250 " not in said:
        data = sock.recv(4096)
        assert data, said
        said += data
