"""Accounts: who may log in, with which password, and how much they may keep."""

from dataclasses import dataclass, field
from datetime import datetime

from mailserver.storage.database import Connection, Record
from mailserver.storage.directory.domains import DomainState


@dataclass(slots=True)
class AccountRow:
    """One account as the directory has it.

    `password_hash` is a PHC string, `scram_verifier` StoredKey and ServerKey together, None until
    they are made at the next login.
    """

    id: int
    local_part: str
    domain_id: int
    domain: str
    domain_state: DomainState
    organization_id: int
    organization: str
    quota_bytes: int | None
    quota_messages: int | None
    administrator: bool  # of its organization
    state: str  # "active" or "suspended"
    created_at: datetime
    password_hash: str = field(repr=False)
    scram_salt: bytes = field(repr=False)
    scram_iterations: int
    scram_verifier: bytes | None = field(repr=False)


@dataclass(slots=True)
class ScramRow:
    """What SCRAM needs of a new account."""

    salt: bytes
    iterations: int
    verifier: bytes = field(repr=False)


_SELECT = """
    SELECT a.id, a.local_part, a.domain_id, d.name AS domain, d.state AS domain_state,
           d.organization_id, o.name AS organization, a.quota_bytes,
           a.quota_messages, a.administrator, a.state, a.created_at,
           a.password_hash, a.scram_salt, a.scram_iterations, a.scram_verifier
      FROM account a
      JOIN domain d ON d.id = a.domain_id
      JOIN organization o ON o.id = d.organization_id
"""


def _account(row: Record) -> AccountRow:
    fields = dict(row)
    fields["domain_state"] = DomainState(fields["domain_state"])
    return AccountRow(**fields)


async def add(
    c: Connection,
    domain_id: int,
    local_part: str,
    password_hash: str,
    quota_bytes: int | None,
    scram: ScramRow | None = None,
) -> int:
    """The new account's id; its address row is there already.

    Without `scram` the account gets a salt, and the rest at its first login by password.
    """
    value = await c.fetchval(
        "INSERT INTO account (domain_id, local_part, password_hash, quota_bytes)"
        " VALUES ($1, $2, $3, $4) RETURNING id",
        domain_id,
        local_part,
        password_hash,
        quota_bytes,
    )
    if scram is not None:
        await c.execute(
            "UPDATE account SET scram_salt = $2, scram_iterations = $3, scram_verifier = $4"
            " WHERE id = $1",
            value,
            scram.salt,
            scram.iterations,
            scram.verifier,
        )
    return int(value)


async def find(c: Connection, domain: str, local_part: str) -> AccountRow | None:
    row = await c.fetchrow(f"{_SELECT} WHERE d.name = $1 AND a.local_part = $2", domain, local_part)
    return _account(row) if row else None


async def listing(
    c: Connection, domain: str | None = None, organization: str | None = None
) -> list[AccountRow]:
    """All accounts, or those of one domain or organization, by domain and local part."""
    rows = await c.fetch(
        f"{_SELECT} WHERE ($1::text IS NULL OR d.name = $1)"
        " AND ($2::text IS NULL OR o.name = $2) ORDER BY d.name, a.local_part",
        domain,
        organization,
    )
    return [_account(row) for row in rows]


async def ids(c: Connection, domain_id: int) -> list[int]:
    """The accounts of a domain."""
    rows = await c.fetch("SELECT id FROM account WHERE domain_id = $1 ORDER BY id", domain_id)
    return [row["id"] for row in rows]


async def addresses(c: Connection, organization_id: int, account_ids: list[int]) -> dict[int, str]:
    """Addresses by account id, of those that are the organization's."""
    rows = await c.fetch(
        "SELECT a.id, a.local_part || '@' || d.name AS address"
        " FROM account a JOIN domain d ON d.id = a.domain_id"
        " WHERE d.organization_id = $1 AND a.id = ANY($2::bigint[])",
        organization_id,
        account_ids,
    )
    return {row["id"]: row["address"] for row in rows}


async def set_password(
    c: Connection, account_id: int, password_hash: str, scram_verifier: bytes
) -> None:
    await c.execute(
        "UPDATE account SET password_hash = $2, scram_verifier = $3 WHERE id = $1",
        account_id,
        password_hash,
        scram_verifier,
    )


async def renew(
    c: Connection, account_id: int, old_hash: str, password_hash: str, scram_verifier: bytes
) -> None:
    """Replace what is kept of a password, unless the password was changed meanwhile."""
    await c.execute(
        "UPDATE account SET password_hash = $3, scram_verifier = $4"
        " WHERE id = $1 AND password_hash = $2",
        account_id,
        old_hash,
        password_hash,
        scram_verifier,
    )


async def set_quota(
    c: Connection, account_id: int, quota_bytes: int | None, quota_messages: int | None
) -> None:
    await c.execute(
        "UPDATE account SET quota_bytes = $2, quota_messages = $3 WHERE id = $1",
        account_id,
        quota_bytes,
        quota_messages,
    )


async def set_administrator(c: Connection, account_id: int, administrator: bool) -> None:
    await c.execute(
        "UPDATE account SET administrator = $2 WHERE id = $1", account_id, administrator
    )


async def set_state(c: Connection, account_id: int, state: str) -> None:
    await c.execute("UPDATE account SET state = $2 WHERE id = $1", account_id, state)


async def remove(c: Connection, account_id: int) -> None:
    """Remove the account; its address row and mailboxes are the caller's to remove."""
    await c.execute("DELETE FROM account WHERE id = $1", account_id)
