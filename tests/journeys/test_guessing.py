"""A thousand guesses of passwords at two servers of one database, and users who log in meanwhile.

One half guesses at one account, each time from another network; the other half comes from one
network and guesses at another account each time.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.imap_client import Client
from tests.support.letters import trusting
from tests.support.server import Server, running

GUESSES = 500  # of each half
AT_ONCE = 4  # of each half, at both servers together
PER_ACCOUNT, PER_NETWORK, WINDOW = 10, 11, 60.0  # seconds
FIRST_DELAY = 0.001  # seconds
CAROL, DAVE, PASSWORD = "carol@acme.test", "dave@acme.test", "correct horse"
HOME, OFFICE, ELSEWHERE = "127.200.1.1", "127.200.2.1", "127.200.3.1"
BAD_NETWORK = "127.66.6."
TLS = trusting()
SETTINGS = {
    "MAILSERVER__LIMITS__EXEMPT_NETWORKS": '["192.0.2.0/24"]',
    "MAILSERVER__LIMITS__FAILED_LOGINS_PER_ACCOUNT": str(PER_ACCOUNT),
    "MAILSERVER__LIMITS__FAILED_LOGINS_PER_NETWORK": str(PER_NETWORK),
    "MAILSERVER__LIMITS__FAILED_LOGIN_DELAY": str(FIRST_DELAY),
    "MAILSERVER__LIMITS__FAILED_LOGIN_WINDOW": str(WINDOW),
}


@dataclass(slots=True)
class Attack:
    """What its guesses were answered; `slowest` is in seconds, of those that were looked at."""

    answers: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0

    def looked_at(self) -> int:
        return self.answers["AUTHENTICATIONFAILED"]


@pytest.fixture
async def pair(dsn: str, tmp_path: Path) -> AsyncIterator[tuple[Server, Server]]:
    """Two servers of one database, and two accounts."""
    options = {"workers": 1, "roles": ("imap",), "MAILSERVER__DATABASE__DSN": dsn}
    with (
        running(tmp_path / "one", **options, **SETTINGS) as one,
        running(tmp_path / "two", **options, **SETTINGS) as two,
    ):
        for command in (
            ("org", "add", "acme"),
            ("domain", "add", "acme.test", "--organization", "acme"),
            ("domain", "activate", "acme.test"),
            ("account", "add", CAROL, "--password-stdin"),
            ("account", "add", DAVE, "--password-stdin"),
        ):
            done = await asyncio.to_thread(one.cli, *command, input=PASSWORD)
            assert done.returncode == 0, done.stderr
        yield one, two
        for server in (one, two):
            assert await asyncio.to_thread(server.stop) == 0
            assert not any("Traceback" in line for line in server.output)


async def login(server: Server, source: str, address: str, password: str = PASSWORD) -> str:
    """OK, or the response code of the refusal."""
    client = await Client.connect(server.ports["imaps"], tls=TLS, source=source)
    try:
        assert (await client.line()).startswith(b"* OK ")
        client.send(f'a LOGIN {address} "{password}"\r\n'.encode())
        # As long as the longest delay, and what the machine needs.
        while not (answer := await client.line(60)).startswith(b"a "):
            assert answer, "closed"
    finally:
        await client.close()
    return "OK" if answer.startswith(b"a OK") else answer.split(b"[")[1].split(b"]")[0].decode()


async def guess(pair: tuple[Server, Server], who: Callable[[int], tuple[str, str]]) -> Attack:
    """GUESSES logins, `who(number)` says from where and as whom; at both servers in turn."""
    attack, numbers = Attack(), iter(range(GUESSES))

    async def work() -> None:
        for number in numbers:
            begun = time.monotonic()
            answer = await login(pair[number % 2], *who(number), f"guess {number}")
            attack.answers[answer] += 1
            if answer == "AUTHENTICATIONFAILED":
                attack.slowest = max(attack.slowest, time.monotonic() - begun)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(work())
    return attack


def assert_limited(attack: Attack, limit: int, seconds: float) -> None:
    """No more was looked at than the limit of both servers together lets through."""
    assert attack.answers.keys() == {"AUTHENTICATIONFAILED", "UNAVAILABLE"}
    assert attack.answers.total() == GUESSES
    forgotten = seconds * limit / WINDOW
    assert limit - 1 <= attack.looked_at() <= limit + AT_ONCE + forgotten
    # The last before the limit had waited for twice as long as the one before it, and so on.
    assert attack.slowest >= FIRST_DELAY * 2 ** (limit - 2)


@pytest.mark.timeout(240)
async def test_a_thousand_guesses_are_delayed_and_limited_by_two_servers_together(
    pair: tuple[Server, Server],
) -> None:
    one, two = pair
    assert await login(one, HOME, CAROL) == "OK"
    begun = time.monotonic()
    async with asyncio.TaskGroup() as group:
        at_carol = group.create_task(
            guess(pair, lambda number: (f"127.{10 + number // 250}.{number % 250}.1", CAROL))
        )
        from_network = group.create_task(
            guess(
                pair,
                lambda number: (f"{BAD_NETWORK}{number % 250 + 1}", f"user{number}@acme.test"),
            )
        )
        good = 0
        while not (at_carol.done() and from_network.done()):
            for server in pair:
                # Who is not attacked notices nothing, who is comes in from where she was lately.
                assert await login(server, OFFICE, DAVE) == "OK"
                assert await login(server, HOME, CAROL) == "OK"
                good += 2
            await asyncio.sleep(0.2)
    seconds = time.monotonic() - begun
    assert good > 10
    assert_limited(at_carol.result(), PER_ACCOUNT, seconds)
    assert_limited(from_network.result(), PER_NETWORK, seconds)
    listed = await asyncio.to_thread(two.json, "limits", "logins", "list")
    assert {CAROL, f"{BAD_NETWORK}0/24"} <= {row["subject"] for row in listed}
    # The limits end by themselves, at both servers.
    for server, source, address in ((two, ELSEWHERE, CAROL), (one, f"{BAD_NETWORK}1", DAVE)):
        async with asyncio.timeout(2 * WINDOW):
            while (answer := await login(server, source, address)) != "OK":
                assert answer == "UNAVAILABLE"
                await asyncio.sleep(0.5)
