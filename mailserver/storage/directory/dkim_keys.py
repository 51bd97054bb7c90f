"""DKIM keys: what a domain signs with."""

from dataclasses import dataclass, field
from datetime import datetime

from mailserver.storage.database import Connection


@dataclass(slots=True)
class DkimKey:
    """One selector of a domain; `private_key` is PKCS#8 PEM."""

    selector: str
    algorithm: str  # "rsa-sha256" or "ed25519-sha256"
    private_key: bytes = field(repr=False)
    active: bool
    created_at: datetime


async def add(
    c: Connection, domain_id: int, selector: str, algorithm: str, private_key: bytes
) -> None:
    await c.execute(
        "INSERT INTO dkim_key (domain_id, selector, algorithm, private_key)"
        " VALUES ($1, $2, $3, $4)",
        domain_id,
        selector,
        algorithm,
        private_key,
    )


async def listing(c: Connection, domain: str) -> list[DkimKey]:
    """All keys of a domain, by selector."""
    rows = await c.fetch(
        "SELECT k.selector, k.algorithm, k.private_key, k.active, k.created_at"
        " FROM dkim_key k JOIN domain d ON d.id = k.domain_id"
        " WHERE d.name = $1 ORDER BY k.selector",
        domain,
    )
    return [DkimKey(**dict(row)) for row in rows]


async def signing(c: Connection, domain: str) -> list[DkimKey]:
    """The keys a domain signs with now, by selector; none unless mail is sent for it."""
    rows = await c.fetch(
        "SELECT k.selector, k.algorithm, k.private_key, k.active, k.created_at"
        " FROM dkim_key k JOIN domain d ON d.id = k.domain_id"
        " WHERE d.name = $1 AND k.active AND d.state IN ('active', 'degraded')"
        " ORDER BY k.selector",
        domain,
    )
    return [DkimKey(**dict(row)) for row in rows]
