"""The networks that accounts were logged in to from, to the day."""

from datetime import date

from mailserver.storage.database import Connection


async def remember(c: Connection, account_id: int, network: str) -> None:
    """The owner is there today. An account that is gone meanwhile is no error."""
    await c.execute(
        "INSERT INTO login_network (account_id, network, last_on)"
        " SELECT id, $2, current_date FROM account WHERE id = $1"
        " ON CONFLICT (account_id, network) DO UPDATE SET last_on = current_date"
        " WHERE login_network.last_on < current_date",
        account_id,
        network,
    )


async def known(c: Connection, domain: str, local_part: str, network: str) -> bool:
    """True when the account of this address was logged in to from there lately."""
    return bool(
        await c.fetchval(
            "SELECT EXISTS (SELECT FROM login_network n"
            " JOIN account a ON a.id = n.account_id"
            " JOIN domain d ON d.id = a.domain_id"
            " WHERE d.name = $1 AND a.local_part = $2 AND n.network = $3)",
            domain,
            local_part,
            network,
        )
    )


async def forget(c: Connection, before: date) -> None:
    """Forget networks that nobody came from since that day."""
    await c.execute("DELETE FROM login_network WHERE last_on < $1", before)
