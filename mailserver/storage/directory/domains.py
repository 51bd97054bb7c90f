"""Domains: names an organization owns, and where each is on its way to live mail."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailserver.storage.database import Connection, Record


class DomainState(StrEnum):
    """Where a domain is between being named and carrying mail."""

    PENDING = "pending"
    VERIFIED = "verified"
    CERTIFICATE = "certificate"
    ACTIVE = "active"
    DEGRADED = "degraded"
    SUSPENDED = "suspended"

    @property
    def serves(self) -> bool:
        """True where mail is accepted and sent for the domain and its accounts may log in."""
        return self in (DomainState.ACTIVE, DomainState.DEGRADED)


@dataclass(slots=True)
class Domain:
    """One domain, with its accounts, aliases and groups counted."""

    id: int
    name: str
    organization_id: int
    organization: str
    state: DomainState
    alias_of: str | None  # the domain whose addresses it has; None: it has its own
    created_at: datetime
    accounts: int
    aliases: int
    groups: int


_SELECT = """
    SELECT d.id, d.name, d.organization_id, o.name AS organization, d.state, d.created_at,
           (SELECT h.name FROM domain h WHERE h.id = d.alias_of) AS alias_of,
           (SELECT count(*) FROM account a WHERE a.domain_id = d.id) AS accounts,
           (SELECT count(*) FROM address a
             WHERE a.domain_id = d.id AND a.kind = 'alias') AS aliases,
           (SELECT count(*) FROM address a
             WHERE a.domain_id = d.id AND a.kind = 'group') AS groups
      FROM domain d JOIN organization o ON o.id = d.organization_id
"""


def _domain(row: Record) -> Domain:
    fields = dict(row)
    fields["state"] = DomainState(fields["state"])
    return Domain(**fields)


async def add(
    c: Connection,
    name: str,
    organization_id: int,
    state: DomainState,
    *,
    alias_of: int | None = None,
) -> int | None:
    """The new domain's id; None when the name is taken."""
    value = await c.fetchval(
        "INSERT INTO domain (name, organization_id, state, alias_of) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (name) DO NOTHING RETURNING id",
        name,
        organization_id,
        state.value,
        alias_of,
    )
    return None if value is None else int(value)


async def find(c: Connection, name: str) -> Domain | None:
    row = await c.fetchrow(f"{_SELECT} WHERE d.name = $1", name)
    return _domain(row) if row else None


async def listing(c: Connection, organization: str | None = None) -> list[Domain]:
    """All domains, or those of one organization, by name."""
    rows = await c.fetch(
        f"{_SELECT} WHERE $1::text IS NULL OR o.name = $1 ORDER BY d.name", organization
    )
    return [_domain(row) for row in rows]


async def lock(c: Connection, name: str, *, alone: bool = False) -> int | None:
    """The id, kept from being removed until the transaction ends; None when there is none.

    `alone` also waits for everybody else who holds the domain, and keeps them out.
    """
    strength = "UPDATE" if alone else "KEY SHARE"
    value = await c.fetchval(f"SELECT id FROM domain WHERE name = $1 FOR {strength}", name)
    return None if value is None else int(value)


async def alias_of(c: Connection, domain_id: int) -> str | None:
    """The domain whose other name it is; None when it has addresses of its own. Never changes."""
    value = await c.fetchval(
        "SELECT h.name FROM domain d JOIN domain h ON h.id = d.alias_of WHERE d.id = $1", domain_id
    )
    return None if value is None else str(value)


async def aliases(c: Connection, domain_id: int) -> list[tuple[int, str]]:
    """(id, name) of a domain's other names."""
    rows = await c.fetch(
        "SELECT id, name FROM domain WHERE alias_of = $1 ORDER BY name FOR UPDATE", domain_id
    )
    return [(row["id"], row["name"]) for row in rows]


async def set_state(c: Connection, name: str, state: DomainState) -> bool:
    """False when there is none of that name."""
    changed = await c.fetchval(
        "UPDATE domain SET state = $2 WHERE name = $1 RETURNING id", name, state.value
    )
    return changed is not None


async def remove(c: Connection, domain_id: int) -> None:
    """Remove a domain, its accounts, addresses and keys, and the contacts that were in it;
    mailboxes are the caller's to remove."""
    await c.execute(
        "UPDATE organization o SET contact = NULL FROM domain d"
        " WHERE d.id = $1 AND right(o.contact, length(d.name) + 1) = '@' || d.name",
        domain_id,
    )
    await c.execute("DELETE FROM account WHERE domain_id = $1", domain_id)
    await c.execute("DELETE FROM domain WHERE id = $1", domain_id)
