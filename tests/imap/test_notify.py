"""NOTIFY: what changes anywhere is told without being asked for (RFC 5465)."""

import asyncio

import pytest

from imap.changes.interest import Interest, names_changed
from imap.commands import notify
from imap.protocol.notify import EventGroup, Filter, NotifyEvent
from mailserver.node import Node
from mailserver.storage.mailboxes import Mailbox
from tests.imap.test_idle import deliver
from tests.support.elsewhere import elsewhere, silent
from tests.support.imap_client import Client
from tests.support.imap_doors import Doors
from tests.support.node import open_node, settings_for
from tests.support.store import message

__all__ = ["elsewhere"]

NEW = "(MessageNew MessageExpunge)"
ALL = "(MessageNew MessageExpunge FlagChange)"


async def test_new_mail_of_another_process_is_told_between_commands(
    node: Node, alice: Client, dsn: str
) -> None:
    await alice.do("SELECT INBOX")
    await alice.do("NOTIFY SET (selected (MessageNew (UID FLAGS) MessageExpunge))")
    async with open_node(dsn, settings_for(node.settings.data)) as other:
        await deliver(other)
    assert await alice.line() == b"* 1 EXISTS"
    assert await alice.line() == b"* 1 RECENT"
    assert await alice.line() == b"* 1 FETCH (UID 1 FLAGS (\\Recent))"
    assert await alice.do("NOOP") == []


async def test_the_selected_mailbox_tells_what_was_asked_for(
    alice: Client, elsewhere: Client
) -> None:
    for _ in range(3):
        await alice.append("INBOX", message())
    await elsewhere.do("SELECT INBOX")
    await alice.do("EXAMINE INBOX")
    await alice.do(f"NOTIFY SET (selected {ALL})")
    await elsewhere.do("STORE 2 +FLAGS (\\Deleted)")
    assert await alice.line() == b"* 2 FETCH (UID 2 FLAGS (\\Deleted))"
    await elsewhere.do("EXPUNGE")
    assert await alice.line() == b"* 2 EXPUNGE"
    # §5: without FlagChange no flags are told, not at the end of a command either
    await alice.do(f"NOTIFY SET (selected {NEW})")
    await elsewhere.do("STORE 2 +FLAGS (\\Flagged)")
    assert await silent(alice)
    assert await alice.do("FETCH 2 FLAGS") == [b"* 2 FETCH (FLAGS (\\Flagged))"]


async def test_selected_delayed_keeps_numbers_until_a_command_or_idle(
    alice: Client, elsewhere: Client
) -> None:
    for _ in range(3):
        await alice.append("INBOX", message())
    await elsewhere.do("SELECT INBOX")
    await alice.do("SELECT INBOX")
    await alice.do(f"NOTIFY SET (selected-delayed {NEW})")
    await elsewhere.do("STORE 1 +FLAGS (\\Deleted)")
    await elsewhere.do("EXPUNGE")
    await elsewhere.append("INBOX", message())
    assert (await alice.line()).endswith(b"4 EXISTS")
    assert (await alice.line()).endswith(b"RECENT")
    with pytest.raises(TimeoutError):
        await alice.line(0.3)
    assert await alice.do("FETCH 4 UID") == [b"* 4 FETCH (UID 4)"]
    assert await alice.do("NOOP") == [b"* 1 EXPUNGE"]
    alice.send(b"i1 IDLE\r\n")
    assert (await alice.line()).startswith(b"+ ")
    await elsewhere.do("UID STORE 4 +FLAGS (\\Deleted)")
    await elsewhere.do("EXPUNGE")
    assert await alice.line() == b"* 3 EXPUNGE"
    alice.send(b"DONE\r\n")
    assert (await alice.reply(b"i1")).lines == []


async def test_with_none_nothing_is_told_but_what_a_command_does(
    alice: Client, elsewhere: Client
) -> None:
    for _ in range(2):
        await alice.append("INBOX", message())
    await elsewhere.do("SELECT INBOX")
    await alice.do("SELECT INBOX")
    await alice.do("NOTIFY NONE")
    await elsewhere.append("INBOX", message())
    await elsewhere.do("STORE 1 +FLAGS (\\Deleted)")
    assert await silent(alice)
    lines = await alice.do("EXPUNGE")
    assert lines[:2] == [b"* 1 EXPUNGE", b"* 2 EXISTS"]
    # §3.1: NOTIFY SET tells what has accumulated
    while b"* 1 EXPUNGE" not in await elsewhere.do("NOOP"):
        await asyncio.sleep(0.01)
    await elsewhere.do("STORE 1 +FLAGS (\\Seen)")
    assert await silent(alice)
    assert await alice.do("NOTIFY SET (selected NONE)") == [b"* 1 FETCH (UID 2 FLAGS (\\Seen))"]


