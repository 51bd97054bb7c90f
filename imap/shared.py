"""Which mailboxes LIST knows of: the user's own, and those that others let him look up."""

from dataclasses import dataclass, field

from imap.place import named_as
from imap.protocol.namespace import others_name
from imap.session import Session
from mailserver.mail.rights import ALL, NONE, Rights, effective
from mailserver.storage import mailboxes, rights
from mailserver.storage.database import Connection
from mailserver.storage.directory import accounts
from mailserver.storage.mailboxes import Mailbox


@dataclass(slots=True)
class Visible:
    """Mailboxes, named as the user names them; `held` are his rights where there is a list."""

    rows: list[Mailbox]
    held: dict[int, Rights] = field(default_factory=dict)

    def rights(self, row: Mailbox) -> Rights:
        """What the user may do in one of `rows`."""
        return self.held.get(row.id, ALL)


async def visible(c: Connection, session: Session, *, recent: bool) -> Visible:
    """RFC 4314 §4: LIST tells of mailboxes with the right `l`; owners always have it.

    `recent` as for `mailboxes.find`.
    """
    user = session.user()
    own = await mailboxes.listing(c, user.id, recent=recent)
    others = await rights.shared(c, user.organization_id, user.id, recent=recent)
    listed = [row.id for row in (*own, *others) if row.has_list]
    if not listed:
        return Visible(own)
    found = await rights.lists(c, listed)
    held = {
        row.id: effective(found.get(row.id, ()), user.id, row.account_id)
        for row in (*own, *others)
        if row.has_list
    }
    owners = sorted({row.account_id for row in others})
    addresses = await accounts.addresses(c, user.organization_id, owners) if owners else {}
    shared = [
        named_as(row, others_name(addresses[row.account_id], row.name))
        for row in others
        if row.account_id in addresses and "l" in held.get(row.id, NONE)
    ]
    return Visible(own + shared, held)
