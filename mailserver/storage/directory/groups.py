"""Groups: addresses whose mail goes to members, and who may write to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mailserver.storage.database import Connection, Record
from mailserver.storage.directory.entries import Posting


@dataclass(slots=True)
class GroupRow:
    """One group; members and owners are addresses, here or elsewhere."""

    address: str
    posting: Posting
    members: tuple[str, ...]
    owners: tuple[str, ...]
    created_at: datetime


_SELECT = """
    SELECT a.local_part || '@' || d.name AS address, a.posting, a.targets, a.owners, a.created_at
      FROM address a JOIN domain d ON d.id = a.domain_id
     WHERE a.kind = 'group'
"""


def _group(row: Record) -> GroupRow:
    return GroupRow(
        row["address"],
        Posting(row["posting"]),
        tuple(row["targets"]),
        tuple(row["owners"]),
        row["created_at"],
    )


async def claim(c: Connection, domain_id: int, local_part: str, posting: Posting) -> bool:
    """Take an address for a group of nobody; False when it is taken."""
    made = await c.fetchval(
        "INSERT INTO address (domain_id, local_part, kind, posting) VALUES ($1, $2, 'group', $3)"
        " ON CONFLICT DO NOTHING RETURNING true",
        domain_id,
        local_part,
        posting.value,
    )
    return bool(made)


async def find(
    c: Connection, domain: str, local_part: str, *, lock: bool = False
) -> GroupRow | None:
    """`lock`: it stays as it is until the transaction ends."""
    ending = " FOR UPDATE OF a" if lock else ""
    row = await c.fetchrow(
        f"{_SELECT} AND d.name = $1 AND a.local_part = $2{ending}", domain, local_part
    )
    return _group(row) if row else None


async def listing(c: Connection, domain: str | None = None) -> list[GroupRow]:
    """All groups, or those of one domain, by domain and local part."""
    rows = await c.fetch(
        f"{_SELECT} AND ($1::text IS NULL OR d.name = $1) ORDER BY d.name, a.local_part", domain
    )
    return [_group(row) for row in rows]


async def put(
    c: Connection,
    domain: str,
    local_part: str,
    *,
    posting: Posting,
    members: Sequence[str],
    owners: Sequence[str],
) -> None:
    """What a group is from now on."""
    await c.execute(
        "UPDATE address a SET posting = $3, targets = $4, owners = $5 FROM domain d"
        " WHERE d.id = a.domain_id AND a.kind = 'group' AND d.name = $1 AND a.local_part = $2",
        domain,
        local_part,
        posting.value,
        list(members),
        list(owners),
    )
