"""A client that catches up by QRESYNC has the picture of one that asks for everything."""

import asyncio
import random
from collections.abc import Sequence

import pytest

from mailserver.node import Node
from mailserver.storage import events, folding, retention
from mailserver.storage.folding import fold_one
from tests.support.imap_client import Client
from tests.support.imap_doors import Doors, open_doors
from tests.support.imap_memory import Memory, each
from tests.support.node import open_node, settings_for

SMALL = b"Subject: x\r\n\r\nx\r\n"
FLAGS = ("\\Seen", "\\Flagged", "\\Answered", "$Work", "$Junk")


async def resyncing(doors: Doors, memory: Memory | None = None) -> tuple[Client, Memory]:
    """A client that has selected INBOX and knows all of it, by what it remembered."""
    client = await doors.login()
    await client.do("ENABLE QRESYNC")
    memory = Memory() if memory is None else memory
    memory.hear(await client.do(f"SELECT INBOX {memory.parameter if memory.modseq else ''}"))
    memory.discover(await client.do(f"UID FETCH {memory.following}:* (FLAGS)"))
    return client, memory


async def everything(client: Client) -> Memory:
    """What a client knows that remembers nothing."""
    memory = Memory()
    await client.do("EXAMINE INBOX")
    memory.discover(await client.do("UID FETCH 1:* (FLAGS)"))
    return memory


def random_command(chance: random.Random) -> str:
    span = sorted(chance.choices(range(1, 25), k=2))
    uids = f"{span[0]}:{span[1]}" if chance.random() < 0.3 else f"{span[0]}"
    flag = chance.choice(FLAGS)
    return chance.choice(
        (
            f"UID STORE {uids} {chance.choice('+-')}FLAGS ({flag})",
            f"UID STORE {uids} +FLAGS (\\Deleted)",
            "STORE 2 +FLAGS (\\Deleted)",
            f"UID STORE {uids} (UNCHANGEDSINCE {chance.randint(0, 60)}) FLAGS ({flag})",
            f"STORE 1:2 {chance.choice('+-')}FLAGS ({flag})",
            f"STORE 4:* {chance.choice('+-')}FLAGS ({flag})",
            "UID FETCH 1:* (UID FLAGS MODSEQ)",
            "FETCH 1:2 (UID FLAGS MODSEQ)",
            "SEARCH ALL",
            "SEARCH UNSEEN",
            "UID SEARCH UNSEEN",
            "EXPUNGE",
            "EXPUNGE",
            f"UID EXPUNGE {uids}",
            f"UID MOVE {span[0]} INBOX",
            f"UID MOVE {span[0]} Archive",
            "NOOP",
            "APPEND",
            "APPEND",
            "DISCOVER",
        )
    )


async def act(client: Client, memory: Memory, command: str) -> None:
    if command == "APPEND":
        reply = await client.append("INBOX", SMALL, "(\\Draft) ")
    elif command == "DISCOVER":
        reply = await client.ask(f"UID FETCH {memory.following}:* (FLAGS)")
        memory.discover(reply.lines)
    else:
        reply = await client.ask(command)
    # a sequence number that is not there is BAD: nothing was done and nothing told
    memory.hear(reply.lines, reply.tagged)


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_a_client_remembers_it_catches_up(
    node: Node, doors: Doors, dsn: str, seed: int
) -> None:
    chance = random.Random(seed)
    remembered: list[Memory] = []
    async with open_node(dsn, settings_for(node.settings.data)) as other, open_doors(other) as far:
        clients = [await resyncing(doors), await resyncing(doors), await resyncing(far)]
        await filled(clients[0][0], 12)
        for _ in range(100):
            client, memory = chance.choice(clients)
            await act(client, memory, random_command(chance))
            if memory.modseq:
                remembered.append(memory.copy())
            if chance.random() < 0.05:
                await fold_one(node.database)
        truth = await everything(await doors.login())
        for memory in chance.sample(remembered, 40):
            client, resynced = await resyncing(chance.choice((doors, far)), memory)
            assert resynced.flags == truth.flags
            await client.do("LOGOUT")


async def filled(client: Client, count: int = 6) -> None:
    for _ in range(count):
        assert (await client.append("INBOX", SMALL)).ok


async def uids_vanished(client: Client, parameter: str) -> list[int]:
    lines = await client.do(f"SELECT INBOX (QRESYNC ({parameter}))")
    told = [line for line in lines if line.startswith(b"* VANISHED (EARLIER) ")]
    return [uid for line in told for uid in each(line.split(b" ")[-1])]


@pytest.mark.parametrize("folds", [False, True])
async def test_when_the_log_is_too_short_all_that_is_gone_is_told(
    node: Node, doors: Doors, alice: Client, monkeypatch: pytest.MonkeyPatch, folds: bool
) -> None:
    monkeypatch.setattr(folding, "KEPT_EVENTS", 2)
    monkeypatch.setattr(retention, "KEPT_EVENTS", 2)
    await alice.do("ENABLE QRESYNC")
    await filled(alice)  # modseqs 2 to 7
    await alice.do("SELECT INBOX")
    for uid in (1, 3, 5):  # 8 and 9, 10 and 11, 12 and 13
        await alice.do(f"UID STORE {uid} +FLAGS.SILENT (\\Deleted)")
        await alice.do("EXPUNGE")
    assert await uids_vanished(alice, "1 9") == [3, 5]
    await fold_one(node.database)
    if not folds:
        await retention.trim_events(node.database)
    opened = await node.database.fetchval("SELECT min(modseq) FROM mailbox_event")
    assert opened == 11
    # RFC 7162 §3.2.6: the next event is there, or everything is told that does not exist
    assert await uids_vanished(alice, "1 10") == [3, 5]
    assert await uids_vanished(alice, "1 11") == [5]
    assert await uids_vanished(alice, "1 9") == [1, 3, 5]
    assert await uids_vanished(alice, "1 9 2:4") == [3]
    assert await uids_vanished(alice, "1 9 1:6 (1 2)") == [3, 5]
    assert await uids_vanished(alice, "1 9 1:6 (1:2 2,4)") == [5]
    assert await uids_vanished(alice, "1 13 1:6") == []


