"""Sessions in several processes write one mailbox in one order."""

import asyncio
from pathlib import Path

import pytest

from imap.mailboxes.columns import DELETED, FLAGGED, SEEN
from imap.mailboxes.opened import MailboxDeleted, OpenMailbox
from imap.mailboxes.writing import Change, Storing, TooManyKeywords
from mailserver.storage import mailboxes
from mailserver.storage.folding import fold_one
from tests.support.store import Process, message, process

ALL = [(1, 2**32 - 1)]


async def filled(one: Process, count: int = 5) -> OpenMailbox:
    for number in range(count):
        await one.deliver(1, message(number))
    return await one.mailboxes.open((await one.mailbox(1)).id)


def flags(opened: OpenMailbox) -> list[int]:
    columns = opened.state.columns
    return [columns.flags(index) for index in range(len(columns))]


async def test_two_processes_see_each_others_changes(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one, process(dsn, tmp_path) as two:
        mine = await filled(one)
        his = await two.mailboxes.open(mine.state.id)
        view = await his.enter(read_only=False)
        heard = asyncio.Event()
        his.idle(view, heard.set)
        await mine.store(Storing([(2, 3)], Change.ADD, SEEN, ("Work",)))
        await asyncio.wait_for(heard.wait(), 2)
        assert view.sync(expunge=True).flags == [2, 3]
        assert flags(his) == [0, SEEN | 1 << 5, SEEN | 1 << 5, 0, 0]
        await his.store(Storing([(3, 3)], Change.ADD, DELETED))
        await his.expunge()
        await asyncio.sleep(0.1)
        await mine.refresh()
        assert list(mine.state.columns.uids) == [1, 2, 4, 5]
        row = await one.mailbox(1)
        assert (row.messages, row.unseen) == (4, 3)


@pytest.mark.parametrize("folds", [False, True])
async def test_a_cold_process_loads_what_a_warm_one_holds(
    dsn: str, tmp_path: Path, folds: bool
) -> None:
    async with process(dsn, tmp_path) as one:
        mine = await filled(one, 10)
        await mine.store(Storing([(1, 6)], Change.ADD, SEEN, ("A", "B")))
        await mine.store(Storing([(2, 3)], Change.REPLACE, FLAGGED, ("B",)))
        await mine.store(Storing([(5, 7)], Change.ADD, DELETED))
        await mine.store(Storing([(6, 6)], Change.REMOVE, DELETED, ("A",)))
        await mine.expunge()
        await one.deliver(1, message(99))
        await mine.refresh()
        if folds:
            assert await fold_one(one.database)
            assert not await fold_one(one.database)
            await mine.store(Storing([(1, 1)], Change.ADD, FLAGGED))
        async with process(dsn, tmp_path) as two:
            his = await two.mailboxes.open(mine.state.id)
            await his.refresh()
            assert flags(his) == flags(mine)
            for column in ("uids", "message_ids", "modseqs"):
                assert getattr(his.state.columns, column) == getattr(mine.state.columns, column)
            assert his.state.modseq == mine.state.modseq
            assert his.state.uid_next == mine.state.uid_next == 12


async def test_concurrent_stores_lose_nothing(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one, process(dsn, tmp_path) as two:
        mine = await filled(one, 3)
        his = await two.mailboxes.open(mine.state.id)
        await asyncio.gather(
            *(mine.store(Storing(ALL, Change.ADD, 0, (f"m{n}",))) for n in range(15)),
            *(his.store(Storing(ALL, Change.ADD, 0, (f"h{n}",))) for n in range(15)),
            *(one.deliver(1, message(n)) for n in range(10)),
        )
        await mine.store(Storing(ALL, Change.ADD, SEEN))
        await his.store(Storing(ALL, Change.ADD, FLAGGED))
        await mine.store(Storing(ALL, Change.REMOVE, FLAGGED))
        await asyncio.sleep(0.1)
        await his.refresh()
        assert flags(mine) == flags(his)
        assert all(mask & SEEN and not mask & FLAGGED for mask in flags(mine))
        assert len(mine.state.keywords) == 30
        assert flags(mine)[0] >> 5 == (1 << 30) - 1
        assert (await one.mailbox(1)).unseen == 0


async def test_store_without_effect_takes_no_modseq(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one:
        mine = await filled(one, 2)
        assert (await mine.store(Storing(ALL, Change.ADD, SEEN))).modseq > 0
        assert (await mine.store(Storing(ALL, Change.ADD, SEEN))).modseq == 0
        assert (await mine.store(Storing(ALL, Change.REMOVE, 0, ("never-seen",)))).modseq == 0


async def test_copy_shares_the_message_and_keeps_flags(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one:
        mine = await filled(one, 3)
        archive = await one.mailbox(1, "Archive")
        await mine.store(Storing([(1, 2)], Change.ADD, SEEN, ("Other", "Work")))
        await mine.store(Storing([(2, 2)], Change.REMOVE, 0, ("Other",)))
        copied = await mine.copy([(2, 3)], archive.id)
        assert (copied.sources, copied.targets) == ([2, 3], [1, 2])
        assert copied.uid_validity == archive.uid_validity
        there = await one.mailboxes.open(archive.id)
        assert there.state.keywords == ["Work"]
        assert flags(there) == [SEEN | 1 << 5, 0]
        assert list(there.state.columns.message_ids) == list(mine.state.columns.message_ids[1:])
        row = await one.mailbox(1, "Archive")
        assert (row.messages, row.unseen) == (2, 1)
        assert row.bytes == (await one.mailbox(1)).bytes * 2 // 3


@pytest.mark.parametrize("reverse", [False, True])
async def test_move_leaves_nothing_behind(dsn: str, tmp_path: Path, reverse: bool) -> None:
    async with process(dsn, tmp_path) as one:
        mine = await filled(one, 3)
        archive = await one.mailbox(1, "Archive")
        moved = await mine.copy([(1, 2)], archive.id, move=True)
        assert moved.sources == [1, 2]
        assert list(mine.state.columns.uids) == [3]
        if reverse:
            there = await one.mailboxes.open(archive.id)
            await there.copy([(2, 2)], mine.state.id, move=True)
            await mine.refresh()
            assert list(mine.state.columns.uids) == [3, 4]
            assert (await one.mailbox(1, "Archive")).messages == 1


@pytest.mark.parametrize("reverse", [False, True])
async def test_what_two_processes_move_at_the_same_time_goes_once(
    dsn: str, tmp_path: Path, reverse: bool
) -> None:
    async with process(dsn, tmp_path) as one, process(dsn, tmp_path) as two:
        names = ("Archive", "INBOX") if reverse else ("INBOX", "Archive")
        source, target = [await one.mailbox(1, name) for name in names]
        assert (target.id < source.id) is reverse
        for number in range(3):
            await one.deliver(1, message(number), source.id)
        mine = await one.mailboxes.open(source.id)
        his = await two.mailboxes.open(source.id)
        # Neither has heard of the other when it begins: who comes second finds less.
        moved = await asyncio.gather(
            mine.copy([(1, 2)], target.id, move=True), his.copy([(2, 3)], target.id, move=True)
        )
        assert sorted(uid for copied in moved for uid in copied.sources) == [1, 2, 3]
        assert (await one.mailbox(1, names[0])).messages == 0
        assert (await one.mailbox(1, names[1])).messages == 3


async def test_moves_in_both_directions_do_not_deadlock(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one, process(dsn, tmp_path) as two:
        mine = await filled(one, 20)
        archive = await one.mailbox(1, "Archive")
        for number in range(20):
            await one.deliver(1, message(number), archive.id)
        there = await two.mailboxes.open(archive.id)
        await asyncio.gather(
            *(mine.copy([(n, n)], archive.id, move=True) for n in range(1, 11)),
            *(there.copy([(n, n)], mine.state.id, move=True) for n in range(1, 11)),
        )
        assert (await one.mailbox(1)).messages == 20
        assert (await one.mailbox(1, "Archive")).messages == 20


async def test_a_mailbox_holds_58_keywords_and_refuses_more(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one:
        mine = await filled(one, 1)
        await mine.store(Storing(ALL, Change.ADD, 0, [f"k{n}" for n in range(58)]))
        with pytest.raises(TooManyKeywords):
            await mine.store(Storing(ALL, Change.ADD, 0, ("one-more",)))
        await mine.store(Storing(ALL, Change.REMOVE, 0, ("not-there",)))
        assert flags(mine) == [((1 << 58) - 1) << 5]


async def test_a_deleted_mailbox_is_noticed_by_other_processes(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one, process(dsn, tmp_path) as two:
        drafts = await one.mailbox(1, "Drafts")
        mine = await one.mailboxes.open(drafts.id)
        async with two.database.transaction() as c:
            await mailboxes.delete(c, drafts.id)
            for payload in two.changes.payloads([drafts.id]):
                await c.execute("SELECT pg_notify('mailbox', $1)", payload)
        await asyncio.sleep(0.1)
        with pytest.raises(MailboxDeleted):
            await mine.refresh()
        with pytest.raises(MailboxDeleted):
            await mine.store(Storing(ALL, Change.ADD, SEEN))


async def test_recent_belongs_to_the_first_session_told(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one:
        mine = await filled(one, 2)
        peek = await mine.enter(read_only=True)
        first = await mine.enter(read_only=False)
        second = await mine.enter(read_only=False)
        assert (peek.recent_count(), first.recent_count(), second.recent_count()) == (2, 2, 0)
        await one.deliver(1, message(3))
        await mine.refresh()
        assert first.sync(expunge=True).recent == 3
        assert second.sync(expunge=True).recent == 0
        await mine.leave(first)
        third = await mine.enter(read_only=False)
        assert third.recent_count() == 0
