"""The text index follows the mailboxes: what comes, what goes, and what dies half way."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from imap.mailboxes.columns import DELETED
from imap.mailboxes.writing import Change, Storing
from mailserver import indexing
from mailserver.indexing import Indexer
from mailserver.metrics import SEARCH_INDEXED, SEARCH_LAG, SEARCH_WAITING
from mailserver.storage import mailboxes, text_packs
from mailserver.storage.folding import fold_one
from mailserver.storage.notifications import MAILBOX
from mailserver.storage.retention import sweep_messages
from mailserver.storage.text_packs import Overtaken
from tests.support.store import NOW, Process, message, process

LATER = NOW + timedelta(days=36_500)
LIMIT = 1 << 20


def word(number: int) -> bytes:
    return message(number).replace(b"xxxx", b"secret%d" % number, 1)


async def vocabulary(one: Process) -> bytes:
    rows = await one.database.fetch("SELECT vocabulary FROM text_pack ORDER BY last_uid")
    return b"".join(row["vocabulary"] for row in rows)


async def covered(one: Process) -> list[tuple[int, int, int]]:
    rows = await one.database.fetch(
        "SELECT first_uid, last_uid, messages FROM text_pack ORDER BY mailbox_id, last_uid"
    )
    return [tuple(row) for row in rows]


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await holds():
            await asyncio.sleep(0.02)


async def test_packs_grow_and_lie_one_behind_the_other(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one:
        indexer = Indexer(one.database, one.blobs, LIMIT)
        assert await indexer.index_all() == 0
        for number in range(1, 8):
            await one.deliver(1, word(number))
            assert await indexer.index_all() == 1
        assert await covered(one) == [(n, n, 1) for n in range(1, 8)]
        await one.deliver(1, word(8))
        assert await indexer.index_all() == 1
        assert await covered(one) == [(1, 8, 8)]
        assert await indexer.index_all() == 0
        held = await vocabulary(one)
        assert [number for number in range(1, 9) if b"SECRET%d" % number not in held] == []


async def test_what_is_expunged_before_it_is_indexed_waits_no_more(
    dsn: str, tmp_path: Path
) -> None:
    async with process(dsn, tmp_path) as one:
        indexer = Indexer(one.database, one.blobs, LIMIT)
        await one.deliver(1, word(1))
        mine = await one.mailboxes.open((await one.mailbox(1)).id)
        await mine.store(Storing([(1, 2**32 - 1)], Change.ADD, DELETED))
        await mine.expunge()
        await fold_one(one.database)
        assert await indexer.index_all() == 0
        assert await covered(one) == [(1, 1, 0)]
        async with one.database.connection() as c:
            assert (await text_packs.waiting(c, 0, 100))[0] == []


async def test_words_go_with_the_row_of_their_message(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one:
        indexer = Indexer(one.database, one.blobs, LIMIT)
        for number in (1, 2, 3):
            await one.deliver(1, word(number))
        await indexer.index_all()
        mine = await one.mailboxes.open((await one.mailbox(1)).id)
        await mine.copy([(3, 3)], (await one.mailbox(1, "Archive")).id)
        await mine.store(Storing([(2, 3)], Change.ADD, DELETED))
        await mine.expunge()
        await fold_one(one.database)
        await indexer.index_all()  # the copy
        assert b"SECRET2" in await vocabulary(one)
        assert (await sweep_messages(one.database, LATER)).messages == 1
        left = await vocabulary(one)
        assert b"SECRET2" not in left
        assert left.count(b"SECRET1") == left.count(b"SECRET3") == 1  # 3 in the archive
        assert await covered(one) == [(1, 3, 1), (1, 1, 1)]


async def test_words_go_with_mailbox_and_account(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one:
        indexer = Indexer(one.database, one.blobs, LIMIT)
        for account in (1, 2):
            await one.deliver(account, word(account))
        await indexer.index_all()
        async with one.database.transaction() as c:
            await mailboxes.delete_all(c, 1)
        assert b"SECRET1" not in await vocabulary(one)
        assert b"SECRET2" in await vocabulary(one)


async def test_no_text_comes_after_its_removal(dsn: str, tmp_path: Path) -> None:
    """The mailbox, or a message, goes between reading and writing."""
    async with process(dsn, tmp_path) as one:
        for number in (1, 2):
            await one.deliver(1, word(number))
        mailbox = (await one.mailbox(1)).id
        async with one.database.transaction(snapshot=True) as c:
            tail = await text_packs.tail(c, mailbox)
        assert tail is not None
        builder = indexing.Builder()
        for source in tail.sources:
            builder.add(indexing.Document(source.uid, {b"A"}, ()))

        async def add() -> None:
            async with one.database.transaction() as c:
                await text_packs.add(c, mailbox, tail.first_uid, tail.last_uid, builder.pack())

        await one.database.execute("DELETE FROM mailbox_message WHERE uid = 2")
        with pytest.raises(Overtaken):
            await add()
        async with one.database.transaction() as c:
            await mailboxes.delete_all(c, 1)
        with pytest.raises(Overtaken):
            await add()
        assert await covered(one) == []


async def test_two_indexers_write_each_message_once(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one:
        for number in range(40):
            await one.deliver(number % 3 + 1, word(number))
        both = [Indexer(one.database, one.blobs, LIMIT) for _ in "ab"]
        totals = await asyncio.gather(*(indexer.index_all() for indexer in both))
        assert sum(totals) == 40
        assert sum(messages for _, _, messages in await covered(one)) == 40


async def test_lost_bytes_are_marked_and_do_not_stop_the_rest(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one:
        for size in (200, 200, 10_000, 400_000):  # two in the spool, two objects
            await one.deliver(1, message(size, size))
        await one.database.execute("DELETE FROM spool WHERE blob_id = (SELECT min(id) FROM blob)")
        for path in tmp_path.rglob("*"):
            if path.is_file():
                path.unlink()
        assert await Indexer(one.database, one.blobs, LIMIT).index_all() == 4
        async with one.database.connection() as c:
            (pack,) = await text_packs.vocabularies(c, (await one.mailbox(1)).id)
        assert (list(pack.uids), list(pack.partial)) == ([1, 2, 3, 4], [1, 3, 4])


async def test_new_mail_is_indexed_by_itself(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "_SETTLE", 1.0)
    monkeypatch.setattr(indexing, "_PAUSE", 0.02)
    async with process(dsn, tmp_path) as one:
        indexer = Indexer(one.database, one.blobs, LIMIT)
        one.listener.subscribe(MAILBOX, indexer.heard)
        await one.deliver(1, word(1))
        before = SEARCH_INDEXED._value.get()
        running = asyncio.create_task(indexer.run())
        await until(lambda: _holds(one, b"SECRET1"))
        await asyncio.sleep(0.3)  # the first look is over: what comes now is told
        await one.deliver(1, word(2))
        await until(lambda: _is(SEARCH_WAITING._value.get() == 1))
        assert SEARCH_LAG._value.get() >= 0
        await until(lambda: _holds(one, b"SECRET2"))
        await until(lambda: _is(SEARCH_WAITING._value.get() == 0))
        assert SEARCH_INDEXED._value.get() == before + 2
        indexer.heard("")  # the listener was away: what came meanwhile was not told
        await until(lambda: _is(not indexer._look_at_all))
        running.cancel()
        await asyncio.wait([running])
        indexer.heard("x:1")  # not at work: nothing is gathered
        assert indexer._waiting is None


async def _holds(one: Process, token: bytes) -> bool:
    return token in await vocabulary(one)


async def _is(value: bool) -> bool:
    return value


async def test_a_search_reads_the_packs_of_its_mailbox_alone(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one:
        await one.deliver(1, word(1))
        await Indexer(one.database, one.blobs, LIMIT).index_all()
        await one.database.execute(
            "INSERT INTO text_pack SELECT m, 100 * n + 1, 100 * n + 100, 0, '', '', '', '', '', ''"
            " FROM generate_series(1000, 2000) AS m, generate_series(0, 19) AS n"
        )
        await one.database.execute("ANALYZE text_pack")
        async with one.database.connection() as c:
            for sql, arguments in (
                (text_packs._VOCABULARIES, (1500,)),
                (text_packs._POSTINGS, (1500, [100, 200], [0, 0], [2, 2])),
                (text_packs._HOLDING, (1500, 150, 250)),
                (text_packs._TAIL, (1500,)),
            ):
                plan = await c.fetch("EXPLAIN (ANALYZE, BUFFERS) " + sql, *arguments)
                text = "\n".join(row[0] for row in plan)
                assert "text_pack_pkey" in text, text
                assert "Seq Scan on text_pack" not in text, text


async def test_a_commit_names_its_mailboxes_and_no_others(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one:
        heard: list[str] = []
        one.listener.subscribe(MAILBOX, heard.append)
        await one.deliver(1, word(1))
        await until(lambda: _is(bool(heard)))
        mailbox = (await one.mailbox(1)).id
        assert heard == [f"{one.changes.origin}:{mailbox}"]


_WORKER = """
import asyncio, sys
from mailserver.indexing import Indexer
from mailserver.objects.folder import FolderStore
from mailserver.storage.blobs import Blobs
from mailserver.storage.database import Database
from pathlib import Path

async def main():
    database = await Database.open(sys.argv[1], connections=2, timeout=10)
    print("ready", flush=True)
    await Indexer(database, Blobs(database, FolderStore(Path(sys.argv[2]))), 1 << 20).index_all()

asyncio.run(main())
"""


async def test_killed_at_any_moment_it_goes_on_where_it_was(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one:
        await asyncio.gather(*(one.deliver(n % 20 + 1, word(n)) for n in range(200)))
        for pause in (0.0, 0.01, 0.03, 0.06, 0.1):
            worker = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", _WORKER, dsn, str(tmp_path)),
                stdout=asyncio.subprocess.PIPE,
            )
            assert worker.stdout is not None
            assert await worker.stdout.readline() == b"ready\n"
            await asyncio.sleep(pause)
            if worker.returncode is None:
                worker.kill()
            await worker.wait()
        await Indexer(one.database, one.blobs, LIMIT).index_all()
        assert sum(messages for _, _, messages in await covered(one)) == 200
        left = await vocabulary(one)
        assert [n for n in range(200) if left.count(b"\0SECRET%dX" % n) != 1] == []
