"""Many clients at once in the mailboxes of one account, over two workers, every line checked.

MAILSERVER_STRESS="CLIENTS SECONDS" makes it larger, MAILSERVER_STRESS_SEED repeats its dice.
"""

import asyncio
import os
import random
import re
import time

import pytest

from tests.support.imap_client import Client
from tests.support.imap_picture import Picture
from tests.support.letters import trusting
from tests.support.owner import Owner
from tests.support.server import Server
from tests.support.stress import MAILBOXES, Actor, Ledger, Place

CLIENTS, SECONDS = map(int, os.environ.get("MAILSERVER_STRESS", "20 20").split())
SEED = int(os.environ.get("MAILSERVER_STRESS_SEED", time.time_ns() % 1_000_000))


async def actor(owner: Owner, ledger: Ledger, name: str) -> Actor:
    client = await Client.connect(owner.server.ports["imaps"], tls=trusting())
    assert (await client.line()).startswith(b"* OK ")
    await client.do(f'LOGIN {owner.address} "{owner.password}"')
    return Actor(name, client, ledger, random.Random(f"{SEED} {name}"))


async def seen_at_the_end(fresh: Actor, mailbox: str) -> tuple[Picture, dict[Place, str]]:
    """What a client sees that has only just come, and which message is where."""
    fresh.picture = Picture()
    await fresh.ask(b"EXAMINE", b" " + mailbox.encode())
    there: dict[Place, str] = {}
    if fresh.picture.exists:
        text = b" 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])"
        for line in (await fresh.ask(b"UID FETCH", text)).lines:
            found = re.search(rb"UID (\d+).*Subject: (\w+)", line, re.DOTALL)
            assert found is not None, line
            there[mailbox, int(found[1])] = found[2].decode()
    assert len(there) == fresh.picture.exists
    return fresh.picture, there


def assert_same(told: Picture, truth: Picture) -> None:
    """What a client was told bit by bit is what there is."""
    assert told.exists == truth.exists
    assert told.uid_validity == truth.uid_validity
    for known, uid in zip(told.uids, truth.uids, strict=True):
        assert known in (None, uid)
    for believed, flags in zip(told.flags, truth.flags, strict=True):
        assert believed in (None, flags)


def assert_on_all_workers(server: Server) -> None:
    port = server.ports["imaps"]
    for worker in server.workers():
        open_here = [c for c in worker.net_connections("tcp") if c.raddr and c.laddr.port == port]
        assert open_here


@pytest.mark.timeout(120 + 3 * SECONDS)
async def test_many_clients_end_with_one_picture_and_nothing_is_lost(server: Server) -> None:
    print(f"seed {SEED}")
    owner = await asyncio.to_thread(Owner.make, server)
    ledger = Ledger()
    actors = [await actor(owner, ledger, str(number)) for number in range(CLIENTS)]
    end = time.monotonic() + SECONDS

    async def work(one: Actor) -> None:
        while time.monotonic() < end:
            await one.act()

    assert_on_all_workers(server)
    async with asyncio.TaskGroup() as group:
        for one in actors:
            group.create_task(work(one))
    await asyncio.sleep(1.0)  # the other worker hears by a notification
    fresh = await actor(owner, ledger, "fresh")
    there: dict[Place, str] = {}
    for mailbox in MAILBOXES:
        truth, messages = await seen_at_the_end(fresh, mailbox)
        there |= messages
        for one in actors:
            if one.mailbox == mailbox:
                await one.noop()
                assert_same(one.picture, truth)
    ledger.check(there)
    print(f"{sum(one.commands for one in actors)} commands, {len(ledger.placed)} messages")
    for one in (*actors, fresh):
        await one.client.close()
