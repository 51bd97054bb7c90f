"""What one session with NOTIFY has heard of and not told yet.

No task and no query is here: changes gather for a moment, then the session is woken once and asks
for all that changed. A session that watches a mailbox costs a row in memory and one reference.
"""

from collections.abc import Callable, Iterable

from imap.changes.gathering import Gathering
from imap.changes.interest import Interest
from imap.protocol.notify import OF_MESSAGES
from mailserver.storage.mailboxes import Mailbox
from mailserver.storage.notifications import MailboxChanges, names_of


class Notifier:
    """Lives from a NOTIFY SET or NOTIFY NONE to the next, or to the end of the session."""

    def __init__(
        self, interest: Interest, changes: MailboxChanges, account_id: int, wake: Callable[[], None]
    ) -> None:
        self.interest = interest
        self.rows: dict[int, Mailbox] = {}  # as the client was told
        self.subscribed: set[str] = set()
        self._changes = changes
        self._account = names_of(account_id)
        self._news = Gathering(wake)
        self._dirty: set[int] = set()
        self._unwatch: Callable[[], None] | None = None
        if interest.of_others:
            # Before anything is read, so that no change falls between.
            self._unwatch = changes.watch_all([self._account], self._heard)

    @property
    def ripe(self) -> bool:
        """There is something to tell."""
        return self._news.ripe

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
        self._news.take()
        return self._account in dirty, [one for one in dirty if one > 0]

    def put_back(self, names: bool, ids: Iterable[int]) -> None:
        """Storage was away: look at these once more, later."""
        self._dirty |= {*ids, *([self._account] if names else [])}
        self._news.retry()

    def close(self) -> None:
        """Hear and tell nothing any more."""
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        self._news.close()

    def _heard(self, mailbox_id: int) -> None:
        self._dirty.add(mailbox_id)
        self._news.heard()
