"""What a process reads of a large mailbox that it does not know: few pieces, the same answers."""

import asyncio
from array import array
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.mailboxes import snapshot
from imap.mailboxes.columns import DELETED, FLAGGED, SEEN, Columns
from imap.mailboxes.opened import OpenMailbox
from imap.mailboxes.writing import Change, Storing
from imap.messages.cache import Batch, MessageCache, RowByRow
from imap.session import Services
from mailserver.housekeeping import sweep
from mailserver.storage import folding, mailboxes, packs
from mailserver.storage.messages import Column
from tests.support.imap_session import Client, services
from tests.support.store import Process, message, process

MANY = 1_100
ITEMS = b"FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE"
ALL = ITEMS + b" BODY.PEEK[HEADER.FIELDS (SUBJECT FROM)])"


def rows(columns: Columns) -> list[tuple[int, int, int, int]]:
    entries = map(columns.entry, range(len(columns)))
    return [(one.uid, one.message_id, one.flags, one.modseq) for one in entries]


# ── the columns of a mailbox ─────────────────────────────────────────────────────────────────

_ROWS = st.lists(st.tuples(st.integers(0, 2**63), st.integers(0, 2**40 - 1), st.integers(1, 2**63)))


@given(_ROWS)
def test_a_snapshot_gives_the_columns_back(some: list[tuple[int, int, int]]) -> None:
    columns = Columns()
    columns.append((uid + 1, *row) for uid, row in enumerate(some))
    again = snapshot.decode(snapshot.encode(columns))
    assert again is not None
    assert rows(again) == rows(columns)


@given(st.binary())
def test_what_is_no_snapshot_of_ours_is_none(data: bytes) -> None:
    assert snapshot.decode(data) is None
    assert snapshot.decode(snapshot.encode(Columns()) + b"x") is None


async def filled(one: Process) -> OpenMailbox:
    for start in range(0, MANY, 100):
        await asyncio.gather(*(one.deliver(1, message(start + n)) for n in range(100)))
    opened = await one.mailboxes.open((await one.mailbox(1)).id)
    await one.mailboxes.settled()
    return opened


