"""The mailboxes that this process has open: one state each, however many sessions.

A mailbox that nobody has selected stays for a while, so that the next SELECT is warm.
"""

import asyncio
from collections import OrderedDict

from imap.mailboxes.opened import OpenMailbox
from mailserver.errors import StorageUnavailable
from mailserver.logs import logger
from mailserver.storage.database import Database
from mailserver.storage.notifications import MailboxChanges

log = logger("imap")

_KEPT_MESSAGES = 2_000_000  # messages of unselected mailboxes kept in memory, 21 bytes each


class Mailboxes:
    """Opens each mailbox once."""

    def __init__(self, database: Database, changes: MailboxChanges) -> None:
        self._database = database
        self._changes = changes
        self._open: OrderedDict[int, OpenMailbox] = OrderedDict()
        self._loading: dict[int, asyncio.Task[OpenMailbox]] = {}
        self._saving: set[asyncio.Task[None]] = set()

    async def open(self, mailbox_id: int) -> OpenMailbox:
        """The mailbox, loaded; raises MailboxDeleted, StorageUnavailable."""
        opened = self._open.get(mailbox_id)
        if opened is not None and not opened.state.deleted:
            self._open.move_to_end(mailbox_id)
            return opened
        loading = self._loading.get(mailbox_id)
        if loading is None:
            loading = asyncio.create_task(self._load(mailbox_id))
            self._loading[mailbox_id] = loading
            loading.add_done_callback(lambda _: self._loading.pop(mailbox_id, None))
        # A session that goes away while it waits must not end the load for the others.
        return await asyncio.shield(loading)

    async def settled(self) -> None:
        """Once what loading a mailbox leaves for other processes is stored."""
        await asyncio.gather(*self._saving)

    def find(self, mailbox_id: int) -> OpenMailbox | None:
        """The mailbox if it is open already."""
        return self._open.get(mailbox_id)

    def trim(self) -> None:
        """Close unselected mailboxes, the longest unused first, and those that were deleted."""
        idle = [m for m in self._open.values() if not m.views]
        messages = sum(len(mailbox.state.columns) for mailbox in idle)
        for mailbox in idle:
            if messages <= _KEPT_MESSAGES and not mailbox.state.deleted:
                continue
            messages -= len(mailbox.state.columns)
            self._open.pop(mailbox.state.id, None)
            mailbox.close()

    async def _load(self, mailbox_id: int) -> OpenMailbox:
        opened = await OpenMailbox.load(self._database, self._changes, mailbox_id)
        stale = self._open.pop(mailbox_id, None)
        if stale is not None:
            stale.close()
        self._open[mailbox_id] = opened
        self.trim()
        # Nobody waits for what only helps others.
        saving = asyncio.create_task(_save(opened))
        self._saving.add(saving)
        saving.add_done_callback(self._saving.discard)
        return opened


async def _save(opened: OpenMailbox) -> None:
    try:
        await opened.save()
    except StorageUnavailable as error:
        log.warning("a mailbox is not kept for cold processes", cause=str(error))
