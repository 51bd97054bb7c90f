"""Which mailboxes the names of accounts mean, as this process read it and as long as it is true.

A name that is known costs no query. Only mailboxes that are their owner's alone are kept: no list
says who else may do what there.
"""

from collections import OrderedDict

from mailserver.storage.mailboxes import Mailbox
from mailserver.storage.notifications import Listener, MailboxChanges, Version, names_of

_KEPT = 100_000  # names

AsOf = tuple[Version, int]
"""When a name was read: what stood in the account, and how often rights had changed."""


class KnownNames:
    """The last names that were read."""

    def __init__(
        self, changes: MailboxChanges, rights_changes: MailboxChanges, listener: Listener
    ) -> None:
        self._changes = changes
        self._rights_changes = rights_changes
        self._listener = listener
        self._known: OrderedDict[tuple[int, str], tuple[AsOf, Mailbox]] = OrderedDict()

    def find(self, account_id: int, name: str) -> Mailbox | None:
        """The mailbox, its figures of some time ago; None if it must be read."""
        found = self._known.get((account_id, name))
        if found is None:
            return None
        if found[0] != self.as_of(account_id) or not self._listener.connected:
            del self._known[account_id, name]
            return None
        self._known.move_to_end((account_id, name))
        return found[1]

    def as_of(self, account_id: int) -> AsOf:
        """To be asked for before a name is read, and given to `keep`."""
        return self._changes.version(names_of(account_id)), self._rights_changes.count

    def keep(self, row: Mailbox, as_of: AsOf) -> None:
        """Know `row`, if it may be known."""
        if row.has_list:
            return
        self._known[row.account_id, row.name] = as_of, row
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
