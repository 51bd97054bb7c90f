"""Many clients at once: logging in, and random commands on shared mailboxes, beside Dovecot."""

import asyncio
import random
from collections.abc import Iterator

import uvloop

from benchmarks.imap_pair import Pair, figures, pair
from benchmarks.imap_talk import Talk, rate
from benchmarks.messages import message
from benchmarks.report import Figure, in_turn

USERS = 5
MESSAGES = 200
LOGINS = 1_000
MIXED = {20: 6_000, 100: 6_000}  # clients → commands


def run() -> Iterator[Figure]:
    """The figures of this scenario; none when Dovecot is missing."""
    with pair(users=USERS, workers=2) as both:
        if both is None:
            return
        for user in range(USERS):
            for client in (both.ours(user), both.theirs(user)):
                client.append("INBOX", [message(number, 4_000) for number in range(MESSAGES)])
                client.close()
        yield from figures("IMAP", "/s", _compared(both))


def _compared(both: Pair) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    def measure(port: int) -> dict[str, float]:
        figures = {"LOGIN, 20 side by side": uvloop.run(_log_in(port))}
        for clients, commands in MIXED.items():
            name = f"commands, {clients} mixed clients"
            figures[name] = uvloop.run(_mixed(port, clients, commands))
        return figures

    return in_turn(lambda: measure(both.server.ports["imaps"]), lambda: measure(both.peer.imaps))


async def _log_in(port: int) -> float:
    async def several() -> None:
        for number in range(LOGINS // 20):
            talk = await Talk.open(port)
            await talk.login(number % USERS)
            talk.close()

    return await rate(LOGINS, [several() for _ in range(20)])


async def _mixed(port: int, clients: int, commands: int) -> float:
    talks = [await Talk.open(port) for _ in range(clients)]
    for number, talk in enumerate(talks):
        await talk.login(number % USERS)
        await talk.command("SELECT INBOX")
    each = commands // clients
    speed = await rate(
        each * clients, [_random(talk, seed, each) for seed, talk in enumerate(talks)]
    )
    for talk in talks:
        talk.close()
    return speed


async def _random(talk: Talk, seed: int, count: int) -> None:
    source = random.Random(seed)
    for _ in range(count):
        uid = source.randint(1, MESSAGES)
        kind = source.choices(range(len(_COMMANDS)), _WEIGHTS)[0]
        text, _ = _COMMANDS[kind]
        content = message(uid, 4_000) if text.startswith("APPEND") else None
        await talk.command(text.format(uid=uid, more=uid + 20, flag=source.choice("+-")), content)
        await asyncio.sleep(0)


_COMMANDS = (
    ("UID FETCH {uid}:{more} (FLAGS)", 20),
    ("UID FETCH {uid}:{more} (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)", 15),
    ("UID FETCH {uid} (BODY.PEEK[])", 15),
    ("UID STORE {uid} {flag}FLAGS (\\Flagged)", 12),
    ("UID SEARCH UNSEEN", 5),
    ("NOOP", 15),
    ("STATUS INBOX (MESSAGES UNSEEN UIDNEXT)", 8),
    ("SELECT INBOX", 3),
    ('LIST "" *', 2),
    ("APPEND INBOX", 5),
)
_WEIGHTS = [weight for _, weight in _COMMANDS]
