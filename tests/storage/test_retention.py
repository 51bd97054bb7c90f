"""What nobody can reach goes, after its time; what is referenced stays."""

from datetime import timedelta
from pathlib import Path

from imap.mailboxes.columns import DELETED
from imap.mailboxes.writing import Change, Storing
from mailserver.ingest import Arrival, Outbound
from mailserver.storage.folding import fold_one
from mailserver.storage.retention import sweep_messages, sweep_queue
from tests.support.store import INLINE_LIMIT, NOW, message, process

LATER = NOW + timedelta(days=36_500)
ALL = [(1, 2**32 - 1)]


async def test_an_expunged_message_goes_with_its_bytes(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one:
        await one.deliver(1, message(1))
        await one.deliver(1, message(2, INLINE_LIMIT * 2))
        mine = await one.mailboxes.open((await one.mailbox(1)).id)
        await mine.store(Storing(ALL, Change.ADD, DELETED))
        await mine.expunge()
        assert (await sweep_messages(one.database, LATER)).messages == 0
        await fold_one(one.database)
        assert (await sweep_messages(one.database, NOW - timedelta(days=365))).messages == 0
        swept = await sweep_messages(one.database, LATER)
        assert (swept.messages, swept.blobs, len(swept.objects)) == (2, 2, 1)
        for table in ("message", "blob", "spool", "mailbox_message", "message_released"):
            assert await one.database.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_a_copy_keeps_a_message(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one:
        await one.deliver(1, message(1))
        mine = await one.mailboxes.open((await one.mailbox(1)).id)
        await mine.copy(ALL, (await one.mailbox(1, "Archive")).id, move=True)
        await fold_one(one.database)
        assert (await sweep_messages(one.database, LATER)).messages == 0
        assert await one.database.fetchval("SELECT count(*) FROM spool") == 1


async def test_the_queue_keeps_bytes_until_it_is_done(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one:
        outbound = Outbound(1, 1, "a@example.test", ("x@far.test",), b"", NOW)
        await one.ingest.accept(Arrival(message(1), [], [outbound]))
        assert (await sweep_queue(one.database, LATER)).messages == 0
        await one.database.execute(
            "UPDATE queue_recipient SET state = 'delivered', finished_at = $1", NOW
        )
        assert (await sweep_queue(one.database, NOW)).messages == 0
        assert (await sweep_queue(one.database, LATER)).blobs == 1
        assert await one.database.fetchval("SELECT count(*) FROM spool") == 0
