"""Who may do what in whose mailboxes: access control lists, as SETACL and operators change them.

Invariants: an entry names an account of the mailbox owner's organization, or everybody in it.
Lists of one account's mailboxes change one at a time, together with its names
(`mailboxes.lock_names`); every process hears of a change when it is committed.
"""

from collections.abc import Callable
from dataclasses import dataclass

from mailserver.accounts import Account, Accounts
from mailserver.errors import Refused
from mailserver.mail.rights import (
    ALL,
    ANYONE,
    NONE,
    OWNER_KEEPS,
    Entry,
    Rights,
    parse_rights,
    write_rights,
)
from mailserver.storage import arrivals, mailboxes, rights
from mailserver.storage.database import Connection, Database
from mailserver.storage.directory import accounts as directory
from mailserver.storage.mailboxes import Mailbox
from mailserver.storage.notifications import RIGHTS, MailboxChanges

_ANYONE = "anyone"  # RFC 4314 §2; here: everybody in the organization


@dataclass(slots=True)
class Grant:
    """One entry, as it is told: an address or `anyone`, and letters."""

    identifier: str
    rights: str
    negative: bool


class Sharing:
    """Access control lists; `changes` tells this process's sessions."""

    def __init__(self, database: Database, accounts: Accounts, changes: MailboxChanges) -> None:
        self._database = database
        self._accounts = accounts
        self._changes = changes

    async def account_id(self, owner: Account, identifier: str) -> int | None:
        """Whom an entry in the owner's lists is about; None: nobody of the organization."""
        if identifier.lower() == _ANYONE:
            return ANYONE
        found = await self._accounts.find(identifier)
        if found is None or found.organization_id != owner.organization_id:
            return None
        return found.id

    async def grants(self, c: Connection, owner: Account, mailbox_id: int) -> list[Grant]:
        """The list of a mailbox; its owner comes first, whatever it says of him."""
        entries = await rights.entries(c, mailbox_id)
        if not any(one.account_id == owner.id and not one.negative for one in entries):
            entries.append(Entry(owner.id, ALL))
        entries.sort(key=lambda one: (one.negative, one.account_id != owner.id, one.account_id))
        ids = [one.account_id for one in entries]
        names = await directory.addresses(c, owner.organization_id, ids)
        names |= {ANYONE: _ANYONE, owner.id: owner.address}
        return [
            Grant(names[one.account_id], write_rights(_held(one, owner)), one.negative)
            for one in entries
            if one.account_id in names
        ]

    async def put(
        self,
        c: Connection,
        owner: Account,
        mailbox_id: int,
        about: Entry,
        change: Callable[[Rights, Rights], Rights],
    ) -> None:
        """Give `change(old rights, about.rights)` to whom the entry is about.

        The caller has `lock_names` of the owner, and calls `changed` after the commit.
        """
        old = NONE
        owns = about.account_id == owner.id and not about.negative
        if owns:
            old = ALL
        for one in await rights.entries(c, mailbox_id):
            if (one.account_id, one.negative) == (about.account_id, about.negative):
                old = one.rights
        new = change(old, about.rights)
        if new or owns:
            entry = Entry(about.account_id, new, about.negative)
            await rights.put(c, mailbox_id, owner.organization_id, entry)
        else:
            await rights.remove(c, mailbox_id, about.account_id, negative=about.negative)
        for payload in self._changes.payloads([mailbox_id]):
            await arrivals.notify(c, RIGHTS, payload)

    def changed(self, mailbox_id: int) -> None:
        """Tell this process's sessions; the others were told by the commit."""
        self._changes.changed([mailbox_id])

    # ── what operators do ────────────────────────────────────────────────────────────────────

    async def mailboxes(self, address: str) -> list[Mailbox]:
        """All mailboxes of an account."""
        owner = await self._owner(address)
        async with self._database.connection() as c:
            return await mailboxes.listing(c, owner.id)

    async def listing(self, address: str, name: str) -> list[Grant]:
        """The list of one of an account's mailboxes."""
        owner = await self._owner(address)
        async with self._database.connection() as c:
            return await self.grants(c, owner, (await _existing(c, owner, name)).id)

    async def grant(
        self, address: str, name: str, identifier: str, letters: str, *, negative: bool = False
    ) -> None:
        """Let an account have exactly these rights, or lose them if `negative`; "": no entry."""
        owner = await self._owner(address)
        who = await self.account_id(owner, identifier)
        if who is None:
            raise Refused(f"{identifier} is no account of {owner.organization}", "identifier")
        try:
            wanted = parse_rights(letters)
        except ValueError as error:
            raise Refused(str(error), "rights") from None
        async with self._database.transaction() as c:
            await mailboxes.lock_names(c, owner.id)
            row = await _existing(c, owner, name)
            await self.put(c, owner, row.id, Entry(who, wanted, negative), lambda _old, new: new)
        self.changed(row.id)

    async def _owner(self, address: str) -> Account:
        owner = await self._accounts.find(address)
        if owner is None:
            raise Refused(f"account {address} does not exist", "address")
        return owner


def _held(entry: Entry, owner: Account) -> Rights:
    owns = entry.account_id == owner.id and not entry.negative
    return entry.rights | OWNER_KEEPS if owns else entry.rights


async def _existing(c: Connection, owner: Account, name: str) -> Mailbox:
    row = await mailboxes.find(c, owner.id, name)
    if row is None:
        raise Refused(f"{owner.address} has no mailbox {name}", "mailbox")
    return row
