"""What one session knows of annotations, where it wants to hear of changes (RFC 5464 §4.4).

Notifications only say that something changed; what did is seen by comparing, so that nothing is
missed and nothing is told that the client did itself.
"""

import hashlib
from collections.abc import Callable, Mapping

from imap.changes.gathering import Gathering
from mailserver.accounts import Account
from mailserver.storage.annotations import Holder
from mailserver.storage.notifications import MailboxChanges, annotations_of

SERVER = 0
"""Stands for the server among the ids of mailboxes."""

Digests = dict[int, dict[str, str]]
"""By mailbox and entry, a hash of the value."""


class Annotations:
    """Lives from the first wish to hear of them to the end of the session."""

    def __init__(self, changes: MailboxChanges, account: Account, wake: Callable[[], None]) -> None:
        self.known: Digests = {}
        self._account_id = account.id
        self.news = Gathering(wake)
        keys = annotations_of(account.id, account.organization_id)
        self._unwatch = changes.watch_all(keys, self._heard)

    def learn(self, holder: Holder, values: Mapping[str, bytes | None]) -> None:
        """The client set these itself."""
        if holder.mailbox_id and holder.account_id != self._account_id:
            return  # another's mailbox is not looked at
        entries = self.known.setdefault(holder.mailbox_id, {})
        for name, value in values.items():
            if value is None:
                entries.pop(name, None)
            else:
                entries[name] = hashlib.md5(value, usedforsecurity=False).hexdigest()

    def close(self) -> None:
        """Hear nothing any more."""
        self._unwatch()
        self.news.close()

    def _heard(self, _key: int) -> None:
        self.news.heard()


def changes(before: Digests, now: Digests) -> dict[int, list[str]]:
    """The entries that were set, changed or removed, by mailbox, in order."""
    found = {}
    for one in sorted(before.keys() | now.keys()):
        different = before.get(one, {}).items() ^ now.get(one, {}).items()
        if different:
            found[one] = sorted({name for name, _ in different})
    return found
