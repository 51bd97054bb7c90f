"""What a session may do in its selected mailbox (RFC 4314 §4), kept true while it is selected.

A change of the mailbox's list is heard from whoever made it; the next command reads it anew before
it is carried out. Where nobody changes a list nothing is asked.
"""

import asyncio
from collections.abc import Callable

from mailserver.errors import StorageUnavailable
from mailserver.logs import logger
from mailserver.mail.rights import Rights, effective
from mailserver.node import Node
from mailserver.storage import rights
from mailserver.storage.mailboxes import Mailbox

log = logger("imap")


class Access:
    """The rights of one session in one mailbox."""

    def __init__(
        self, node: Node, mailbox: Mailbox, account_id: int, held: Rights, *, as_of: int
    ) -> None:
        """`held` was read after `node.rights_changes.count` was `as_of`."""
        self.rights = held
        self.stale = node.rights_changes.count != as_of  # what changed before anybody listened
        self._database = node.database
        self._mailbox_id, self._owner_id = mailbox.id, mailbox.account_id
        self._account_id = account_id
        self._idle: Callable[[], None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._unwatch = node.rights_changes.watch(mailbox.id, self._heard)

    def close(self) -> None:
        """The mailbox is selected no more."""
        self._unwatch()

    def may(self, needed: str) -> bool:
        """True if all rights in `needed` are there."""
        return self.rights.issuperset(needed)

    @property
    def readable(self) -> bool:
        """True if what happens in the mailbox may be told now."""
        return "r" in self.rights and not (self.stale and self._account_id != self._owner_id)

    async def refresh(self) -> None:
        """Read the list again if it changed; raises StorageUnavailable."""
        if not self.stale:
            return
        self.stale = False
        try:
            async with self._database.connection() as c:
                entries = await rights.entries(c, self._mailbox_id)
        except BaseException:
            self.stale = True
            raise
        self.rights = effective(entries, self._account_id, self._owner_id)

    def idle(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback()` when a change has been read, until the returned function is called."""
        self._idle = callback
        if self.stale:
            self._heard()
        return self._stop

    def _stop(self) -> None:
        self._idle = None

    def _heard(self) -> None:
        self.stale = True
        if self._idle is not None and (self._reading is None or self._reading.done()):
            self._reading = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        try:
            while self.stale and self._idle is not None:
                await self.refresh()
        except StorageUnavailable as error:
            log.warning("storage is away", cause=str(error))
            return  # the next command tries again
        if self._idle is not None:
            self._idle()
