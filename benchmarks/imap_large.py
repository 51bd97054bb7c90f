"""A mailbox of 100,000 messages: SELECT, FETCH, STORE and resynchronising, beside Dovecot."""

import time
from collections.abc import Iterator

from benchmarks.imap_load import ImapClient
from benchmarks.imap_pair import Pair, figures, pair
from benchmarks.messages import message
from benchmarks.report import Figure, in_turn

MESSAGES = 100_000
ENVELOPES = "FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)"
SETTLED = 45  # seconds in which what is made in the background is made


def run() -> Iterator[Figure]:
    """The figures of this scenario; none when Dovecot is missing."""
    with pair() as both:
        if both is None:
            return
        both.fill(MESSAGES, lambda number: message(number, 1_200))
        yield from figures("IMAP 100,000", "ms", both.compare(_warm), less_is_better=True)
        time.sleep(SETTLED)
        yield from figures("IMAP 100,000", "ms", _cold(both), less_is_better=True)


def _warm(client: ImapClient) -> dict[str, float]:
    return {
        "UID FLAGS": 1e3 * client.seconds("FETCH 1:* (UID FLAGS)"),
        "FAST + ENVELOPE, warm": 1e3 * client.seconds(ENVELOPES),
        "SELECT, warm": 1e3 * _selecting(client),
        "STORE, with replies": 1e3 * _storing(client, "FLAGS"),
        "STORE, silent": 1e3 * _storing(client, "FLAGS.SILENT"),
        "QRESYNC, 1 % changed": 1e3 * _resynchronising(client),
    }


def _selecting(client: ImapClient) -> float:
    return sum(client.seconds("SELECT INBOX") for _ in range(20)) / 20


def _storing(client: ImapClient, item: str) -> float:
    return (
        client.seconds(f"STORE 1:* +{item} (\\Flagged)")
        + client.seconds(f"STORE 1:* -{item} (\\Flagged)")
    ) / 2


def _resynchronising(client: ImapClient) -> float:
    """SELECT by QRESYNC after flags of each hundredth message have changed."""
    client.command("ENABLE QRESYNC")
    client.command("SELECT INBOX")
    validity, modseq = client.code(b"UIDVALIDITY"), client.code(b"HIGHESTMODSEQ")
    some = ",".join(str(number) for number in range(1, MESSAGES, 100))
    client.command(f"UID STORE {some} +FLAGS.SILENT (\\Answered)")
    client.command("CLOSE")
    seconds = client.seconds(f"SELECT INBOX (QRESYNC ({validity} {modseq}))")
    client.command(f"UID STORE {some} -FLAGS.SILENT (\\Answered)")
    return seconds


def _cold(both: Pair) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    def ours() -> dict[str, float]:
        both.restart()
        return _first(both.ours())

    return in_turn(ours, lambda: _first(both.theirs()))


def _first(client: ImapClient) -> dict[str, float]:
    result = {
        "SELECT, first of the process": 1e3 * client.seconds("SELECT INBOX"),
        "FAST + ENVELOPE, first of the process": 1e3 * client.seconds(ENVELOPES),
    }
    client.close()
    return result
