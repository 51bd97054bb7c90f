"""Figures that are read from Postgres when they are asked for, for /metrics."""

from mailserver.storage.database import Connection

# What is finished is only kept to be looked up; counting it would read the whole table.
_WAITING = ("queued", "deferred", "leased")


async def storage_used(connection: Connection) -> dict[str, int]:
    """Bytes in the mailboxes of each domain, by domain name."""
    rows = await connection.fetch(
        """
        SELECT domain.name, coalesce(sum(mailbox.bytes), 0)::bigint AS bytes
        FROM domain
        LEFT JOIN account ON account.domain_id = domain.id
        LEFT JOIN mailbox ON mailbox.account_id = account.id
        GROUP BY domain.name
        """
    )
    return {row["name"]: row["bytes"] for row in rows}


async def domain_states(connection: Connection) -> dict[str, str]:
    """The state of each domain, by domain name."""
    rows = await connection.fetch("SELECT name, state FROM domain")
    return {row["name"]: row["state"] for row in rows}


async def waiting_recipients(connection: Connection) -> dict[str, int]:
    """Recipients in the outbound queue that are not finished, by state; 0 where there are none."""
    rows = await connection.fetch(
        """
        SELECT state, count(*) AS recipients
        FROM queue_recipient
        WHERE state IN ('queued', 'deferred', 'leased')
        GROUP BY state
        """
    )
    return dict.fromkeys(_WAITING, 0) | {row["state"]: row["recipients"] for row in rows}
