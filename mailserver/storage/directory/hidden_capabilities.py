"""IMAP capabilities that are hidden from an account, or from programs by their name and version."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from mailserver.storage.database import Connection


@dataclass(slots=True)
class HiddenCapability:
    """One capability hidden from one account, or from the programs that match two patterns."""

    capability: str
    account_id: int | None
    account: str | None  # its address
    client: str | None  # pattern of the name
    version: str | None  # pattern of the version
    created_at: datetime


async def hide_from_account(c: Connection, account_id: int, capabilities: Collection[str]) -> None:
    """Nothing happens for those that are hidden already."""
    await c.execute(
        "INSERT INTO hidden_capability (account_id, capability)"
        " SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING",
        account_id,
        list(capabilities),
    )


async def hide_from_client(
    c: Connection, client: str, version: str, capabilities: Collection[str]
) -> None:
    """Nothing happens for those that are hidden already."""
    await c.execute(
        "INSERT INTO hidden_capability (client, version, capability)"
        " SELECT $1, $2, unnest($3::text[]) ON CONFLICT DO NOTHING",
        client,
        version,
        list(capabilities),
    )


async def show_account(
    c: Connection, account_id: int, capabilities: Collection[str] | None
) -> list[str]:
    """Hide them no longer, or None: any; gives which were hidden."""
    rows = await c.fetch(
        "DELETE FROM hidden_capability WHERE account_id = $1"
        " AND ($2::text[] IS NULL OR capability = ANY($2)) RETURNING capability",
        account_id,
        None if capabilities is None else list(capabilities),
    )
    return sorted(row["capability"] for row in rows)


async def show_client(
    c: Connection, client: str, version: str, capabilities: Collection[str] | None
) -> list[str]:
    """Hide them no longer, or None: any; gives which were hidden."""
    rows = await c.fetch(
        "DELETE FROM hidden_capability WHERE client = $1 AND version = $2"
        " AND ($3::text[] IS NULL OR capability = ANY($3)) RETURNING capability",
        client,
        version,
        None if capabilities is None else list(capabilities),
    )
    return sorted(row["capability"] for row in rows)


async def listing(c: Connection) -> list[HiddenCapability]:
    """All: accounts first, then programs."""
    rows = await c.fetch(
        "SELECT h.capability, h.account_id, a.local_part || '@' || d.name AS account,"
        " h.client, h.version, h.created_at"
        " FROM hidden_capability h"
        " LEFT JOIN account a ON a.id = h.account_id"
        " LEFT JOIN domain d ON d.id = a.domain_id"
        " ORDER BY account, h.client, h.version, h.capability"
    )
    return [HiddenCapability(**dict(row)) for row in rows]
