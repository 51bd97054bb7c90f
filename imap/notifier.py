"""What one session with NOTIFY has heard of and not told yet.

No task and no query is here: changes gather for a moment, then the session is woken once and asks
for all that changed. A session that watches a mailbox costs a row in memory and one reference.
"""

import asyncio
from collections.abc import Callable, Iterable

from imap.interest import Interest
from imap.protocol.notify import OF_MESSAGES
from mailserver.storage.mailboxes import Mailbox
from mailserver.storage.notifications import MailboxChanges, names_of

_GATHER = 0.1  # seconds that changes gather before they are told together
_RETRY = 1.0  # seconds until storage that was away is asked again


class Notifier:
    """Lives from a NOTIFY SET or NOTIFY NONE to the next, or to the end of the session."""

    def __init__(
        self, interest: Interest, changes: MailboxChanges, account_id: int, wake: Callable[[], None]
    ) -> None:
        self.interest = interest
        self.rows: dict[int, Mailbox] = {}  # as the client was told
        self.subscribed: set[str] = set()
        self.ripe = False  # there is something to tell
        self._changes = changes
        self._account = names_of(account_id)
        self._wake = wake
        self._dirty: set[int] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._unwatch: Callable[[], None] | None = None
        if interest.of_others:
            # Before anything is read, so that no change falls between.
            self._unwatch = changes.watch_all([self._account], self._heard)

    def know(self, rows: Iterable[Mailbox], subscribed: Iterable[str]) -> None:
        """These are the mailboxes now; watch those whose messages are of interest."""
        self.rows = {row.id: row for row in rows}
        self.subscribed = set(subscribed)
        wanted = [
            row.id
            for row in self.rows.values()
            if self.interest.events(row.name, self.subscribed) & OF_MESSAGES
        ]
        watched, self._unwatch = self._unwatch, None
        self._unwatch = self._changes.watch_all([self._account, *wanted], self._heard)
        if watched is not None:
            watched()

    def take(self) -> tuple[bool, list[int]]:
        """(names changed, ids of the mailboxes that changed): what has to be looked at."""
        dirty, self._dirty = self._dirty, set()
        self.ripe = False
        return self._account in dirty, [one for one in dirty if one > 0]

    def put_back(self, names: bool, ids: Iterable[int]) -> None:
        """Storage was away: look at these once more, later."""
        self._dirty |= {*ids, *([self._account] if names else [])}
        self._schedule(_RETRY)

    def close(self) -> None:
        """Hear and tell nothing any more."""
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.ripe = False

    def _heard(self, mailbox_id: int) -> None:
        self._dirty.add(mailbox_id)
        self._schedule(_GATHER)

    def _schedule(self, seconds: float) -> None:
        if self._timer is None and not self.ripe:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._ripen)

    def _ripen(self) -> None:
        self._timer = None
        self.ripe = True
        self._wake()
