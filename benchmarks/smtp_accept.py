"""10 KB messages into port 25: durable and in an IMAP mailbox at our 250, beside Postfix.

Postfix is measured twice: accepting only (fsynced into its queue and held), and delivering to
Dovecot over LMTP, where the rate counts until the last message can be read.
"""

import time
from collections.abc import Iterator

from benchmarks import ours, peers, usage
from benchmarks.imap_load import ImapClient
from benchmarks.messages import message
from benchmarks.peers import PASSWORD, USER, Peer
from benchmarks.report import Figure, in_turn
from benchmarks.smtp_load import Load
from tests.support.server import Server

SIZE = 10_000  # octets
USERS = 100
BODIES = [message(number, SIZE) for number in range(200)]
RECIPIENTS = [USER.format(number) for number in range(USERS)]
MESSAGES = 6_000


def run() -> Iterator[Figure]:
    """The figures of this scenario, each as it is known; a peer that is missing is left out."""
    with ours.running(users=USERS, workers=2) as server:
        for sessions in (20, 100):
            yield from _accept_only(server, sessions)
            yield from _delivered(server, sessions)


def _send(port: int, pid: int, sessions: int, messages: int) -> dict[str, float]:
    before = usage.cpu(pid)
    sent = Load(port, RECIPIENTS, BODIES, sessions, messages // sessions).run()
    return {
        "rate": sent.rate,
        "p99": sent.percentile(0.99) * 1000,
        "cpu": (usage.cpu(pid) - before) * 1000 / sent.messages,
    }


def _ours(server: Server, sessions: int) -> dict[str, float]:
    assert server.process is not None
    return _send(server.ports["smtp"], server.process.pid, sessions, MESSAGES)


def _accept_only(server: Server, sessions: int) -> list[Figure]:
    if why := peers.missing("postfix"):
        print(f"Postfix is left out: {why}")
        return []
    with peers.folder() as folder, peers.postfix(folder) as peer:

        def theirs() -> dict[str, float]:
            figures = _send(peer.port, peer.pid, sessions, MESSAGES // 3)
            peers.empty_queue(peer)
            return figures

        a, b = in_turn(lambda: _ours(server, sessions), theirs)
    name, held = f"SMTP 10 KB, {sessions} sessions", "Postfix, held"
    return [
        Figure(f"{name}, accepted", "msg/s", a["rate"], held, b["rate"]),
        Figure(f"{name}, p99 of the 250", "ms", a["p99"], held, b["p99"], True),
        Figure(f"{name}, CPU a message", "ms", a["cpu"], held, b["cpu"], True),
    ]


def _delivered(server: Server, sessions: int) -> list[Figure]:
    if why := peers.missing("postfix", "dovecot"):
        print(f"Postfix with Dovecot is left out: {why}")
        return []
    with (
        peers.folder() as folder,
        peers.dovecot(folder / "dovecot", users=USERS) as store,
        peers.postfix(folder / "postfix", lmtp=store.lmtp) as peer,
    ):
        expected = 0

        def theirs() -> dict[str, float]:
            nonlocal expected
            count = MESSAGES // 6 // sessions * sessions
            expected += count // sessions
            started = time.perf_counter()
            _send(peer.port, peer.pid, sessions, count)
            _wait_for(store, RECIPIENTS[:sessions], expected)
            return {"rate": count / (time.perf_counter() - started)}

        a, b = in_turn(lambda: _ours(server, sessions), theirs)
    name = f"SMTP 10 KB, {sessions} sessions, delivered"
    return [Figure(name, "msg/s", a["rate"], "Postfix to Dovecot", b["rate"])]


def _wait_for(store: Peer, names: list[str], expected: int) -> None:
    """Return when each of them has `expected` messages. Raises TimeoutError."""
    deadline = time.monotonic() + 60
    for name in names:
        client = ImapClient(store.port, name, PASSWORD)
        while client.count("INBOX") < expected:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} has no {expected} messages")
            time.sleep(0.02)
        client.close()
