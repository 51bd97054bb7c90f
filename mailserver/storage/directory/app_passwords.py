"""App passwords: random secrets of an account, one for each program that logs in as it."""

from dataclasses import dataclass
from datetime import date, datetime

from mailserver.storage.database import Connection


@dataclass(slots=True)
class AppPassword:
    """One of them, without its secret, which nobody has but the program."""

    name: str
    created_at: datetime
    last_used: date | None


async def add(
    c: Connection, account_id: int, name: str, secret_hash: bytes, scram_verifier: bytes
) -> bool:
    """False when the account has one of that name."""
    made = await c.fetchval(
        "INSERT INTO app_password (account_id, name, secret_hash, scram_verifier)"
        " VALUES ($1, $2, $3, $4) ON CONFLICT (account_id, name) DO NOTHING RETURNING true",
        account_id,
        name,
        secret_hash,
        scram_verifier,
    )
    return bool(made)


async def listing(c: Connection, account_id: int) -> list[AppPassword]:
    """All of an account, by name."""
    rows = await c.fetch(
        "SELECT name, created_at, last_used FROM app_password WHERE account_id = $1 ORDER BY name",
        account_id,
    )
    return [AppPassword(**dict(row)) for row in rows]


async def remove(c: Connection, account_id: int, name: str) -> bool:
    """False when the account has none of that name."""
    removed = await c.fetchval(
        "DELETE FROM app_password WHERE account_id = $1 AND name = $2 RETURNING true",
        account_id,
        name,
    )
    return bool(removed)


async def verifiers(c: Connection, account_id: int) -> list[bytes]:
    """What SCRAM needs of each, oldest first."""
    rows = await c.fetch(
        "SELECT scram_verifier FROM app_password WHERE account_id = $1 ORDER BY id", account_id
    )
    return [row["scram_verifier"] for row in rows]


# A row is written once a day at most, however often its program logs in.
_TOUCH = """
    UPDATE app_password SET last_used = current_date
     WHERE id = $1 AND last_used IS DISTINCT FROM current_date
"""
_USED = """
    SELECT id, last_used IS DISTINCT FROM current_date AS stale
      FROM app_password
     WHERE account_id = $1
       AND (secret_hash = $2 OR substring(scram_verifier FROM 1 FOR 32) = $3)
"""


async def use(
    c: Connection, account_id: int, *, secret_hash: bytes = b"", stored_key: bytes = b""
) -> bool:
    """True when the account has it, found by one or the other; it counts as used today."""
    row = await c.fetchrow(_USED, account_id, secret_hash, stored_key)
    if row is None:
        return False
    if row["stale"]:
        await c.execute(_TOUCH, row["id"])
    return True
