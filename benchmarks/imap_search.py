"""SEARCH for a substring in 10,000 messages as people get them, beside Dovecot without an index."""

import time
from collections.abc import Iterator

from benchmarks.imap_load import ImapClient
from benchmarks.imap_pair import figures, pair
from benchmarks.messages import WORDS, mixed
from benchmarks.report import Figure
from tests.support.server import Server

MESSAGES = 10_000
INDEXED = 180  # seconds in which all messages must be in the index
_RARE, _COMMON = WORDS[4321], WORDS[8][:3]


def run() -> Iterator[Figure]:
    """The figures of this scenario; none when Dovecot is missing."""
    with pair() as both:
        if both is None:
            return
        both.fill(MESSAGES, mixed)
        _wait_for_index(both.server)
        yield from figures("IMAP SEARCH, 10,000,", "ms", both.compare(_search), less_is_better=True)


def _wait_for_index(server: Server) -> None:
    deadline = time.monotonic() + INDEXED
    while server.json("store", "index")["waiting"]:
        if time.monotonic() > deadline:
            raise TimeoutError("the messages are not indexed")
        time.sleep(1)


def _search(client: ImapClient) -> dict[str, float]:
    return {
        name: 1e3 * client.seconds(f"SEARCH {keys}")
        for name, keys in (
            ("BODY, a word", f'BODY "{_RARE}"'),
            ("BODY, within a word", f'BODY "{_RARE[1:-1]}"'),
            ("BODY, three letters", f'BODY "{_COMMON}"'),
            ("BODY, two letters", 'BODY "qz"'),
            ("BODY, nowhere", 'BODY "no such thing"'),
            ("TEXT, a word", f'TEXT "{_RARE}"'),
        )
    }
