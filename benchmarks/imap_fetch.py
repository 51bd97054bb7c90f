"""FETCH from a mailbox of 10,000 messages as people get them, warm, beside Dovecot."""

import time
from collections.abc import Iterator

from benchmarks.imap_load import ImapClient
from benchmarks.imap_pair import figures, pair
from benchmarks.messages import mixed
from benchmarks.report import Figure

MESSAGES = 10_000
ONE_BY_ONE = 500
COMMANDS = {
    "BODYSTRUCTURE, 10,000": ("FETCH 1:* (BODYSTRUCTURE)", MESSAGES),
    "HEADER.FIELDS, 10,000": ("FETCH 1:* (BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT)])", MESSAGES),
    "BODY.PEEK[], 1,000 in one": ("FETCH 1:1000 (BODY.PEEK[])", 1_000),
}


def run() -> Iterator[Figure]:
    """The figures of this scenario; none when Dovecot is missing."""
    with pair() as both:
        if both is None:
            return
        both.fill(MESSAGES, mixed)
        yield from figures("IMAP FETCH", "rows/s", both.compare(_fetch))


def _fetch(client: ImapClient) -> dict[str, float]:
    rates = {name: rows / client.seconds(command) for name, (command, rows) in COMMANDS.items()}
    started = time.perf_counter()
    for number in range(2_000, 2_000 + ONE_BY_ONE):
        client.command(f"UID FETCH {number} (BODY.PEEK[])")
    rates["BODY.PEEK[], one by one"] = ONE_BY_ONE / (time.perf_counter() - started)
    return rates