async def test_other_mailboxes_are_told_by_status(alice: Client, elsewhere: Client) -> None:
    await alice.do("SELECT INBOX")
    lines = await alice.do(f"NOTIFY SET STATUS (personal {ALL})")
    assert len(lines) == 5  # §3.1: all but the selected one
    assert lines[1].startswith(b"* STATUS Drafts (MESSAGES 0 UIDNEXT 1 UIDVALIDITY ")
    assert b" UNSEEN 0 HIGHESTMODSEQ " in lines[1]
    await elsewhere.append("Drafts", message())
    await elsewhere.append("INBOX", message())
    line = await alice.line()
    assert line.startswith(b"* STATUS Drafts (MESSAGES 1 UIDNEXT 2 UIDVALIDITY ")
    assert line.endswith(b" UNSEEN 1)")
    await elsewhere.do("SELECT Drafts")
    await elsewhere.do("STORE 1 +FLAGS (\\Flagged)")  # cannot be told without modseqs (§5.1)
    await elsewhere.do("STORE 1 +FLAGS (\\Seen)")
    assert (await alice.line()).endswith(b" UNSEEN 0)")
    assert any(b"HIGHESTMODSEQ" in line for line in await alice.do("ENABLE CONDSTORE"))
    await elsewhere.do("STORE 1 -FLAGS (\\Flagged)")
    assert b" UNSEEN 0 HIGHESTMODSEQ " in await alice.line()
    await elsewhere.do("STORE 1 +FLAGS (\\Deleted)")
    await alice.line()
    await elsewhere.do("EXPUNGE")
    assert (await alice.line()).startswith(b"* STATUS Drafts (MESSAGES 0 UIDNEXT 2 ")
    await alice.do("UNSELECT")
    assert await silent(alice)


async def test_names_and_subscriptions_are_told(alice: Client, elsewhere: Client) -> None:
    await alice.do(f"NOTIFY SET (personal (MailboxName SubscriptionChange)) (subtree Lists {NEW})")
    await elsewhere.do("CREATE Lists/Rust")
    assert await alice.line() == b'* LIST (\\HasChildren) "/" Lists'
    assert await alice.line() == b'* LIST (\\HasNoChildren) "/" Lists/Rust'
    await elsewhere.append("Lists/Rust", message())
    assert (await alice.line()).startswith(b"* STATUS Lists/Rust (MESSAGES 1 UIDNEXT 2 ")
    await elsewhere.do("SUBSCRIBE Lists/Rust")
    assert await alice.line() == b'* LIST (\\HasNoChildren \\Subscribed) "/" Lists/Rust'
    await elsewhere.do("UNSUBSCRIBE Lists/Rust")
    assert await alice.line() == b'* LIST (\\HasNoChildren) "/" Lists/Rust'
    await elsewhere.do("RENAME Lists Old")  # its child moves along, without a word (§5.4)
    assert await alice.line() == b'* LIST (\\HasChildren) "/" Old ("OLDNAME" (Lists))'
    await elsewhere.do("DELETE Old/Rust")
    assert await alice.line() == b'* LIST (\\HasNoChildren) "/" Old'
    assert await alice.line() == b'* LIST (\\NonExistent \\HasNoChildren) "/" Old/Rust'
    assert await silent(alice)


