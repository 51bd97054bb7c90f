"""What commands ask of Postgres, as asyncpg logs it: a known mailbox costs nothing."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import asyncpg
import pytest

from imap.session import Services
from mailserver.settings import Database
from tests.support.imap_session import Client, message, services
from tests.support.node import ALICE, BOB, open_node, settings_for

SHARED = b"user/alice@example.test/INBOX"


@pytest.fixture
async def shared(dsn: str, tmp_path: Path) -> AsyncIterator[Services]:
    """A process with one connection to Postgres, and three messages in alice's INBOX."""
    settings = settings_for(tmp_path, database=Database(connections=1))
    async with open_node(dsn, settings) as node:
        alice = await Client.login(services(node))
        for number in range(3):
            await alice.deliver(message(f"m{number}"))
        yield alice.session.services


@pytest.fixture
async def statements(shared: Services) -> AsyncIterator[list[str]]:
    """What Postgres was sent since the list was cleared, BEGIN and its like too."""
    seen: list[str] = []

    def note(record: asyncpg.connection.LoggedQuery) -> None:
        seen.append(" ".join(record.query.split()))

    async with shared.node.database.connection() as c:
        c.add_query_logger(note)
    yield seen
    async with shared.node.database.connection() as c:
        c.remove_query_logger(note)


async def asked(client: Client, statements: list[str], line: bytes) -> list[str]:
    """What one command asks, which must succeed."""
    statements.clear()
    await client.ok(line)
    return [*statements]


def assert_about(found: list[str], tables: Sequence[str]) -> None:
    """One statement for each of `tables`, in order, or fewer."""
    assert len(found) <= len(tables), found
    for statement, table in zip(found, tables, strict=False):
        assert f"{table} " in statement, found


SELECTING = {
    b"SELECT INBOX": [],
    b"EXAMINE INBOX": [],
    b"SELECT INBOX (CONDSTORE)": [],
    b"SELECT INBOX (QRESYNC (1 2))": ["FROM mailbox_event"],
    b"STATUS INBOX (MESSAGES UNSEEN UIDNEXT HIGHESTMODSEQ)": [],
    # whose it is, the mailbox, and who may do what with it
    b"SELECT " + SHARED: ["FROM account", "FROM mailbox", "FROM mailbox_right"],
}


@pytest.mark.parametrize("line", SELECTING)
async def test_a_known_mailbox_is_selected_without_a_statement(
    shared: Services, statements: list[str], line: bytes
) -> None:
    if SHARED in line:
        await shared.node.sharing.grant(ALICE, "INBOX", BOB, "lrs")
    first = await Client.login(shared)
    assert len(await asked(first, statements, b"SELECT INBOX")) > 4  # not known yet
    client = await Client.login(shared, BOB if SHARED in line else ALICE)
    await client.ok(b"ENABLE QRESYNC")
    await client.do(line)  # what is known of the accounts
    assert_about(await asked(client, statements, line), SELECTING[line])
    statements.clear()
    await client.do(b"UNSELECT")
    assert statements == []


async def test_status_of_a_mailbox_that_is_not_open_is_one_statement(
    shared: Services, statements: list[str]
) -> None:
    client = await Client.login(shared)
    await client.ok(b"NOOP")
    for _ in range(2):  # its name is not known, and is
        assert_about(await asked(client, statements, b"STATUS Drafts (MESSAGES)"), ["FROM mailbox"])


async def test_of_new_mail_only_itself_is_read(shared: Services, statements: list[str]) -> None:
    client = await Client.login(shared)
    await client.ok(b"SELECT INBOX")
    await client.deliver(message("new"))
    tables = ["FROM mailbox_event", "FROM mailbox_message", "UPDATE mailbox"]
    assert_about(await asked(client, statements, b"SELECT INBOX"), tables)


WITHIN = (
    b"NOOP",
    b"CHECK",
    b"FETCH 1:* (UID FLAGS MODSEQ)",
    b"FETCH 1:* (FLAGS ENVELOPE INTERNALDATE RFC822.SIZE)",
    b"SEARCH UNSEEN UID 1:2",
)


@pytest.mark.parametrize("line", WITHIN)
async def test_within_a_known_mailbox_nothing_is_asked(
    shared: Services, statements: list[str], line: bytes
) -> None:
    client = await Client.login(shared)
    await client.ok(b"SELECT INBOX")
    await client.ok(b"FETCH 1:* ENVELOPE")
    assert await asked(client, statements, line) == []
