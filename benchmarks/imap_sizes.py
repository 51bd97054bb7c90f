"""What commands cost in mailboxes of 1,000 to 1,000,000 messages; drawn into `imap_sizes.svg`."""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.imap_load import ImapClient
from benchmarks.imap_pair import restart
from benchmarks.messages import message
from benchmarks.ours import running
from benchmarks.peers import PASSWORD, USER
from benchmarks.plot import plot

SIZES = (1_000, 10_000, 100_000, 1_000_000)
AT_ONCE = 50_000  # messages of one COPY
TIMES = 15  # of each command; the median counts

# What may not depend on the size, but for a scan of a column (about 1 ns a message).
OF_ONE = {
    "SELECT, warm": "SELECT INBOX",
    "FETCH of one, flags": "UID FETCH 500 (FLAGS)",
    "FETCH of one, envelope": "UID FETCH 500 (ENVELOPE)",
    "STORE of one": "UID STORE 500 +FLAGS.SILENT (\\Seen)",
    "STATUS": "STATUS INBOX (MESSAGES UNSEEN UIDNEXT)",
    "COPY of one": "UID COPY 500 Drafts",
    "SEARCH UNSEEN, count": "SEARCH RETURN (COUNT) UNSEEN",
}
# What must tell of each message.
OF_ALL = {"FETCH of all, UID and flags": "FETCH 1:* (UID FLAGS)"}


@dataclass(slots=True)
class Row:
    """Milliseconds of one command by the size of its mailbox."""

    name: str
    costs: dict[int, float]

    def line(self) -> str:
        costs = "".join(f"{cost:>12,.2f}" for cost in self.costs.values())
        return f"{self.name:<32} ms {costs}"


def run() -> Iterator[Row]:
    """One row for each command; the columns are `SIZES`."""
    names = [*OF_ONE, *OF_ALL, "APPEND, and NOOP tells it", "SELECT, first of the process"]
    rows = {name: Row(name, {}) for name in names}
    with running(users=len(SIZES), workers=1) as server:
        for user, size in enumerate(SIZES):
            client = ImapClient(server.ports["imaps"], USER.format(user), PASSWORD, tls=True)
            _fill(client, size)
            for name, cost in _costs(client).items():
                rows[name].costs[size] = 1e3 * cost
            client.close()
            time.sleep(5)  # what is made in the background is made
            restart(server)
            client = ImapClient(server.ports["imaps"], USER.format(user), PASSWORD, tls=True)
            first = client.seconds("SELECT INBOX")
            rows["SELECT, first of the process"].costs[size] = 1e3 * first
            client.close()
    lines = {name: row.costs for name, row in rows.items()}
    Path(__file__).with_suffix(".svg").write_text(plot(lines, "messages in the mailbox", "ms"))
    yield from rows.values()


def _fill(client: ImapClient, size: int) -> None:
    """1,000 different messages, and then these copied until there are enough."""
    client.append("INBOX", [message(number, 1_200) for number in range(1_000)])
    client.command("SELECT INBOX")
    count = 1_000
    while count < size:
        more = min(count, size - count, AT_ONCE)
        client.command(f"COPY 1:{more} INBOX")
        count += more
    client.command("NOOP")


def _costs(client: ImapClient) -> dict[str, float]:
    client.command("SELECT INBOX")
    costs = {name: _median(client, text) for name, text in OF_ONE.items()}
    costs |= {name: _median(client, text, 3) for name, text in OF_ALL.items()}
    body = [message(1, 1_200)]
    taken = []
    for _ in range(TIMES):
        started = time.perf_counter()
        client.append("INBOX", body)
        client.command("NOOP")
        taken.append(time.perf_counter() - started)
    costs["APPEND, and NOOP tells it"] = statistics.median(taken)
    return costs


def _median(client: ImapClient, text: str, times: int = TIMES) -> float:
    client.command(text)
    return statistics.median(client.seconds(_other(text, turn)) for turn in range(times))


def _other(text: str, turn: int) -> str:
    """So that each STORE changes something."""
    return text.replace(" +FLAGS", " -FLAGS") if turn % 2 == 0 else text
