"""Mail that comes in is whole, durable and told, or refused: never half."""

import asyncio
from pathlib import Path

import pytest

from mailserver.errors import MailError, StorageUnavailable
from mailserver.ingest import Arrival, Outbound, Placement
from mailserver.storage import mailboxes, messages
from tests.support.store import INLINE_LIMIT, NOW, message, process


async def test_a_message_is_stored_byte_for_byte_with_its_prefix(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one:
        content = message(7)
        uid = await one.deliver(1, content)
        assert uid == 1
        inbox = await one.mailbox(1)
        assert (inbox.messages, inbox.unseen, inbox.uid_next) == (1, 1, 2)
        assert inbox.bytes == len(content) + len(b"X-Prefix: 1\r\n")
        opened = await one.mailboxes.open(inbox.id)
        async with one.database.connection() as c:
            [row] = (await messages.read(c, list(opened.state.columns.message_ids))).values()
        assert row.prefix == b"X-Prefix: 1\r\n"
        assert row.static.startswith(b'INTERNALDATE "24-Nov-2026 04:00:00 +0000" RFC822.SIZE ')
        assert await one.blobs.read(row.blob_id) == content
        assert await one.blobs.read(row.blob_id, 6, 9) == content[6:9]


async def test_a_large_message_goes_to_the_object_store(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one:
        content = message(1, size=INLINE_LIMIT * 3)
        await one.deliver(1, content)
        assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1
        blob_id = await one.database.fetchval("SELECT id FROM blob WHERE object IS NOT NULL")
        assert await one.blobs.read(blob_id) == content
        assert await one.blobs.read(blob_id, 10, 5000) == content[10:5000]
        assert await one.database.fetchval("SELECT count(*) FROM spool") == 0


async def test_uids_ascend_without_gap_under_concurrent_processes(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one, process(dsn, tmp_path) as two:
        await one.mailbox(1)
        uids = await asyncio.gather(
            *(node.deliver(1, message(n)) for n in range(40) for node in (one, two))
        )
        assert sorted(uids) == list(range(1, 81))
        inbox = await one.mailbox(1)
        assert (inbox.messages, inbox.uid_next) == (80, 81)
        modseqs = await one.database.fetch(
            "SELECT modseq FROM mailbox_event WHERE mailbox_id = $1 ORDER BY 1", inbox.id
        )
        assert [r["modseq"] for r in modseqs] == list(range(2, len(modseqs) + 2))


async def test_batches_over_the_same_mailboxes_do_not_deadlock(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one, process(dsn, tmp_path) as two:

        async def both(node: object, order: list[int], n: int) -> None:
            placements = [Placement(a, 1, None, b"", NOW) for a in order]
            await node.ingest.accept(Arrival(message(n), placements))  # type: ignore[attr-defined]

        await asyncio.gather(
            *(both(one, [1, 2, 3], n) for n in range(30)),
            *(both(two, [3, 2, 1], n) for n in range(30)),
        )
        for account in (1, 2, 3):
            assert (await one.mailbox(account)).messages == 60


async def test_one_message_for_mailboxes_and_queue_is_one_commit(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one:
        receipt = await one.ingest.accept(
            Arrival(
                message(1),
                [Placement(1, 1, None, b"", NOW), Placement(2, 1, None, b"", NOW)],
                [Outbound(1, 1, "a@example.test", ("x@far.test", "y@FAR.test"), b"", NOW)],
            )
        )
        assert len(receipt.placed) == 2
        rows = await one.database.fetch("SELECT queue_id, domain, state FROM queue_recipient")
        assert {(r["queue_id"], r["domain"], r["state"]) for r in rows} == {
            (receipt.queue_ids[0], "far.test", "queued")
        }
        assert await one.database.fetchval("SELECT count(*) FROM blob") == 1
        transactions = "SELECT count(DISTINCT xmin::text) FROM mailbox_message"
        assert await one.database.fetchval(transactions) == 1


async def test_a_message_postgres_cannot_hold_does_not_hurt_its_neighbours(
    dsn: str, tmp_path: Path
) -> None:
    async with process(dsn, tmp_path) as one:
        poison = Arrival(
            message(1), [], [Outbound(1, 1, "nul\0@example.test", ("x@far.test",), b"", NOW)]
        )
        good = [one.deliver(1, message(n)) for n in range(5)]
        results = await asyncio.gather(one.ingest.accept(poison), *good, return_exceptions=True)
        assert isinstance(results[0], MailError)
        assert results[0].enhanced == "5.6.0"
        assert sorted(r for r in results[1:] if isinstance(r, int)) == [1, 2, 3, 4, 5]


async def test_an_append_to_a_deleted_mailbox_fails_alone(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one:
        drafts = await one.mailbox(1, "Drafts")
        async with one.database.transaction() as c:
            await mailboxes.delete(c, drafts.id)
        results = await asyncio.gather(
            one.deliver(1, message(1), drafts.id),
            one.deliver(1, message(2)),
            return_exceptions=True,
        )
        assert isinstance(results[0], MailError)
        assert results[0].code == 450
        assert results[1] == 1


async def test_keywords_of_an_append_are_learned_by_the_mailbox(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one:
        placement = Placement(1, 1, None, b"", NOW, flags=1, keywords=("$Forwarded", "Work"))
        again = Placement(1, 1, None, b"", NOW, keywords=("work",))
        await one.ingest.accept(Arrival(message(1), [placement]))
        await one.ingest.accept(Arrival(message(2), [again]))
        opened = await one.mailboxes.open((await one.mailbox(1)).id)
        assert opened.state.keywords == ["$Forwarded", "Work"]
        assert [opened.state.columns.flags(i) for i in (0, 1)] == [1 | 3 << 5, 2 << 5]


async def test_nothing_is_accepted_while_postgres_is_away(dsn: str, tmp_path: Path) -> None:
    async with process(dsn, tmp_path) as one:
        await one.deliver(1, message(1))
        await one.database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        results = await asyncio.gather(
            *(one.deliver(1, message(n)) for n in range(3)), return_exceptions=True
        )
        accepted = [r for r in results if isinstance(r, int)]
        assert all(isinstance(r, StorageUnavailable) for r in results if not isinstance(r, int))
        uid = await one.deliver(1, message(9))
        assert uid == 2 + len(accepted)


@pytest.mark.parametrize("accounts", [2000])
async def test_many_mailboxes_changed_at_once_are_all_told(
    dsn: str, tmp_path: Path, accounts: int
) -> None:
    async with process(dsn, tmp_path) as one, process(dsn, tmp_path) as two:
        heard: set[int] = set()
        ids = {}
        async with one.database.transaction() as c:
            ids = await mailboxes.inboxes(c, list(range(1, accounts + 1)))
        for mailbox_id in ids.values():
            two.changes.watch(mailbox_id, lambda m=mailbox_id: heard.add(m))  # type: ignore[misc]
        placements = [Placement(a, 1, None, b"", NOW) for a in ids]
        await one.ingest.accept(Arrival(message(1), placements))
        async with asyncio.timeout(5):
            while len(heard) < accounts:
                await asyncio.sleep(0.01)


async def test_arrivals_that_go_together_are_stored_together_or_not_at_all(
    dsn: str, tmp_path: Path
) -> None:
    async with process(dsn, tmp_path) as one:

        def arrivals(sender: str) -> list[Arrival]:
            here = [Arrival(message(n), [Placement(1, 1, None, b"", NOW)]) for n in range(3)]
            away = Arrival(message(9), [], [Outbound(1, 1, sender, ("x@far.test",), b"", NOW)])
            return [*here, away]

        results = await asyncio.gather(
            one.deliver(1, message(1)),
            one.ingest.accept_all(arrivals("nul\0@example.test")),
            one.ingest.accept_all(arrivals("a@example.test")),
            one.deliver(1, message(2)),
            return_exceptions=True,
        )
        assert isinstance(results[1], MailError)
        assert isinstance(results[2], list)
        first, second, third, _ = results[2]
        uids = [receipt.placed[0].uid for receipt in (first, second, third)]
        assert uids == list(range(uids[0], uids[0] + 3))
        inbox = await one.mailbox(1)
        assert (inbox.messages, inbox.uid_next) == (5, 6)
        rows = await one.database.fetch(
            "SELECT count(*), count(DISTINCT sender) FROM queue_message"
        )
        assert tuple(rows[0]) == (1, 1)
