"""Access control lists of mailboxes (RFC 4314). The owner of an account reads none of his own lists
but where a mailbox has one (`Mailbox.has_list`).
"""

from collections.abc import Sequence

from mailserver.mail.rights import ANYONE, Entry, Rights, parse_rights
from mailserver.storage.database import Connection, Record
from mailserver.storage.mailboxes import Mailbox, columns, mailbox_of


def _entry(row: Record) -> Entry:
    return Entry(row["account_id"], parse_rights(row["rights"]), row["negative"])


async def entries(c: Connection, mailbox_id: int) -> list[Entry]:
    """The list of a mailbox, positive entries first."""
    rows = await c.fetch(
        "SELECT account_id, rights, negative FROM mailbox_right"
        " WHERE mailbox_id = $1 ORDER BY negative, account_id",
        mailbox_id,
    )
    return [_entry(row) for row in rows]


async def lists(c: Connection, mailbox_ids: Sequence[int]) -> dict[int, list[Entry]]:
    """The lists of mailboxes by id; those that have none are missing."""
    rows = await c.fetch(
        "SELECT mailbox_id, account_id, rights, negative FROM mailbox_right"
        " WHERE mailbox_id = ANY($1::bigint[]) ORDER BY mailbox_id, negative, account_id",
        mailbox_ids,
    )
    found: dict[int, list[Entry]] = {}
    for row in rows:
        found.setdefault(row["mailbox_id"], []).append(_entry(row))
    return found


async def put(c: Connection, mailbox_id: int, organization_id: int, entry: Entry) -> None:
    """Make `entry` the list's only word on its account, of its sign."""
    await c.execute(
        "INSERT INTO mailbox_right (mailbox_id, account_id, negative, rights, organization_id)"
        " VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT (mailbox_id, account_id, negative) DO UPDATE SET rights = EXCLUDED.rights",
        mailbox_id,
        entry.account_id,
        entry.negative,
        _letters(entry.rights),
        organization_id,
    )


async def remove(c: Connection, mailbox_id: int, account_id: int, *, negative: bool) -> None:
    await c.execute(
        "DELETE FROM mailbox_right WHERE mailbox_id = $1 AND account_id = $2 AND negative = $3",
        mailbox_id,
        account_id,
        negative,
    )


async def inherit(c: Connection, parent_id: int, account_id: int, names: Sequence[str]) -> None:
    """Give mailboxes of an account the list of another one (RFC 4314 §3: as the server likes)."""
    await c.execute(
        "INSERT INTO mailbox_right (mailbox_id, account_id, negative, rights, organization_id)"
        " SELECT m.id, r.account_id, r.negative, r.rights, r.organization_id"
        " FROM mailbox m, mailbox_right r"
        " WHERE m.account_id = $1 AND m.name = ANY($2::text[]) AND r.mailbox_id = $3"
        " ON CONFLICT DO NOTHING",
        account_id,
        names,
        parent_id,
    )


async def shared(
    c: Connection, organization_id: int, account_id: int, *, recent: bool = False
) -> list[Mailbox]:
    """Others' mailboxes whose lists grant something to the account, or to everybody.

    `recent` as for `mailboxes.find`.
    """
    rows = await c.fetch(
        f"SELECT {columns(recent=recent)} FROM mailbox m"
        " WHERE m.account_id <> $1 AND m.id IN ("
        " SELECT r.mailbox_id FROM mailbox_right r"
        " WHERE r.account_id IN ($1, $2) AND r.organization_id = $3 AND NOT r.negative)"
        ' ORDER BY m.account_id, m.name COLLATE "C"',
        account_id,
        ANYONE,
        organization_id,
    )
    return [mailbox_of(row) for row in rows]


def _letters(rights: Rights) -> str:
    return "".join(sorted(rights))
