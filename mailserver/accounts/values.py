"""What the other floors know of an account, of a group and of an address."""

from dataclasses import dataclass

from mailserver.mail.addresses import Address
from mailserver.mail.lists import owner_of
from mailserver.storage.directory.accounts import AccountRow
from mailserver.storage.directory.entries import Posting
from mailserver.storage.directory.spelling import split_key


@dataclass(slots=True)
class Account:
    """One account; `active` also says that its domain carries mail."""

    id: int
    organization_id: int
    organization: str
    domain_id: int
    domain: str
    address: str
    quota_bytes: int | None  # None: no limit
    active: bool
    quota_messages: int | None = None  # None: no limit
    administrator: bool = False  # of its organization: sets its quotas

    @property
    def limited(self) -> bool:
        """True when what its mailboxes hold decides whether more may come."""
        return self.quota_bytes is not None or self.quota_messages is not None


def account_of(row: AccountRow) -> Account:
    """What the directory says, without what only a login needs."""
    return Account(
        id=row.id,
        organization_id=row.organization_id,
        organization=row.organization,
        domain_id=row.domain_id,
        domain=row.domain,
        address=f"{row.local_part}@{row.domain}",
        quota_bytes=row.quota_bytes,
        active=row.state == "active" and row.domain_state.serves,
        quota_messages=row.quota_messages,
        administrator=row.administrator,
    )


@dataclass(slots=True)
class Group:
    """A group that an address leads to: who may post, and whom it reaches beside the others."""

    address: str  # in the directory's spelling
    organization_id: int
    posting: Posting
    accounts: tuple[Account, ...]
    forwards: tuple[str, ...]  # addresses elsewhere

    @property
    def mailbox(self) -> Address:
        """Its address as a value."""
        return Address(*split_key(self.address))

    @property
    def closed(self) -> bool:
        """True when its readers may not post."""
        return self.posting is Posting.OWNERS

    @property
    def owner(self) -> Address:
        """Who gets what its mail brings back (RFC 5321 §3.9.2)."""
        return owner_of(self.mailbox)


@dataclass(slots=True)
class Resolution:
    """Where an address leads."""

    local: bool  # the domain is ours and active
    organization: str  # of the domain; "" when not local
    organization_id: int  # 0 when not local
    accounts: tuple[Account, ...]
    forwards: tuple[str, ...]  # addresses elsewhere that an alias leads to
    suspended: bool = False  # leads to a suspended account or domain and to nothing else: 550 5.2.1
    groups: tuple[Group, ...] = ()  # and who is reached only by them
    # Postmaster, abuse or the owners of a group, which somebody else's mailbox answers for.
    role: bool = False

    @property
    def known(self) -> bool:
        """True when mail to the address has somewhere to go."""
        return bool(self.accounts or self.forwards or self.groups)

    @property
    def must_have_room(self) -> tuple[Account, ...]:
        """The accounts whose quota decides. RFC 5321 §4.5.1: postmaster's mail is taken, however
        full the mailbox is that stands in; a group's members are asked one by one, later."""
        return () if self.role else self.accounts


ELSEWHERE = Resolution(local=False, organization="", organization_id=0, accounts=(), forwards=())