async def test_a_cold_process_begins_with_the_snapshot(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one:
        mine = await filled(one)
        await mine.store(Storing([(1, 700)], Change.ADD, SEEN, ("Work",)))
        await mine.store(Storing([(5, 6)], Change.ADD, DELETED))
        await mine.expunge()
        assert await folding.fold_one(one.database)
        await mine.store(Storing([(9, 9)], Change.REPLACE, FLAGGED))
        await one.deliver(1, message(9_999))
        await mine.refresh()
        # The rows are hidden from the next process: all it can have comes from the snapshot.
        async with one.database.connection() as c:
            await c.execute("DELETE FROM mailbox_message WHERE uid < 1000")
        async with process(dsn, tmp_path) as two:
            his = await two.mailboxes.open(mine.state.id)
            assert rows(his.state.columns) == rows(mine.state.columns)
            assert (his.state.modseq, his.state.uid_next) == (mine.state.modseq, MANY + 2)
            assert his.state.keywords == ["Work"]
            await his.store(Storing([(10, 10)], Change.ADD, FLAGGED))
            await asyncio.sleep(0.1)
            await mine.refresh()
            assert rows(his.state.columns) == rows(mine.state.columns)


async def test_a_snapshot_that_the_log_does_not_reach_is_passed_by(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "KEPT_EVENTS", 1)
    async with process(dsn, tmp_path) as one:
        mine = await filled(one)
        for uid in range(1, 10):
            await mine.store(Storing([(uid, uid)], Change.ADD, SEEN))
        assert await folding.fold_one(one.database)
        async with process(dsn, tmp_path) as two:
            his = await two.mailboxes.open(mine.state.id)
            assert rows(his.state.columns) == rows(mine.state.columns)


async def test_a_small_mailbox_has_no_snapshot(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one:
        await one.deliver(1, message(1))
        await one.mailboxes.open((await one.mailbox(1)).id)
        await one.mailboxes.settled()
        async with one.database.connection() as c:
            assert await c.fetchval("SELECT count(*) FROM mailbox_snapshot") == 0


# ── packs ────────────────────────────────────────────────────────────────────────────────────


async def listed(client: Client, count: int) -> list[bytes]:
    for start in range(0, count, 100):
        numbers = range(start, min(start + 100, count))
        await asyncio.gather(*(client.deliver(_letter(n)) for n in numbers))
    await client.ok(b"SELECT INBOX")
    return await client.ok(ALL)


def _letter(number: int) -> bytes:
    return b"From: <ann@elsewhere.test>\r\nSubject: %d\r\n\r\n%d\r\n" % (number, number)


async def packed(shared: Services) -> None:
    while await packs.pack_one(shared.node.database):
        pass


async def test_what_was_read_row_by_row_comes_from_packs(shared: Services) -> None:
    client = await Client.login(shared)
    before = await listed(client, 620)
    await packed(shared)
    async with shared.node.database.connection() as c:
        assert await c.fetchval("SELECT count(*) FROM mailbox_pack") == 2
        await c.execute("DELETE FROM message")  # so that nothing else can tell
    cold = await Client.login(services(shared.node))
    await cold.ok(b"SELECT INBOX")
    assert [_unmarked(line) for line in await cold.ok(ALL)] == [_unmarked(line) for line in before]


def _unmarked(line: bytes) -> bytes:
    """The line without \\Recent, which is the first session's own."""
    return line.replace(b"\\Recent", b"")


async def test_few_messages_are_not_packed(shared: Services) -> None:
    client = await Client.login(shared)
    await listed(client, 120)
    async with shared.node.database.connection() as c:
        assert await c.fetchval("SELECT count(*) FROM mailbox_unpacked") == 0


async def test_a_pack_with_an_expunged_message_goes_with_it(shared: Services) -> None:
    client = await Client.login(shared)
    await listed(client, 620)
    await packed(shared)
    await client.ok(b"STORE 600 +FLAGS.SILENT (\\Deleted)")
    await client.ok(b"EXPUNGE")
    while await folding.fold_one(shared.node.database):
        pass
    cold = await Client.login(services(shared.node))
    await cold.ok(b"SELECT INBOX")
    assert len(await cold.ok(ALL)) == 619
    later = datetime.now(UTC) + timedelta(seconds=shared.node.settings.retention.expunged + 60)
    await sweep(shared.node, later)
    async with shared.node.database.connection() as c:
        assert [row[0] for row in await c.fetch("SELECT first_uid FROM mailbox_pack")] == [1]
    cold = await Client.login(services(shared.node))
    await cold.ok(b"SELECT INBOX")
    assert len(await cold.ok(ALL)) == 619


async def test_packs_and_snapshot_go_with_their_mailbox(shared: Services) -> None:
    client = await Client.login(shared)
    await listed(client, MANY)
    await packed(shared)
    async with shared.node.database.transaction() as c:
        inbox = await mailboxes.find(c, client.account.id, "INBOX")
        assert inbox is not None
        await packs.wish(c, inbox.id, 1, 5)
        await mailboxes.delete(c, inbox.id)
        for table in ("mailbox_pack", "mailbox_snapshot", "mailbox_unpacked"):
            assert await c.fetchval(f"SELECT count(*) FROM {table}") == 0
        await packs.wish(c, inbox.id, 1, 5)
    await packed(shared)  # a wish that comes late is dropped


# ── what is kept in memory ───────────────────────────────────────────────────────────────────


async def test_the_cache_keeps_no_more_than_its_limit(shared: Services) -> None:
    client = await Client.login(shared)
    before = await listed(client, 620)
    await packed(shared)
    shared.messages = MessageCache(shared.node.database, 20_000)
    for size in range(1, 40):  # more kinds of made values than are kept
        await client.ok(b"FETCH 1:3 BODY.PEEK[HEADER.FIELDS (SUBJECT)]<0.%d>" % size)
    assert await client.ok(ALL) == before
    assert shared.messages.size <= 20_000


async def test_a_message_without_kept_fields_is_read_by_its_row(shared: Services) -> None:
    client = await Client.login(shared)
    many = b"".join(b"Subject: %d %s\r\n" % (n, b"x" * 900) for n in range(100))
    await client.deliver(many + b"\r\nbody\r\n")
    await client.deliver(_letter(1))
    await client.ok(b"SELECT INBOX")
    one, two = await client.ok(b"FETCH 1:2 BODY.PEEK[HEADER.FIELDS (SUBJECT)]")
    assert many + b"\r\n" in one
    assert b"Subject: 1\r\n\r\n" in two


async def test_what_is_gone_is_in_no_column(shared: Services) -> None:
    cache = MessageCache(shared.node.database, 1 << 20)
    batch = Batch(1, array("I", [1]), array("Q", [12345]))
    assert await cache.column(Column.STATIC, batch, RowByRow()) is None
