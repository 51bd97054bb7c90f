"""Addresses: the one name space of all that can receive, accounts and aliases."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mailserver.storage.database import Connection, Record
from mailserver.storage.directory.domains import DomainState

CATCH_ALL = "*"


@dataclass(slots=True)
class Alias:
    """An address that leads to others; local part '*' takes what the domain does not know."""

    address: str
    targets: tuple[str, ...]
    created_at: datetime


@dataclass(slots=True)
class Entry:
    """What the directory says of one asked address whose domain is ours.

    `matched` is the local part that answers for it: the one asked for, the one without its
    sub-address, or '*'; None when nothing does. Exactly one of `account_id` and `targets` is set
    when something does.
    """

    organization_id: int
    organization: str
    domain_id: int
    domain_state: DomainState
    matched: str | None
    targets: tuple[str, ...]
    account_id: int | None
    quota_bytes: int | None
    account_active: bool


async def find_kind(c: Connection, domain_id: int, local_part: str) -> str | None:
    """ "account", "alias", or None when the address is free."""
    value = await c.fetchval(
        "SELECT kind FROM address WHERE domain_id = $1 AND local_part = $2", domain_id, local_part
    )
    return None if value is None else str(value)


async def claim(
    c: Connection, domain_id: int, local_part: str, kind: str, targets: Sequence[str] = ()
) -> bool:
    """Take an address; False when it is taken."""
    made = await c.fetchval(
        "INSERT INTO address (domain_id, local_part, kind, targets) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT DO NOTHING RETURNING true",
        domain_id,
        local_part,
        kind,
        list(targets),
    )
    return bool(made)


async def free(c: Connection, domain_id: int, local_part: str, kind: str) -> bool:
    """Give an address back; False when there is none of that kind."""
    freed = await c.fetchval(
        "DELETE FROM address WHERE domain_id = $1 AND local_part = $2 AND kind = $3 RETURNING true",
        domain_id,
        local_part,
        kind,
    )
    return bool(freed)


async def forget(c: Connection, address: str) -> None:
    """Take a removed address out of all aliases.

    An alias that leads nowhere else goes too, and so on for those that led to it.
    """
    gone = [address]
    while gone:
        target = gone.pop()
        removed = await c.fetch(_REMOVE_DEAD_ALIASES, target)
        await c.execute(
            "UPDATE address SET targets = array_remove(targets, $1) WHERE targets @> ARRAY[$1]",
            target,
        )
        gone += [row["address"] for row in removed]


_REMOVE_DEAD_ALIASES = """
    DELETE FROM address a USING domain d
     WHERE d.id = a.domain_id AND a.targets @> ARRAY[$1] AND array_remove(a.targets, $1) = '{}'
    RETURNING a.local_part || '@' || d.name AS address
"""


_SELECT_ALIAS = """
    SELECT a.local_part || '@' || d.name AS address, a.targets, a.created_at
      FROM address a JOIN domain d ON d.id = a.domain_id
     WHERE a.kind = 'alias'
"""


def _alias(row: Record) -> Alias:
    return Alias(row["address"], tuple(row["targets"]), row["created_at"])


async def find_alias(c: Connection, domain: str, local_part: str) -> Alias | None:
    row = await c.fetchrow(
        f"{_SELECT_ALIAS} AND d.name = $1 AND a.local_part = $2", domain, local_part
    )
    return _alias(row) if row else None


async def aliases(c: Connection, domain: str | None = None) -> list[Alias]:
    """All aliases, or those of one domain, by domain and local part."""
    rows = await c.fetch(
        f"{_SELECT_ALIAS} AND ($1::text IS NULL OR d.name = $1) ORDER BY d.name, a.local_part",
        domain,
    )
    return [_alias(row) for row in rows]


# RFC 5233 §1: the full local part counts before the one without detail. The catch-all is last.
LOOK_UP = """
    SELECT asked.local_part || '@' || asked.domain AS address,
           d.organization_id, o.name AS organization, d.id AS domain_id,
           d.state AS domain_state, found.local_part AS matched, found.targets,
           account.id AS account_id, account.quota_bytes, account.state AS account_state
      FROM unnest($1::text[], $2::text[], $3::text[]) AS asked (local_part, base, domain)
      JOIN domain d ON d.name = asked.domain
      JOIN organization o ON o.id = d.organization_id
      LEFT JOIN LATERAL (
            SELECT a.local_part, a.targets
              FROM address a
             WHERE a.domain_id = d.id AND a.local_part IN (asked.local_part, asked.base, '*')
             ORDER BY CASE a.local_part WHEN asked.local_part THEN 0 WHEN asked.base THEN 1 ELSE 2
                      END
             LIMIT 1
           ) found ON true
      LEFT JOIN account ON account.domain_id = d.id AND account.local_part = found.local_part
"""


async def look_up(c: Connection, asked: Iterable[tuple[str, str, str]]) -> dict[str, Entry]:
    """Address → what it is, for those whose domain is ours.

    `asked`: local part, local part without sub-address, domain; in the directory's spelling.
    """
    local_parts, bases, domains = zip(*asked, strict=True)
    rows = await c.fetch(LOOK_UP, local_parts, bases, domains)
    return {row["address"]: _entry(row) for row in rows}


def _entry(row: Record) -> Entry:
    return Entry(
        organization_id=row["organization_id"],
        organization=row["organization"],
        domain_id=row["domain_id"],
        domain_state=DomainState(row["domain_state"]),
        matched=row["matched"],
        targets=tuple(row["targets"] or ()),
        account_id=row["account_id"],
        quota_bytes=row["quota_bytes"],
        account_active=row["account_state"] == "active",
    )