async def test_events_that_are_not_ours_and_too_many_mailboxes(
    alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = await alice.ask("NOTIFY SET (personal (AnnotationChange MessageNew MessageExpunge))")
    assert reply.tagged.startswith(b"NO [BADEVENT (MessageNew ")
    assert (await alice.ask("NOTIFY SET (personal (FlagChange))")).tagged.startswith(b"BAD ")
    monkeypatch.setattr(notify, "MOST_MAILBOXES", 3)
    reply = await alice.ask(f"NOTIFY SET (personal {NEW})")
    assert reply.tagged.startswith(b"NO [NOTIFICATIONOVERFLOW] ")


async def test_too_much_at_once_ends_what_was_asked_for(
    alice: Client, elsewhere: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "MOST_NEW", 2)
    for _ in range(3):
        await elsewhere.append("Drafts", message())
    await elsewhere.do("SELECT Drafts")
    await alice.do("SELECT INBOX")
    await alice.do(
        f"NOTIFY SET (selected (MessageNew (UID) MessageExpunge)) (mailboxes Drafts {NEW})"
    )
    await elsewhere.do("COPY 1:3 INBOX")
    assert await alice.line() == b"* 3 EXISTS"
    assert await alice.line() == b"* 3 RECENT"
    assert (await alice.line()).startswith(b"* OK [NOTIFICATIONOVERFLOW] ")
    await elsewhere.append("Drafts", message())
    await elsewhere.append("INBOX", message())
    assert await silent(alice)


async def test_vanished_is_told_where_qresync_is_enabled(alice: Client, elsewhere: Client) -> None:
    await alice.append("INBOX", message())
    await alice.do("ENABLE QRESYNC")
    await alice.do("SELECT INBOX")
    await alice.do(f"NOTIFY SET (selected {ALL})")
    await elsewhere.do("SELECT INBOX")
    await elsewhere.do("STORE 1 +FLAGS (\\Deleted)")
    assert (await alice.line()).startswith(b"* 1 FETCH (UID 1 FLAGS (\\Deleted")
    await elsewhere.do("EXPUNGE")
    assert await alice.line() == b"* VANISHED 1"


async def test_who_watches_costs_no_task_and_leaves_nothing(
    doors: Doors, node: Node, alice: Client
) -> None:
    for number in range(40):
        await alice.do(f"CREATE Lists/{number}")
    before = len(asyncio.all_tasks())
    watching = await doors.login()
    await watching.do(f"NOTIFY SET (selected {ALL}) (personal {ALL})")
    await asyncio.sleep(0.05)
    assert len(asyncio.all_tasks()) <= before
    assert len(node.changes._listeners) == 48  # 41 and 6 mailboxes, and the account
    await watching.do("UNAUTHENTICATE")
    assert not node.changes._listeners
    await watching.login()
    await watching.do(f"NOTIFY SET (personal {ALL})")
    await watching.do(f"NOTIFY SET (mailboxes INBOX {ALL})")
    assert len(node.changes._listeners) == 2
    await watching.close()
    async with asyncio.timeout(5):
        while node.changes._listeners:
            await asyncio.sleep(0.01)


async def test_a_selected_mailbox_that_is_deleted_ends_the_session(
    alice: Client, elsewhere: Client
) -> None:
    await alice.do("CREATE Work")
    await alice.do("SELECT Work")
    await alice.do("NOTIFY NONE")
    await elsewhere.do("DELETE Work")
    assert (await alice.line()).startswith(b"* BYE ")


# ── decisions ────────────────────────────────────────────────────────────────────────────────────


def row(number: int, name: str) -> Mailbox:
    return Mailbox(number, 1, name, None, 1, 1, 1, 0, 0, 0, 1)


def rows(*names: str) -> dict[int, Mailbox]:
    return {number: row(number, name) for number, name in enumerate(names) if name}


def test_names_that_moved_along_are_not_told() -> None:
    before = rows("a", "a/b", "a/b/c", "x")
    now = rows("z", "z/b", "z/b/c", "x")
    assert names_changed(before, now, set(), set()).renamed == {"z": "a"}
    assert names_changed(before, rows("a", "a/b", "a/b/c", ""), set(), set()).affected == ["x"]
    assert names_changed(before, {**before, 9: row(9, "q/r")}, {"a"}, {"x"}).affected == [
        *("q", "q/r")
    ]
    assert names_changed(before, before, {"a"}, {"x"}).subscribed == ["a", "x"]


def test_groups_add_up_until_one_says_none() -> None:
    name, counts = NotifyEvent.MAILBOX_NAME, frozenset((NotifyEvent.MESSAGE_NEW,))
    interest = Interest(
        (
            EventGroup(Filter.MAILBOXES, counts, ("INBOX", "Lists/x")),
            EventGroup(Filter.SUBTREE, frozenset(), ("Lists",)),
            EventGroup(Filter.SUBSCRIBED, frozenset((name,))),
        )
    )
    subscribed = {"INBOX", "Lists/x", "Drafts"}
    assert interest.events("INBOX", subscribed) == counts | {name}
    assert interest.events("Lists/x", subscribed) == counts
    assert interest.events("Listserv", subscribed) == frozenset()
    assert interest.events("Drafts", subscribed) == {name}
    inboxes = Interest((EventGroup(Filter.INBOXES, counts),))
    assert inboxes.events("INBOX", set()) == counts
    assert not inboxes.events("Drafts", set())
