"""Random keys that all nodes share."""

from mailserver.storage.database import Connection


async def secret(c: Connection, name: str) -> bytes:
    """32 bytes, the same on every node for ever."""
    value: bytes = await c.fetchval("SELECT value FROM directory_secret WHERE name = $1", name)
    return value
