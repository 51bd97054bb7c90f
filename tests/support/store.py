"""The storage floor of one process, opened on a test's database: what two nodes each hold."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from imap.mailboxes.registry import Mailboxes
from mailserver.ingest import Arrival, Ingest, Placement
from mailserver.node import _cancelled
from mailserver.objects import Scratch
from mailserver.objects.folder import FolderStore
from mailserver.quotas import Quotas
from mailserver.storage import mailboxes
from mailserver.storage.blobs import Blobs
from mailserver.storage.board import Board
from mailserver.storage.database import Database
from mailserver.storage.mailboxes import Mailbox
from mailserver.storage.notifications import MAILBOX, Listener, MailboxChanges

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
INLINE_LIMIT = 4096


@dataclass(slots=True)
class Process:
    """Stores mail and opens mailboxes as one process does."""

    database: Database
    listener: Listener
    changes: MailboxChanges
    blobs: Blobs
    ingest: Ingest
    mailboxes: Mailboxes

    async def mailbox(self, account_id: int, name: str = "INBOX") -> Mailbox:
        async with self.database.connection() as c:
            await mailboxes.create_defaults(c, account_id)
            found = await mailboxes.find(c, account_id, name)
        assert found is not None
        return found

    async def deliver(self, account_id: int, content: bytes, mailbox_id: int | None = None) -> int:
        """Place `content`; gives its UID."""
        placement = Placement(account_id, 1, mailbox_id, b"X-Prefix: 1\r\n", NOW)
        receipt = await self.ingest.accept(Arrival(content, [placement]))
        return receipt.placed[0].uid


@asynccontextmanager
async def process(dsn: str, folder: Path, board: Board | None = None) -> AsyncIterator[Process]:
    """`board` is what it shares with other processes of its node."""
    database = await Database.open(dsn, connections=4, timeout=10)
    objects = FolderStore(folder)
    changes = MailboxChanges(board)
    listener = Listener(dsn)
    listener.subscribe(MAILBOX, changes.heard)
    scratch = Scratch(folder / "scratch")
    ingest = Ingest(
        database, objects, Quotas(database), changes, scratch, inline_limit=INLINE_LIMIT
    )
    tasks = [asyncio.create_task(ingest.run()), asyncio.create_task(listener.run())]
    try:
        while not listener.connected:
            await asyncio.sleep(0.005)
        yield Process(
            database,
            listener,
            changes,
            Blobs(database, objects),
            ingest,
            Mailboxes(database, changes),
        )
    finally:
        for task in tasks:
            await _cancelled(task)
        scratch.close()
        await database.close()


def message(number: int = 1, size: int = 200) -> bytes:
    """A small well-formed message that says its number."""
    head = (
        f"From: Ann <ann@elsewhere.test>\r\nTo: bob@example.test\r\n"
        f"Subject: number {number}\r\nDate: Tue, 24 Nov 2026 04:00:00 +0000\r\n"
        f"Message-ID: <{number}@elsewhere.test>\r\n\r\n"
    ).encode()
    return head + b"x" * max(0, size - len(head) - 2) + b"\r\n"
