"""Our server and Dovecot side by side, both in TLS, with the same mail in the same mailboxes."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from benchmarks import ours, peers
from benchmarks.imap_load import ImapClient
from benchmarks.peers import PASSWORD, USER, Peer
from benchmarks.report import Figure, in_turn
from tests.support.server import Server

Measure = Callable[[ImapClient], dict[str, float]]


@dataclass(slots=True)
class Pair:
    """The two servers."""

    server: Server
    peer: Peer

    def ours(self, user: int = 0) -> ImapClient:
        return ImapClient(self.server.ports["imaps"], USER.format(user), PASSWORD, tls=True)

    def theirs(self, user: int = 0) -> ImapClient:
        return ImapClient(self.peer.imaps, USER.format(user), PASSWORD, tls=True)

    def fill(self, count: int, body: Callable[[int], bytes], mailbox: str = "INBOX") -> None:
        """The same `count` messages into both."""
        for client in (self.ours(), self.theirs()):
            for start in range(0, count, 500):
                client.append(mailbox, [body(n) for n in range(start, min(start + 500, count))])
            client.close()

    def restart(self) -> None:
        """Begin with cold processes: Dovecot has a new one for each connection anyway."""
        restart(self.server)

    def compare(self, measure: Measure) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
        """A B A B, each with one connection that has INBOX selected."""
        mine, theirs = self.ours(), self.theirs()
        for client in (mine, theirs):
            client.command("SELECT INBOX")
        result = in_turn(lambda: measure(mine), lambda: measure(theirs))
        mine.close()
        theirs.close()
        return result


def restart(server: Server) -> None:
    """Kill all workers, and wait until others serve in their place."""
    workers = server.workers()
    for worker in workers:
        worker.kill()
    psutil.wait_procs(workers, 10)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            ImapClient(server.ports["imaps"], USER.format(0), PASSWORD, tls=True).close()
            return
        except (OSError, RuntimeError):
            time.sleep(0.1)
    raise TimeoutError("no worker came back")


@contextmanager
def pair(*, users: int = 1, workers: int = 1, **settings: str) -> Iterator[Pair | None]:
    """Both; None where Dovecot is missing."""
    if why := peers.missing("dovecot"):
        print(f"Dovecot is left out: {why}")
        yield None
        return
    with (
        ours.running(users=users, workers=workers, **settings) as server,
        peers.folder() as folder,
        peers.dovecot(folder, users=users) as peer,
    ):
        yield Pair(server, peer)


def figures(
    prefix: str,
    unit: str,
    both: tuple[dict[str, list[float]], dict[str, list[float]]],
    *,
    less_is_better: bool = False,
) -> Sequence[Figure]:
    """A Figure for each name."""
    mine, theirs = both
    return [
        Figure(f"{prefix} {name}", unit, mine[name], "Dovecot", theirs[name], less_is_better)
        for name in mine
    ]
