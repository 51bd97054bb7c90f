"""Senders too long for the address that replaces them when their mail is forwarded."""

from datetime import datetime

from mailserver.storage.database import Connection, Database


async def keep(c: Connection, token: str, sender: str) -> None:
    """Durable when this returns; kept for as long as mail is forwarded with it, and then some."""
    await c.execute(
        "INSERT INTO replaced_sender (token, sender) VALUES ($1, $2)"
        " ON CONFLICT (token) DO UPDATE SET used_at = now()",
        token,
        sender,
    )


async def find(c: Connection, token: str) -> str | None:
    value = await c.fetchval("SELECT sender FROM replaced_sender WHERE token = $1", token)
    return None if value is None else str(value)


async def sweep(database: Database, before: datetime) -> None:
    """Remove those not used since."""
    await database.execute("DELETE FROM replaced_sender WHERE used_at < $1", before)
