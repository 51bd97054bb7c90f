"""kill -9 of everything, again and again, while mail comes in: what was accepted is there.

The tree is the parent, the workers and the embedded PostgreSQL. Every message goes to two mailboxes
in one transaction, some are too large for the spool and become objects, some go on to another host.
"""

import contextlib
import hashlib
import random
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.support.dns_thread import dns_beside
from tests.support.letters import ALICE, BOB, reading
from tests.support.persistent_senders import Mail, Senders
from tests.support.programs import eventually
from tests.support.remote_mx import RemoteMx, free_port, remote_mx
from tests.support.server import Server, running

MESSAGES, SESSIONS, KILLS = 1000, 20, 10
SEED = 2026
FORWARDED = "away@example.test"  # an alias of somebody at another host
LARGE = 160 * 1024  # bytes: an object, not in the spool
LEASE = 5.0  # seconds until what a killed worker had claimed is claimed again

ZONE = """
remote.test. IN MX 10 mx.remote.test.
mx.remote.test. IN A 127.0.0.1
"""


@dataclass(slots=True)
class Place:
    """Our server and the host that it forwards to."""

    server: Server
    remote: RemoteMx


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    port = free_port()
    with dns_beside() as dns, remote_mx("127.0.0.1", port) as remote:
        dns.add(ZONE)
        settings = {
            "RESOLVER": f'["{dns.address}"]',
            "SMTP_PORT": str(port),
            "RETRY_FIRST": "1.0",
            "RETRY_MOST": "2.0",
            "LEASE": str(LEASE),
        }
        environment = {f"MAILSERVER__DELIVERY__{key}": value for key, value in settings.items()}
        with running(tmp_path / "var", **environment) as server:
            done = server.cli("alias", "add", FORWARDED, "carol@remote.test")
            assert done.returncode == 0, done.stderr
            yield Place(server, remote)


def mail(number: int) -> Mail:
    """A message that is like no other."""
    header = (
        f"From: <ann@elsewhere.test>\r\nTo: <{BOB}>, <{ALICE}>\r\nSubject: number {number}\r\n"
        f"Message-ID: <{number}@elsewhere.test>\r\nDate: Tue, 24 Nov 2026 04:00:00 +0000\r\n\r\n"
    )
    line = hashlib.sha256(str(number).encode()).hexdigest() + "\r\n"
    size = LARGE if number % 25 == 0 else 200 + number % 4000
    content = (header + line * (size // len(line) + 1)).encode()
    recipients = [BOB, ALICE, *([FORWARDED] if number % 10 == 1 else [])]
    return Mail(number, "ann@elsewhere.test", recipients, content)


def kill(server: Server, rng: random.Random) -> None:
    """kill -9 in any order, at once or with a moment between the first and the others."""
    processes = server.tree()
    for index, process in enumerate(rng.sample(processes, len(processes))):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
        if index == 0 and rng.random() < 0.5:
            time.sleep(rng.random() * 0.05)
    # And who was started in that moment: a parent that still lives replaces who died.
    server.kill_tree()


def kill_and_restart(server: Server, rng: random.Random) -> None:
    kill(server, rng)
    if rng.random() < 0.3:  # and once more while it starts
        server.launch()
        time.sleep(rng.uniform(0.1, 2.0))
        kill(server, rng)
    server.start()


@pytest.mark.timeout(300)
def test_what_was_accepted_is_there_exactly_once(place: Place) -> None:
    rng = random.Random(SEED)
    mails = [mail(number) for number in range(MESSAGES)]
    server = place.server
    senders = Senders(server.ports["smtp"], mails, sessions=SESSIONS, seed=SEED)
    senders.start()
    try:
        for _ in range(KILLS):
            goal = min(senders.accepted + rng.randint(30, 70), MESSAGES)
            eventually(lambda goal=goal: senders.accepted >= goal, 60)
            time.sleep(rng.random() * 0.05)
            kill_and_restart(server, rng)
        assert senders.join(60), f"{senders.accepted} of {MESSAGES} accepted"
    finally:
        senders.stop()
    assert senders.refused == set()
    assert all(one.accepted for one in mails)
    # The kills met messages whose final dot was sent and whose reply was not yet read.
    assert any(one.unsure for one in mails)

    copies = [stored(server, address, mails) for address in (BOB, ALICE)]
    assert copies[0] == copies[1], "a message is in one mailbox and not in the other"
    for one in mails:
        assert 1 <= copies[0][one.number] <= 1 + one.unsure, one.number
    everything_forwarded(place, mails, copies[0])
    assert server.stop() == 0


def stored(server: Server, address: str, mails: Sequence[Mail]) -> Counter[int]:
    """How often each message is in the INBOX; every one of them whole, the mailbox in order."""
    counted: Counter[int] = Counter()
    with reading(server, address) as client:
        [exists] = client.select("INBOX", readonly=True)[1]
        uids = [int(uid) for uid in client.uid("SEARCH", "ALL")[1][0].split()]
        assert len(uids) == int(exists)
        assert uids == sorted(set(uids))
        [status] = client.status("INBOX", "(MESSAGES UIDNEXT)")[1]
        messages, uid_next = map(int, re.findall(rb" (\d+)", status))
        assert messages == len(uids)
        assert uid_next > uids[-1]
        for first in range(1, len(uids) + 1, 100):
            last = min(first + 99, len(uids))
            lines = client.fetch(f"{first}:{last}", "(BODY.PEEK[])")[1]
            for content in (line[1] for line in lines if isinstance(line, tuple)):
                number = int(re.search(rb"^Subject: number (\d+)", content, re.MULTILINE)[1])
                assert content.endswith(mails[number].content), number
                counted[number] += 1
    assert counted.total() == len(uids)
    return counted


def everything_forwarded(place: Place, mails: Sequence[Mail], copies: Counter[int]) -> None:
    """Each accepted copy went to the other host, which may have got some twice: never less."""
    eventually(lambda: place.server.json("queue", "list") == [], LEASE + 30)
    got = Counter(
        int(re.search(rb"^Subject: number (\d+)", one.content, re.MULTILINE)[1])
        for one in place.remote.received
    )
    wanted = {one.number: copies[one.number] for one in mails if FORWARDED in one.recipients}
    assert set(got) == set(wanted)
    assert all(got[number] >= copies for number, copies in wanted.items())
    assert got.total() <= sum(wanted.values()) + KILLS * 2 * 20
    for one in place.remote.received:
        number = int(re.search(rb"^Subject: number (\d+)", one.content, re.MULTILINE)[1])
        assert one.content.endswith(mails[number].content)
