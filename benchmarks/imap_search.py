"""SEARCH for a substring in 10,000 messages as people get them, beside Dovecot without an index."""

from collections.abc import Iterator

from benchmarks.imap_load import ImapClient
from benchmarks.imap_pair import figures, pair
from benchmarks.messages import WORDS, mixed
from benchmarks.report import Figure

MESSAGES = 10_000
_RARE, _COMMON = WORDS[4321], WORDS[8][:3]


def run() -> Iterator[Figure]:
    """The figures of this scenario; none when Dovecot is missing."""
    with pair() as both:
        if both is None:
            return
        both.fill(MESSAGES, mixed)
        yield from figures("IMAP SEARCH, 10,000,", "ms", both.compare(_search), less_is_better=True)


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
