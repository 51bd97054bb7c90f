"""Annotations of mailboxes and of the server (RFC 5464): names, and values of any bytes.

An entry below /private is one account's, one below /shared everybody's who may read the mailbox;
those of the server are shared within an organization.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.storage.database import Connection

SPECIAL_USE = "/private/specialuse"
"""Of a mailbox, what its owner has it for (RFC 6154 §4): a column of the mailbox's own row."""

_PRIVATE = "/private/"
_ALL = f"""(
    SELECT mailbox_id, organization_id, account_id, entry, value FROM annotation
    UNION ALL
    SELECT id, 0, account_id, '{SPECIAL_USE}', convert_to(special_use, 'UTF8')
    FROM mailbox WHERE special_use IS NOT NULL
) AS annotation"""
_MINE = "account_id = CASE WHEN starts_with(entry, '/private/') THEN $3::bigint ELSE 0 END"

_DIGESTS = f"""
SELECT a.mailbox_id, a.entry, md5(a.value)
FROM mailbox m JOIN annotation a ON a.mailbox_id = m.id
WHERE m.account_id = $1 AND a.organization_id = 0 AND a.account_id IN (0, $1)
UNION ALL
SELECT m.id, '{SPECIAL_USE}', md5(m.special_use)
FROM mailbox m
WHERE m.account_id = $1 AND m.special_use IS NOT NULL
UNION ALL
SELECT a.mailbox_id, a.entry, md5(a.value)
FROM annotation a
WHERE a.mailbox_id = 0 AND a.organization_id = $2 AND a.account_id IN (0, $1)
"""


@dataclass(slots=True)
class Holder:
    """What is annotated: a mailbox, or the server as an organization sees it."""

    mailbox_id: int = 0
    account_id: int = 0  # whose mailbox it is
    organization_id: int = 0  # of the server's annotations


async def sizes(c: Connection, holder: Holder, account_id: int) -> dict[str, int]:
    """Bytes of each value that the account may see, by name, in order."""
    rows = await c.fetch(
        f"SELECT entry, octet_length(value) AS size FROM {_ALL}"
        f" WHERE mailbox_id = $1 AND organization_id = $2 AND {_MINE}"
        ' ORDER BY entry COLLATE "C"',
        holder.mailbox_id,
        holder.organization_id,
        account_id,
    )
    return {row["entry"]: row["size"] for row in rows}


async def values(
    c: Connection, holder: Holder, account_id: int, entries: Sequence[str]
) -> dict[str, bytes]:
    """The values of entries by name; those that have none are missing."""
    rows = await c.fetch(
        f"SELECT entry, value FROM {_ALL} WHERE mailbox_id = $1 AND organization_id = $2"
        f" AND {_MINE} AND entry = ANY($4::text[])",
        holder.mailbox_id,
        holder.organization_id,
        account_id,
        entries,
    )
    return {row["entry"]: row["value"] for row in rows}


async def of_mailboxes(
    c: Connection, mailbox_ids: Sequence[int], account_id: int, entries: Sequence[str]
) -> dict[int, dict[str, bytes]]:
    """The values of the same entries in many mailboxes, by mailbox and name."""
    rows = await c.fetch(
        f"SELECT mailbox_id, entry, value FROM {_ALL}"
        " WHERE mailbox_id = ANY($1::bigint[]) AND organization_id = $2"
        f" AND {_MINE} AND entry = ANY($4::text[])",
        mailbox_ids,
        0,
        account_id,
        entries,
    )
    found: dict[int, dict[str, bytes]] = {}
    for row in rows:
        found.setdefault(row["mailbox_id"], {})[row["entry"]] = row["value"]
    return found


async def digests(
    c: Connection, account_id: int, organization_id: int
) -> dict[int, dict[str, str]]:
    """The MD5 of each value in hex, by mailbox of the account, 0 for the server, and by entry.

    Of what the account may see: its own private entries and the shared ones.
    """
    rows = await c.fetch(_DIGESTS, account_id, organization_id)
    found: dict[int, dict[str, str]] = {}
    for mailbox_id, entry, digest in rows:
        found.setdefault(mailbox_id, {})[entry] = digest
    return found


async def put(
    c: Connection, holder: Holder, account_id: int, entry: str, value: bytes | None
) -> None:
    """Set an entry, or remove it (None)."""
    if entry == SPECIAL_USE and holder.mailbox_id:
        use = None if value is None else value.decode()
        await c.execute("UPDATE mailbox SET special_use = $2 WHERE id = $1", holder.mailbox_id, use)
        return
    key = (
        *(holder.mailbox_id, holder.organization_id),
        *(account_id if entry.startswith(_PRIVATE) else 0, entry),
    )
    if value is None:
        await c.execute(
            "DELETE FROM annotation WHERE mailbox_id = $1 AND organization_id = $2"
            " AND account_id = $3 AND entry = $4",
            *key,
        )
        return
    await c.execute(
        "INSERT INTO annotation (mailbox_id, organization_id, account_id, entry, value)"
        " VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT (mailbox_id, organization_id, account_id, entry)"
        " DO UPDATE SET value = EXCLUDED.value",
        *key,
        value,
    )