async def test_a_log_without_the_next_event_reaches_back_no_more(node: Node, alice: Client) -> None:
    await filled(alice, 1)
    async with node.database.connection() as c:
        mailbox = await c.fetchval("SELECT id FROM mailbox WHERE messages = 1")
        assert await events.expunged(c, mailbox, 1) == []
        assert await events.expunged(c, mailbox, 2) is None


async def heard(client: Client) -> Sequence[bytes]:
    async with asyncio.timeout(10):
        while not (lines := await client.do("NOOP")):
            await asyncio.sleep(0.01)
        return lines


async def test_others_expunges_vanish_in_every_session_and_process(
    node: Node, doors: Doors, dsn: str, alice: Client
) -> None:
    await filled(alice, 5)
    await alice.do("SELECT INBOX")
    async with open_node(dsn, settings_for(node.settings.data)) as other, open_doors(other) as far:
        near, distant = (await resyncing(doors))[0], (await resyncing(far))[0]
        idle = (await resyncing(far))[0]
        idle.send(b"i1 IDLE\r\n")
        assert (await idle.line()).startswith(b"+ ")
        await alice.do("STORE 2,3,5 +FLAGS.SILENT (\\Deleted)")
        await alice.do("EXPUNGE")
        # here both changes are told at once, and what is gone needs no flags
        assert (await near.do("NOOP"))[0] == b"* VANISHED 2:3,5"
        lines: list[bytes] = []
        while b"* VANISHED 2:3,5" not in lines:
            lines += await heard(distant)
        lines = []
        while b"* VANISHED 2:3,5" not in lines:
            lines.append(await idle.line())
        told = [b"* %d FETCH (UID %d FLAGS (\\Deleted) MODSEQ (7))" % (n, n) for n in (2, 3, 5)]
        assert lines[:-1] in ([], told)
        for client in (near, distant):
            assert await client.do("FETCH 1:* UID") == [
                b"* 1 FETCH (UID 1)",
                b"* 2 FETCH (UID 4)",
            ]


async def test_a_modseq_is_held_back_while_an_expunge_waits(doors: Doors, alice: Client) -> None:
    await filled(alice, 4)  # modseqs 2 to 5
    await alice.do("SELECT INBOX")
    phone, memory = await resyncing(doors)
    await alice.do("STORE 2 +FLAGS.SILENT (\\Deleted)")  # 6
    await alice.do("EXPUNGE")  # 7
    await alice.do("STORE 1 +FLAGS.SILENT (\\Seen)")  # 8
    reply = await phone.ask("SEARCH ALL")
    assert reply.lines == [
        b"* SEARCH 1 2 3 4",
        b"* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (8))",
        b"* 2 FETCH (UID 2 FLAGS (\\Deleted) MODSEQ (6))",
        b"* OK [HIGHESTMODSEQ 6] Highest modification sequence",
    ]
    memory.hear(reply.lines, reply.tagged)
    assert memory.modseq == 6
    reply = await phone.ask("STORE 3 +FLAGS.SILENT (\\Seen)")  # 9
    assert reply.lines[-1] == b"* OK [HIGHESTMODSEQ 6] Highest modification sequence"
    # RFC 7162 §3.2.10.2: a UID SEARCH by number leaves the numbers as they are
    assert b"* SEARCH 3" in await phone.do("UID SEARCH 3")
    assert await phone.do("UID SEARCH UID 3") == [
        b"* SEARCH 3",
        b"* VANISHED 2",
        b"* OK [HIGHESTMODSEQ 9] Highest modification sequence",
    ]
    assert await phone.do("NOOP") == []


async def test_what_is_told_by_expunge_is_told_without_qresync(doors: Doors, alice: Client) -> None:
    await filled(alice, 3)
    await alice.do("SELECT INBOX (CONDSTORE)")
    await alice.do("STORE 2 +FLAGS.SILENT (\\Deleted)")
    reply = await alice.ask("EXPUNGE")
    assert reply.lines == [b"* 2 EXPUNGE"]
    assert reply.tagged == b"OK EXPUNGE completed"


async def test_many_expunges_are_few_words(alice: Client) -> None:
    await alice.do("ENABLE CONDSTORE QRESYNC")
    await filled(alice, 12)
    await alice.do("SELECT INBOX")
    await alice.do("STORE 2:9,11 +FLAGS.SILENT (\\Deleted)")
    assert await alice.do("EXPUNGE") == [b"* VANISHED 2:9,11"]
    assert await alice.do("UID FETCH 1:* (UID) (CHANGEDSINCE 1 VANISHED)") == [
        b"* VANISHED (EARLIER) 2:9,11",
        b"* 1 FETCH (UID 1 MODSEQ (2))",
        b"* 2 FETCH (UID 10 MODSEQ (11))",
        b"* 3 FETCH (UID 12 MODSEQ (13))",
    ]
