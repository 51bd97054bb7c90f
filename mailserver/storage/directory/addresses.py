"""Addresses: the one name space of all that can receive, accounts, aliases and groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mailserver.storage.database import Connection, Record

CATCH_ALL = "*"


@dataclass(slots=True)
class Alias:
    """An address that leads to others; local part '*' takes what the domain does not know."""

    address: str
    targets: tuple[str, ...]
    created_at: datetime


async def find_kind(c: Connection, domain_id: int, local_part: str) -> str | None:
    """ "account", "alias", "group", or None when the address is free."""
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
    """Take a removed address out of all aliases and groups, and from who answers for domains.

    An alias that leads nowhere else goes too, and so on for those that led to it; a group stays.
    """
    gone = [address]
    while gone:
        target = gone.pop()
        removed = await c.fetch(_REMOVE_DEAD_ALIASES, target)
        for statement in _FORGET:
            await c.execute(statement, target)
        gone += [row["address"] for row in removed]


_REMOVE_DEAD_ALIASES = """
    DELETE FROM address a USING domain d
     WHERE d.id = a.domain_id AND a.targets @> ARRAY[$1] AND array_remove(a.targets, $1) = '{}'
       AND a.kind = 'alias'
    RETURNING a.local_part || '@' || d.name AS address
"""
_FORGET = (
    "UPDATE address SET targets = array_remove(targets, $1) WHERE targets @> ARRAY[$1]",
    """UPDATE address SET owners = array_remove(owners, $1)
        WHERE owners @> ARRAY[$1] AND kind = 'group'""",
    "UPDATE organization SET contact = NULL WHERE contact = $1",
)


async def referring(c: Connection, domain_id: int) -> list[tuple[str, str]]:
    """(address, target) for what outside of a domain leads into it."""
    rows = await c.fetch(_REFERRING, domain_id)
    return [(row["address"], row["target"]) for row in rows]


# A domain's own addresses are looked for one by one: the index knows whole targets only.
_REFERRING = """
    SELECT a.local_part || '@' || home.name AS address, target.name AS target
      FROM (SELECT own.local_part || '@' || d.name AS name
              FROM address own JOIN domain d ON d.id = own.domain_id
             WHERE d.id = $1) target
      JOIN address a ON a.targets @> ARRAY[target.name]
           OR (a.owners @> ARRAY[target.name] AND a.kind = 'group')
      JOIN domain home ON home.id = a.domain_id
     WHERE a.domain_id <> $1
     ORDER BY 1, 2
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
