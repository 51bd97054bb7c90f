"""FETCH from a mailbox of 10,000 messages, warm, beside Dovecot with the same messages."""

import time

from benchmarks import ours, peers
from benchmarks.imap_load import ImapClient
from benchmarks.messages import message
from benchmarks.peers import PASSWORD, USER
from benchmarks.report import Figure, in_turn

MESSAGES = 10_000
BODIES = [message(number, 2_000 + number * 37 % 6_000) for number in range(500)]
COMMANDS = {
    "UID FLAGS, 10,000": ("FETCH 1:* (UID FLAGS)", MESSAGES),
    "FAST + ENVELOPE, 10,000": ("FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)", MESSAGES),
    "BODYSTRUCTURE, 10,000": ("FETCH 1:* (BODYSTRUCTURE)", MESSAGES),
    "HEADER.FIELDS, 10,000": ("FETCH 1:* (BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT)])", MESSAGES),
    "BODY.PEEK[], 1,000 in one": ("FETCH 1:1000 (BODY.PEEK[])", 1_000),
}


def run() -> list[Figure]:
    """The figures of this scenario; none when Dovecot is missing."""
    if why := peers.missing("dovecot"):
        print(f"Dovecot is left out: {why}")
        return []
    with (
        ours.running(users=1, workers=1) as server,
        peers.folder() as folder,
        peers.dovecot(folder, users=1) as peer,
    ):
        mine = _filled(ImapClient(server.ports["imaps"], USER.format(0), PASSWORD, tls=True))
        plain = _filled(ImapClient(peer.port, USER.format(0), PASSWORD))
        a, b = in_turn(lambda: _fetch_all(mine), lambda: _fetch_all(plain))
        mine.close()
        plain.close()
    return [
        Figure(f"IMAP FETCH {name}", "rows/s", a[name], "Dovecot", b[name]) for name in COMMANDS
    ]


def _filled(client: ImapClient) -> ImapClient:
    for start in range(0, MESSAGES, len(BODIES)):
        client.append("INBOX", BODIES[: MESSAGES - start])
    client.command("SELECT INBOX")
    return client


def _fetch_all(client: ImapClient) -> dict[str, float]:
    figures = {}
    for name, (command, rows) in COMMANDS.items():
        started = time.perf_counter()
        client.command(command)
        figures[name] = rows / (time.perf_counter() - started)
    return figures
