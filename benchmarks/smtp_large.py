"""Large messages: 1 MB ones beside Postfix; 50 MB ones beside small ones of our own."""

import multiprocessing
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from benchmarks import ours, peers, usage
from benchmarks.messages import message
from benchmarks.report import Figure, in_turn
from benchmarks.smtp_accept import BODIES, RECIPIENTS, USERS
from benchmarks.smtp_load import Load
from tests.support.server import Server

MEGABYTE = [message(number, 1_000_000) for number in range(10)]
SESSIONS = 20
MESSAGES = 400


def run() -> Iterator[Figure]:
    """The figures of this scenario, each as it is known."""
    with ours.running(users=USERS, workers=2) as server:
        yield from _one_megabyte(server)
        yield from _beside_small_ones(server)


def _send(port: int, messages: int) -> dict[str, float]:
    return {"rate": Load(port, RECIPIENTS, MEGABYTE, SESSIONS, messages // SESSIONS).run().rate}


def _one_megabyte(server: Server) -> Iterator[Figure]:
    if why := peers.missing("postfix"):
        print(f"Postfix is left out: {why}")
        return
    with peers.folder() as folder, peers.postfix(folder) as peer:

        def theirs() -> dict[str, float]:
            figures = _send(peer.port, MESSAGES)
            peers.empty_queue(peer)
            return figures

        a, b = in_turn(lambda: _send(server.ports["smtp"], MESSAGES), theirs)
    yield Figure("SMTP 1 MB, 20 sessions", "msg/s", a["rate"], "Postfix, held", b["rate"])


def _beside_small_ones(server: Server) -> Iterator[Figure]:
    """100 sessions with small messages, without and with 20 that send 50 MB each."""
    assert server.process is not None
    pid, port = server.process.pid, server.ports["smtp"]
    before = usage.memory(pid, "processes.worker")
    most = 0

    def alone() -> dict[str, float]:
        return {"p99": Load(port, RECIPIENTS, BODIES, 100, 60).run().percentile(0.99) * 1000}

    def together() -> dict[str, float]:
        nonlocal most
        # A process of its own: what is measured must not wait for what is sent beside it.
        large = multiprocessing.get_context("spawn").Process(target=_send_huge, args=(port,))
        large.start()
        found = alone()
        most = max(most, usage.memory(pid, "processes.worker"))
        large.join()
        if large.exitcode:
            raise RuntimeError("a message of 50 MB was not taken")
        return found

    a, b = in_turn(together, alone)
    yield Figure("SMTP 10 KB beside 20 x 50 MB, p99", "ms", a["p99"], "alone", b["p99"], True)
    grown = (most - before) / 20 / 1024
    yield Figure("SMTP 50 MB, memory a session", "KB", [grown], "2 MB", [2048.0], True)


def _send_huge(port: int) -> None:
    """20 messages of 50 MB at the same time."""
    body = message(7, 1_000_000)

    def send(number: int) -> None:
        with socket.create_connection(("127.0.0.1", port), 120) as sock:
            to = RECIPIENTS[number].encode()
            sock.sendall(b"EHLO a.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<%b>\r\nDATA\r\n" % to)
            for _ in range(50):
                sock.sendall(body)
            sock.sendall(b".\r\nQUIT\r\n")
            said = b""
            while data := sock.recv(4096):
                said += data
        if b"accepted as" not in said:
            raise RuntimeError(said.decode())

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(send, range(20)))
