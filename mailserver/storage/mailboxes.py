"""The mailboxes of an account: names, special use, counters, subscriptions.

Names are UTF-8 with "/" between levels; "INBOX" is always upper case here. Functions raise
nothing of their own: None or False says that the name is taken or missing.
"""

from dataclasses import dataclass

from mailserver.storage.database import Connection, Record

INBOX = "INBOX"
DEFAULTS = (
    (INBOX, None),
    ("Drafts", "\\Drafts"),
    ("Sent", "\\Sent"),
    ("Junk", "\\Junk"),
    ("Trash", "\\Trash"),
    ("Archive", "\\Archive"),
)

# Tables of what a mailbox has, which goes with it.
_OF_A_MAILBOX = (
    *("mailbox_message", "mailbox_event", "mailbox_unfolded"),
    *("mailbox_snapshot", "mailbox_pack", "mailbox_unpacked", "text_pack"),
    *("mailbox_right", "annotation"),
)


@dataclass(slots=True)
class Mailbox:
    """One mailbox as its row says; `recent` counts messages no session was told of, if asked."""

    id: int
    account_id: int
    name: str
    special_use: str | None
    uid_validity: int
    uid_next: int
    highest_modseq: int
    messages: int
    unseen: int
    bytes: int
    first_recent_uid: int
    recent: int | None = None
    has_list: bool = False  # an access control list; without one it is its owner's alone


_COLUMNS = """
    m.id, m.account_id, m.name, m.special_use, m.uid_validity, m.uid_next, m.highest_modseq,
    m.messages, m.unseen, m.bytes, m.first_recent_uid,
    EXISTS (SELECT FROM mailbox_right r WHERE r.mailbox_id = m.id) AS has_list
"""
_RECENT = """,
    (SELECT count(*) FROM mailbox_message x
      WHERE x.mailbox_id = m.id AND x.uid >= m.first_recent_uid) AS recent
"""


def columns(*, recent: bool) -> str:
    """What `mailbox_of` needs of `mailbox m`; `recent`: with the count of those."""
    return _COLUMNS + _RECENT if recent else _COLUMNS


def mailbox_of(row: Record) -> Mailbox:
    """The mailbox in a row of `columns`."""
    return Mailbox(**dict(row))


async def create_defaults(c: Connection, account_id: int) -> None:
    """Make what every account has; harmless when it is there already."""
    names, uses = zip(*DEFAULTS, strict=True)
    await c.execute(
        "INSERT INTO mailbox (account_id, name, special_use)"
        " SELECT $1, name, use FROM unnest($2::text[], $3::text[]) AS d (name, use)"
        " ON CONFLICT DO NOTHING",
        account_id,
        names,
        uses,
    )
    await c.execute(
        "INSERT INTO subscription (account_id, name) SELECT $1, unnest($2::text[])"
        " ON CONFLICT DO NOTHING",
        account_id,
        names,
    )


async def create(
    c: Connection, account_id: int, names: list[str], special_use: str | None = None
) -> bool:
    """Make `names`, a mailbox and those above it that are missing; False when the last exists.

    RFC 3501 §6.3.3: names above the new one are created as well. RFC 6154 §3: the special use
    belongs to the last name.
    """
    uses = [None] * (len(names) - 1) + [special_use]
    made = await c.fetch(
        "INSERT INTO mailbox (account_id, name, special_use)"
        " SELECT $1, name, use FROM unnest($2::text[], $3::text[]) AS d (name, use)"
        " ON CONFLICT DO NOTHING RETURNING name",
        account_id,
        names,
        uses,
    )
    return any(row["name"] == names[-1] for row in made)


async def find(
    c: Connection, account_id: int, name: str, *, recent: bool = False
) -> Mailbox | None:
    """The mailbox; `recent`: with the count of those, which costs more than all the rest."""
    row = await c.fetchrow(
        f"SELECT {columns(recent=recent)} FROM mailbox m WHERE account_id = $1 AND name = $2",
        account_id,
        name,
    )
    return mailbox_of(row) if row else None


async def listing(c: Connection, account_id: int, *, recent: bool = False) -> list[Mailbox]:
    """All mailboxes of an account, by name; `recent` as for `find`."""
    rows = await c.fetch(
        f"SELECT {columns(recent=recent)} FROM mailbox m"
        ' WHERE account_id = $1 ORDER BY name COLLATE "C"',
        account_id,
    )
    return [mailbox_of(row) for row in rows]


