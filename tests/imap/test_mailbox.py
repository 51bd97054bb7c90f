"""CREATE, DELETE and RENAME as other sessions and other processes see them."""

import asyncio

import pytest

from imap.commands.mailbox import refuse_rename
from imap.protocol.responses import Condition
from mailserver.node import Node
from tests.support.imap_client import Client
from tests.support.imap_doors import Doors, open_doors
from tests.support.node import BOB, open_node, settings_for
from tests.support.store import message


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("a", "c", None),
        ("a/x", "c/d/e", None),
        ("n", "m", None),  # only a name, with one below it
        ("a", "a/b", b"CANNOT"),
        ("a", "b", b"ALREADYEXISTS"),
        ("q", "z", b"NONEXISTENT"),
        ("a", "d", b"ALREADYEXISTS"),  # a/x would be d/x
        ("a", "l" * 999, b"CANNOT"),  # and a/x longer than a name may be
    ],
)
def test_renames_are_refused_before_anything_is_changed(
    old: str, new: str, code: bytes | None
) -> None:
    answer = refuse_rename(["INBOX", "a", "a/x", "b", "d/x", "n/y"], old, new)
    assert (answer and answer.code) == code
    assert answer is None or answer.condition is Condition.NO


async def test_rename_of_inbox_moves_its_messages(doors: Doors, alice: Client) -> None:
    await alice.do("CREATE INBOX/below")
    for _ in range(3):
        await alice.append("INBOX", message(), "(\\Flagged work) ")
    phone = await doors.login()
    await phone.do("SELECT INBOX")
    await alice.do("RENAME INBOX old/mail")
    assert await phone.do("NOOP") == [b"* 3 EXPUNGE", b"* 2 EXPUNGE", b"* 1 EXPUNGE"]
    assert await alice.do("STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 0)"]
    assert (await alice.ask("RENAME INBOX old/mail")).tagged.startswith(b"NO [ALREADYEXISTS]")
    await alice.do("SELECT old/mail")
    assert await alice.do("FETCH 3 (UID FLAGS)") == [
        b"* 3 FETCH (UID 3 FLAGS (\\Flagged work \\Recent))"
    ]
    assert await alice.do('LIST "" INBOX*') == [
        b'* LIST (\\HasChildren) "/" INBOX',
        b'* LIST (\\HasNoChildren) "/" INBOX/below',
    ]


async def test_a_renamed_mailbox_stays_selected(doors: Doors, alice: Client) -> None:
    await alice.do("CREATE a/b")
    await alice.append("a/b", message())
    await alice.do("SELECT a/b")
    other = await doors.login()
    await other.do("RENAME a c")
    assert await alice.do("FETCH 1 UID") == [b"* 1 FETCH (UID 1)"]
    assert await alice.do('LIST "" (a* c*)') == [
        b'* LIST (\\HasChildren) "/" c',
        b'* LIST (\\HasNoChildren) "/" c/b',
    ]


async def test_a_mailbox_made_anew_has_another_uidvalidity(alice: Client) -> None:
    await alice.do("CREATE a")
    first = await alice.do("STATUS a (UIDVALIDITY)")
    await alice.do("DELETE a")
    await alice.do("CREATE a")
    second = await alice.do("STATUS a (UIDVALIDITY)")
    assert int(first[0].split()[-1][:-1]) < int(second[0].split()[-1][:-1])


async def test_deleting_the_selected_mailbox_unselects_it(alice: Client) -> None:
    await alice.do("CREATE a")
    await alice.do("SELECT a")
    await alice.do("DELETE a")
    assert (await alice.ask("CHECK")).tagged == b"BAD Select a mailbox first"


async def test_sessions_of_all_processes_hear_that_their_mailbox_is_gone(
    node: Node, doors: Doors, dsn: str
) -> None:
    settings = settings_for(node.settings.data)
    async with open_node(dsn, settings) as other, open_doors(other) as elsewhere:
        alice, here, there = await doors.login(), await doors.login(), await elsewhere.login()
        await alice.do("CREATE a")
        await here.do("SELECT a")
        await there.do("SELECT a")
        await alice.do("DELETE a")
        assert (await here.ask("UID FETCH 1 FLAGS")).ok
        assert (await here.line()).startswith(b"* BYE ")
        assert await here.closed()
        async with asyncio.timeout(5):
            while not there.reader.at_eof():
                there.send(b"x NOOP\r\n")
                if (await there.line()).startswith(b"* BYE "):
                    break
        assert await there.closed()


async def test_accounts_do_not_see_each_other(doors: Doors, alice: Client) -> None:
    bob = await doors.login(BOB)
    await alice.do("CREATE secret")
    assert await bob.do('LIST "" secret') == []
    for command in (
        "SELECT secret",
        "DELETE secret",
        "STATUS secret (MESSAGES)",
        "RENAME secret x",
    ):
        assert (await bob.ask(command)).tagged.startswith(b"NO [NONEXISTENT]")
    assert (await bob.append("secret", message())).tagged.startswith(b"NO [TRYCREATE]")
