"""Which command in which state, and that every one has its rule."""

from typing import get_args

import pytest

from imap.dispatch import TABLE, may_expunge
from imap.protocol.command import Command
from imap.protocol.copy import Copy
from imap.protocol.fetch import Fetch
from imap.protocol.search import Search
from imap.protocol.sequence import SequenceSet
from imap.protocol.store import Store, StoreMode
from mailserver.node import Node
from tests.support.imap_doors import Doors
from tests.support.node import ALICE, PASSWORDS

EVERY_STATE = ["CAPABILITY", "NOOP", "ID NIL"]
STRANGERS = [f'LOGIN {ALICE} "{PASSWORDS[ALICE]}"', "AUTHENTICATE PLAIN =", "STARTTLS"]
LOGGED_IN = [
    "ENABLE X",
    "NAMESPACE",
    'LIST "" x',
    'LSUB "" x',
    "STATUS INBOX (MESSAGES)",
    "CREATE x",
    "RENAME x y",
    "DELETE y",
    "SUBSCRIBE x",
    "UNSUBSCRIBE x",
    "APPEND INBOX {3+}\r\nabc",
]
SELECTED = [
    "CHECK",
    "SEARCH ALL",
    "FETCH 1 FLAGS",
    "STORE 1 FLAGS ()",
    "COPY 1 Archive",
    "UID MOVE 99 Archive",
    "EXPUNGE",
    "EXAMINE INBOX",
    "UNSELECT",
    "SELECT INBOX",
    "CLOSE",
]


def test_every_command_has_a_rule() -> None:
    assert TABLE.keys() == set(get_args(Command))


async def test_states(doors: Doors) -> None:
    client = await doors.connect()
    for command in LOGGED_IN[:-1] + SELECTED:
        assert (await client.ask(command)).tagged == b"BAD Log in first", command
        assert (await client.ask("NOOP")).ok
    await client.login()
    for command in STRANGERS:
        assert (await client.ask(command)).tagged == b"BAD Logged in already", command
    for command in [*SELECTED[:7], "UNSELECT", "CLOSE"]:
        assert (await client.ask(command)).tagged == b"BAD Select a mailbox first", command
    for command in [*EVERY_STATE, *LOGGED_IN]:
        await client.do(command)
    await client.do("SELECT INBOX")
    for command in STRANGERS:
        assert (await client.ask(command)).tagged == b"BAD Logged in already", command
    for command in [*EVERY_STATE, *SELECTED]:
        await client.do(command)


@pytest.mark.parametrize("by_uid", [False, True])
def test_expunge_is_not_told_during_fetch_store_and_search_by_number(by_uid: bool) -> None:
    one = SequenceSet(((1, 1),))
    assert may_expunge(Fetch(one, (), by_uid)) is by_uid
    assert may_expunge(Store(one, StoreMode.ADD, False, (), by_uid)) is by_uid
    assert may_expunge(Copy(one, "a", by_uid))
    assert Search in TABLE


async def test_storage_that_is_away_is_told_and_the_session_lives(doors: Doors, node: Node) -> None:
    alice = await doors.login()
    await alice.do("SELECT INBOX")
    await node.database.close()
    assert (await alice.ask("SELECT INBOX")).ok  # is known
    for command in ("SELECT Drafts", 'LIST "" *', "CREATE x", "APPEND INBOX {3+}\r\nabc"):
        assert (await alice.ask(command)).tagged.startswith(b"NO [UNAVAILABLE]"), command
    assert (await alice.ask("NOOP")).ok
    assert (await alice.ask("LOGOUT")).ok
