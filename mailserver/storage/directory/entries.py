"""What the directory says of addresses somebody asks for: the one look-up behind RCPT."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from mailserver.mail.lists import OWNER
from mailserver.storage.database import Connection, Record
from mailserver.storage.directory.domains import DomainState
from mailserver.storage.directory.spelling import split_key


class Kind(StrEnum):
    """What answers for an address."""

    ACCOUNT = "account"
    ALIAS = "alias"
    GROUP = "group"
    OWNERS = "owners"  # of a group


class Posting(StrEnum):
    """Who may write to a group."""

    ANYONE = "anyone"
    ORGANIZATION = "organization"
    MEMBERS = "members"
    OWNERS = "owners"


@dataclass(slots=True)
class Entry:
    """What the directory says of one asked address whose domain is ours.

    `matched` is the local part that answers for it: the one asked for, the one without its
    sub-address, the group whose owners are asked for, or '*'; None when nothing does. The domain
    is where that address is kept, also when it was asked for by a domain alias.
    """

    organization_id: int
    organization: str
    domain_id: int
    domain: str
    domain_state: DomainState
    matched: str | None
    kind: Kind | None
    targets: tuple[str, ...]  # of an alias; the members of a group; its owners
    posting: Posting | None  # of a group
    account_id: int | None
    quota_bytes: int | None
    quota_messages: int | None
    account_active: bool
    role: bool = False  # postmaster or abuse was asked for
    contact: str = ""  # of the organization
    first_account: str = ""  # of the domain, when nothing matched for a role

    @property
    def address(self) -> str:
        """The address that answers, in the directory's spelling."""
        return f"{self.matched}@{self.domain}"


# RFC 5233 §1: the full local part counts before the one without detail. The catch-all is last.
# RFC 2142 §4, RFC 5321 §4.5.1: someone answers for postmaster and abuse in any case.
LOOK_UP = """
    SELECT asked.local_part || '@' || asked.domain AS address,
           home.organization_id, o.name AS organization, home.id AS domain_id, home.name AS domain,
           CASE WHEN d.state IN ('active', 'degraded') THEN home.state ELSE d.state
           END AS domain_state,
           found.local_part AS matched, found.posting,
           CASE WHEN found.for_owners THEN 'owners' ELSE found.kind END AS kind,
           CASE WHEN found.for_owners THEN found.owners ELSE found.targets END AS targets,
           account.id AS account_id, account.quota_bytes, account.quota_messages,
           account.state AS account_state,
           asked.base IN ('postmaster', 'abuse') AS role, o.contact,
           CASE WHEN found.local_part IS NULL AND asked.base IN ('postmaster', 'abuse') THEN (
                SELECT first.local_part || '@' || home.name
                  FROM account first
                 WHERE first.domain_id = home.id AND first.state = 'active'
                 ORDER BY first.created_at, first.id
                 LIMIT 1
           ) END AS first_account
      FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
           AS asked (local_part, base, of_group, domain)
      JOIN domain d ON d.name = asked.domain
      JOIN domain home ON home.id = coalesce(d.alias_of, d.id)
      JOIN organization o ON o.id = home.organization_id
      LEFT JOIN LATERAL (
            SELECT a.local_part, a.kind, a.targets, a.owners, a.posting,
                   a.local_part = asked.of_group AS for_owners
              FROM address a
             WHERE a.domain_id = home.id
               AND a.local_part IN (asked.local_part, asked.base, asked.of_group, '*')
               AND (a.local_part <> asked.of_group OR a.kind = 'group')
             ORDER BY CASE a.local_part WHEN asked.local_part THEN 0 WHEN asked.base THEN 1
                      WHEN asked.of_group THEN 2 ELSE 3 END
             LIMIT 1
           ) found ON true
      LEFT JOIN account ON account.domain_id = home.id AND account.local_part = found.local_part
"""


def question(key: str, separator: str) -> tuple[str, str, str, str]:
    """Local part, without sub-address, the group whose owners it may mean, and domain."""
    local_part, domain = split_key(key)
    user = local_part.partition(separator)[0] if separator else local_part
    base = user or local_part
    return local_part, base, base[len(OWNER) :] if base.startswith(OWNER) else "", domain


async def look_up(c: Connection, keys: Iterable[str], separator: str) -> dict[str, Entry]:
    """Key → what it is, for those addresses whose domain is ours.

    `separator` between user and detail (RFC 5233); "": none.
    """
    asked = [question(key, separator) for key in keys]
    rows = await c.fetch(LOOK_UP, *zip(*asked, strict=True))
    return {row["address"]: _entry(row) for row in rows}


def _entry(row: Record) -> Entry:
    return Entry(
        organization_id=row["organization_id"],
        organization=row["organization"],
        domain_id=row["domain_id"],
        domain=row["domain"],
        domain_state=DomainState(row["domain_state"]),
        matched=row["matched"],
        kind=Kind(row["kind"]) if row["kind"] else None,
        targets=tuple(row["targets"] or ()),
        posting=Posting(row["posting"]) if row["posting"] else None,
        account_id=row["account_id"],
        quota_bytes=row["quota_bytes"],
        quota_messages=row["quota_messages"],
        account_active=row["account_state"] == "active",
        role=row["role"],
        contact=row["contact"] or "",
        first_account=row["first_account"] or "",
    )
