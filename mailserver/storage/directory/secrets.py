"""Secrets of all nodes: the newest of a name is used, the older ones are taken until retired."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from mailserver.storage.database import Connection

SRS = "srs"  # signs the senders that are rewritten for forwarding
NAMES = (SRS,)
_OCTETS = 32
_LOCK = 0x73656372  # advisory: two nodes that need the first one make it once


@dataclass(slots=True)
class Secret:
    """One secret; its value is not among what is shown."""

    id: int
    name: str
    created_at: datetime
    used: bool  # False: only taken, not used any more


async def values(c: Connection, name: str) -> list[bytes]:
    """All values of a name, the newest first."""
    rows = await c.fetch("SELECT value FROM secret WHERE name = $1 ORDER BY id DESC", name)
    return [row["value"] for row in rows]


async def secret(c: Connection, name: str) -> bytes:
    """32 bytes, the same on every node: the newest of a name that has one."""
    return (await values(c, name))[0]


async def generate(c: Connection, name: str) -> None:
    """Make the first secret of a name, in a transaction; nothing happens when there is one."""
    await c.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    if not await values(c, name):
        await rotate(c, name)


async def rotate(c: Connection, name: str) -> None:
    """Use a new secret from now on."""
    value = secrets.token_bytes(_OCTETS)
    await c.execute("INSERT INTO secret (name, value) VALUES ($1, $2)", name, value)


async def retire(c: Connection, name: str) -> int:
    """Take only the newest from now on; gives how many were removed."""
    rows = await c.fetch(
        "DELETE FROM secret WHERE name = $1"
        " AND id < (SELECT max(id) FROM secret WHERE name = $1) RETURNING id",
        name,
    )
    return len(rows)


async def listing(c: Connection) -> list[Secret]:
    """All, by name, the newest first."""
    rows = await c.fetch(
        "SELECT s.id, s.name, s.created_at,"
        " s.id = max(s.id) OVER (PARTITION BY s.name) AS used"
        " FROM secret s ORDER BY s.name, s.id DESC"
    )
    return [Secret(**dict(row)) for row in rows]
