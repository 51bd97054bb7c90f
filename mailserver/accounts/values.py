"""What the other floors know of an account and of an address."""

from dataclasses import dataclass

from mailserver.storage.directory.accounts import AccountRow


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
    )


@dataclass(slots=True)
class Resolution:
    """Where an address leads."""

    local: bool  # the domain is ours and active
    organization: str  # of the domain; "" when not local
    organization_id: int  # 0 when not local
    accounts: tuple[Account, ...]
    forwards: tuple[str, ...]  # addresses elsewhere that an alias leads to
    suspended: bool = False  # leads to a suspended account or domain and to nothing else: 550 5.2.1

    @property
    def known(self) -> bool:
        """True when mail to the address has somewhere to go."""
        return bool(self.accounts or self.forwards)


ELSEWHERE = Resolution(local=False, organization="", organization_id=0, accounts=(), forwards=())
