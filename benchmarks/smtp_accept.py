"""10 KB messages into port 25: durable and in an IMAP mailbox at our 250, beside Postfix.

Postfix is measured twice: accepting only (fsynced into its queue and held), and delivering to
Dovecot over LMTP, where the rate counts until the last message can be read.
"""

import asyncio
import time
from collections.abc import Iterator

from benchmarks import load, ours, peers
from benchmarks.peers import PASSWORD, USER, Peer
from benchmarks.report import Figure, in_turn

SIZE = 10_000  # octets
USERS = 20
BODIES = [load.message(number, SIZE) for number in range(200)]
RECIPIENTS = [USER.format(number) for number in range(USERS)]
MESSAGES = 4_000


def run() -> Iterator[Figure]:
    """The figures of this scenario, each as it is known; a peer that is missing is left out."""
    with ours.running(users=USERS, workers=1) as server:
        for sessions in (20, 100):
            port = server.ports["smtp"]
            yield from _accept_only(port, sessions)
            yield from _delivered(port, sessions)


def _send(port: int, sessions: int, messages: int) -> dict[str, float]:
    sent = asyncio.run(load.smtp(port, RECIPIENTS, BODIES, sessions, messages // sessions))
    return {"rate": sent.rate, "p99": sent.percentile(0.99) * 1000}


def _accept_only(port: int, sessions: int) -> list[Figure]:
    if why := peers.missing("postfix"):
        print(f"Postfix is left out: {why}")
        return []
    with peers.folder() as folder, peers.postfix(folder) as peer:

        def theirs() -> dict[str, float]:
            figures = _send(peer.port, sessions, MESSAGES // 2)
            peers.empty_queue(peer)
            return figures

        a, b = in_turn(lambda: _send(port, sessions, MESSAGES), theirs)
    name = f"SMTP 10 KB, {sessions} sessions"
    return [
        Figure(f"{name}, accepted", "msg/s", a["rate"], "Postfix, held", b["rate"]),
        Figure(f"{name}, p99 of the 250", "ms", a["p99"], "Postfix, held", b["p99"], True),
    ]


def _delivered(port: int, sessions: int) -> list[Figure]:
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
            count = MESSAGES // 4 // sessions * sessions
            expected += count
            started = time.perf_counter()
            _send(peer.port, sessions, count)
            _wait_for(store, expected)
            return {"rate": count / (time.perf_counter() - started)}

        a, b = in_turn(lambda: _send(port, sessions, MESSAGES), theirs)
    name = f"SMTP 10 KB, {sessions} sessions, delivered"
    return [Figure(name, "msg/s", a["rate"], "Postfix to Dovecot", b["rate"])]


def _wait_for(store: Peer, expected: int) -> None:
    clients = [load.ImapClient(store.port, name, PASSWORD) for name in RECIPIENTS]
    while sum(client.count("INBOX") for client in clients) < expected:
        time.sleep(0.02)
    for client in clients:
        client.close()
