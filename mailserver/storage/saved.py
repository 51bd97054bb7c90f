"""When messages came into their mailboxes (RFC 8514): read when it is asked for, kept in no memory.

Rows are given the time by their table, so that nobody who writes them need know of it.
"""

from collections.abc import Sequence
from datetime import date, datetime
from enum import Enum
from typing import cast

from mailserver.storage.database import Connection


class Compared(Enum):
    """How the day on which a message came, in UTC, stands to another."""

    BEFORE = "<"
    ON = "="
    SINCE = ">="


async def times(c: Connection, mailbox_id: int, uids: list[int]) -> dict[int, datetime]:
    """When the messages came, by UID; those that are gone are missing."""
    rows = await c.fetch(
        "SELECT uid, saved_at FROM mailbox_message"
        " WHERE mailbox_id = $1 AND uid = ANY($2::bigint[])",
        mailbox_id,
        uids,
    )
    return {row["uid"]: row["saved_at"] for row in rows}


async def on_days(c: Connection, mailbox_id: int, compared: Compared, day: date) -> Sequence[int]:
    """The UIDs of the messages that came before, on or since a day, ascending."""
    found = await c.fetchval(
        "SELECT coalesce(array_agg(uid ORDER BY uid), '{}') FROM mailbox_message"
        f" WHERE mailbox_id = $1 AND (saved_at AT TIME ZONE 'UTC')::date {compared.value} $2::date",
        mailbox_id,
        day,
    )
    return cast(Sequence[int], found)
