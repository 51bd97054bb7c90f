"""Organizations: the customers; each owns domains and lives in one store."""

from dataclasses import dataclass
from datetime import datetime

from mailserver.storage.database import Connection, Record


@dataclass(slots=True)
class Organization:
    """One customer, with what it owns counted."""

    id: int
    name: str
    store: str
    contact: str | None  # who answers for its domains' postmaster and abuse
    created_at: datetime
    domains: int
    accounts: int


_SELECT = """
    SELECT o.id, o.name, s.name AS store, o.contact, o.created_at,
           (SELECT count(*) FROM domain d WHERE d.organization_id = o.id) AS domains,
           (SELECT count(*) FROM account a JOIN domain d ON d.id = a.domain_id
             WHERE d.organization_id = o.id) AS accounts
      FROM organization o JOIN store s ON s.id = o.store_id
"""


def _organization(row: Record) -> Organization:
    return Organization(**dict(row))


async def add(c: Connection, name: str) -> bool:
    """False when the name is taken."""
    made = await c.fetchval(
        "INSERT INTO organization (name) VALUES ($1) ON CONFLICT (name) DO NOTHING RETURNING id",
        name,
    )
    return made is not None


async def find(c: Connection, name: str) -> Organization | None:
    row = await c.fetchrow(f"{_SELECT} WHERE o.name = $1", name)
    return _organization(row) if row else None


async def listing(c: Connection) -> list[Organization]:
    """All, by name."""
    return [_organization(row) for row in await c.fetch(f"{_SELECT} ORDER BY o.name")]


async def lock(c: Connection, name: str) -> int | None:
    """The id, kept from being removed until the transaction ends; None when there is none."""
    value = await c.fetchval("SELECT id FROM organization WHERE name = $1 FOR SHARE", name)
    return None if value is None else int(value)


async def set_contact(c: Connection, organization_id: int, contact: str | None) -> None:
    await c.execute("UPDATE organization SET contact = $2 WHERE id = $1", organization_id, contact)


async def remove(c: Connection, name: str) -> bool:
    """False when there is none of that name, or when it still owns a domain."""
    removed = await c.fetchval(
        "DELETE FROM organization o WHERE name = $1"
        " AND NOT EXISTS (SELECT FROM domain d WHERE d.organization_id = o.id) RETURNING id",
        name,
    )
    return removed is not None