async def has_below(c: Connection, account_id: int, beginning: str) -> bool:
    """True if a mailbox of the account has a name that begins so."""
    return bool(
        await c.fetchval(
            "SELECT EXISTS (SELECT FROM mailbox WHERE account_id = $1 AND starts_with(name, $2))",
            account_id,
            beginning,
        )
    )


async def of_ids(c: Connection, mailbox_ids: list[int]) -> list[Mailbox]:
    """Those of the mailboxes that exist, in any order."""
    rows = await c.fetch(
        f"SELECT {columns(recent=False)} FROM mailbox m WHERE id = ANY($1::bigint[])", mailbox_ids
    )
    return [mailbox_of(row) for row in rows]


async def rename(c: Connection, account_id: int, old: str, new: str) -> list[int]:
    """Rename `old` and everything below it; ids and UIDs stay (RFC 3501 §6.3.5).

    Gives the ids of the renamed mailboxes; empty when `old` does not exist. The caller has made
    sure, in this transaction, that `new` is free and that the names above it exist.
    """
    rows = await c.fetch(
        "UPDATE mailbox SET name = $3 || substr(name, length($2) + 1)"
        " WHERE account_id = $1 AND (name = $2 OR starts_with(name, $2 || '/')) RETURNING id",
        account_id,
        old,
        new,
    )
    return [row["id"] for row in rows]


async def lock_names(c: Connection, account_id: int) -> None:
    """Serialise changes of an account's names until the transaction ends."""
    await c.execute("SELECT pg_advisory_xact_lock($1, $2)", 0x6D62, account_id % 2**31)


async def delete(c: Connection, mailbox_id: int) -> bool:
    """Remove a mailbox with its placements; False when it was gone already."""
    await c.execute("SELECT 1 FROM mailbox WHERE id = $1 FOR UPDATE", mailbox_id)
    await c.execute(
        "INSERT INTO message_released (message_id)"
        " SELECT message_id FROM mailbox_message WHERE mailbox_id = $1",
        mailbox_id,
    )
    for table in _OF_A_MAILBOX:
        await c.execute(f"DELETE FROM {table} WHERE mailbox_id = $1", mailbox_id)
    return str(await c.execute("DELETE FROM mailbox WHERE id = $1", mailbox_id)) == "DELETE 1"


async def delete_all(c: Connection, account_id: int) -> None:
    """Remove everything an account has in this store, and what it may do in others' mailboxes."""
    for row in await c.fetch(
        "SELECT id FROM mailbox WHERE account_id = $1 ORDER BY id", account_id
    ):
        await delete(c, row["id"])
    for table in ("subscription", "mailbox_right", "annotation"):
        await c.execute(f"DELETE FROM {table} WHERE account_id = $1", account_id)


async def subscriptions(c: Connection, account_id: int) -> list[str]:
    """Subscribed names, existing or not (RFC 3501 §6.3.6), in order."""
    rows = await c.fetch(
        'SELECT name FROM subscription WHERE account_id = $1 ORDER BY name COLLATE "C"', account_id
    )
    return [row["name"] for row in rows]


async def subscribe(c: Connection, account_id: int, name: str) -> None:
    await c.execute(
        "INSERT INTO subscription (account_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        account_id,
        name,
    )


async def unsubscribe(c: Connection, account_id: int, name: str) -> None:
    await c.execute(
        "DELETE FROM subscription WHERE account_id = $1 AND name = $2", account_id, name
    )


async def inboxes(c: Connection, account_ids: list[int]) -> dict[int, int]:
    """account id → id of its INBOX, made where it is missing."""
    select = "SELECT account_id, id FROM mailbox WHERE account_id = ANY($1::bigint[]) AND name = $2"
    rows = await c.fetch(select, account_ids, INBOX)
    missing = set(account_ids) - {row["account_id"] for row in rows}
    if missing:
        for account_id in sorted(missing):
            await create(c, account_id, [INBOX])
        rows = await c.fetch(select, account_ids, INBOX)
    return {row["account_id"]: row["id"] for row in rows}


async def usage(c: Connection, account_id: int) -> tuple[int, int]:
    """Bytes and messages that an account's mailboxes hold."""
    row = await c.fetchrow(
        "SELECT coalesce(sum(bytes), 0)::bigint AS bytes,"
        " coalesce(sum(messages), 0)::bigint AS messages FROM mailbox WHERE account_id = $1",
        account_id,
    )
    assert row is not None
    return row["bytes"], row["messages"]
