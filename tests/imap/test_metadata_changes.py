"""Changes of annotations are told: to who enabled it (RFC 5464 §4.4), and by NOTIFY."""

import pytest

from imap.changes.annotations import changes
from mailserver.node import Node
from mailserver.storage.notifications import ANNOTATION
from tests.support.elsewhere import elsewhere, silent
from tests.support.imap_client import Client
from tests.support.imap_doors import Doors
from tests.support.node import ALICE, BOB

__all__ = ["elsewhere"]


async def test_changes_by_others_are_told_to_who_enabled_it(
    alice: Client, elsewhere: Client
) -> None:
    await elsewhere.do('SETMETADATA INBOX (/private/old "x")')
    assert await alice.do("ENABLE METADATA") == [b"* ENABLED METADATA"]
    await elsewhere.do('SETMETADATA INBOX (/shared/b "1" /private/a "2" /private/old NIL)')
    assert await alice.line() == b"* METADATA INBOX /private/a /private/old /shared/b"
    await elsewhere.do('SETMETADATA INBOX (/shared/b "1")')  # as it was
    await elsewhere.do('SETMETADATA "" (/private/c "3")')
    assert await alice.line() == b'* METADATA "" /private/c'
    # what the client does itself is not told
    await alice.do('SETMETADATA INBOX (/shared/b "4" /private/a NIL)')
    assert await silent(alice)
    # nor is anything to who did not ask
    assert await silent(elsewhere)


async def test_the_use_of_a_mailbox_is_told_as_an_annotation(
    alice: Client, elsewhere: Client
) -> None:
    await alice.do("ENABLE METADATA")
    await alice.do("CREATE Post (USE (\\Sent))")
    await elsewhere.do("SETMETADATA Archive (/private/specialuse NIL)")
    assert await alice.line() == b"* METADATA Archive /private/specialuse"
    assert await silent(alice)


async def test_they_are_told_in_idle_beside_other_news(alice: Client, elsewhere: Client) -> None:
    await alice.do("ENABLE METADATA")
    await alice.do("SELECT INBOX")
    alice.send(b"i1 IDLE\r\n")
    assert (await alice.line()).startswith(b"+ ")
    await elsewhere.do('SETMETADATA Drafts (/private/a "2")')
    assert await alice.line() == b"* METADATA Drafts /private/a"
    await elsewhere.append("INBOX", b"x")
    assert await alice.line() == b"* 1 EXISTS"
    await alice.line()
    alice.send(b"DONE\r\n")
    assert (await alice.reply(b"i1")).ok


async def test_changes_while_a_command_runs_are_told_after_it(
    alice: Client, elsewhere: Client
) -> None:
    await alice.do("ENABLE METADATA-SERVER")
    alice.send(b"a1 APPEND INBOX {3}\r\n")
    assert (await alice.line()).startswith(b"+ ")
    await elsewhere.do('SETMETADATA "" (/private/c "3")')
    await elsewhere.do('SETMETADATA INBOX (/private/c "3")')  # METADATA-SERVER is of the server
    with pytest.raises(TimeoutError):
        await alice.line(0.4)
    alice.send(b"abc\r\n")
    assert (await alice.reply(b"a1")).ok
    assert await alice.line() == b'* METADATA "" /private/c'
    assert await silent(alice)


async def test_notify_tells_the_events_it_was_asked_for(alice: Client, elsewhere: Client) -> None:
    await alice.do("CREATE Lists/Rust")
    await alice.do("ENABLE METADATA")
    await alice.do("NOTIFY SET (subtree Lists (MailboxMetadataChange))")
    await elsewhere.do('SETMETADATA INBOX (/private/a "1")')
    await elsewhere.do('SETMETADATA "" (/private/a "1")')
    await elsewhere.do('SETMETADATA Lists/Rust (/private/a "1")')
    assert await alice.line() == b"* METADATA Lists/Rust /private/a"
    assert await silent(alice)
    await alice.do("NOTIFY SET (inboxes (ServerMetadataChange))")
    await elsewhere.do('SETMETADATA INBOX (/private/a "2")')
    await elsewhere.do('SETMETADATA "" (/private/a "2")')
    assert await alice.line() == b'* METADATA "" /private/a'
    await alice.do("NOTIFY NONE")
    await elsewhere.do('SETMETADATA "" (/private/a "3")')
    assert await silent(alice)


async def test_the_selected_mailbox_is_told_of_too(alice: Client, elsewhere: Client) -> None:
    await alice.do("SELECT INBOX")
    await alice.do("NOTIFY SET (selected NONE) (personal (MailboxMetadataChange))")
    await elsewhere.do('SETMETADATA INBOX (/private/a "1")')
    assert await alice.line() == b"* METADATA INBOX /private/a"


async def test_only_what_one_may_see_is_told(alice: Client, doors: Doors, node: Node) -> None:
    await alice.do("CREATE Work")
    await node.sharing.grant(ALICE, "Work", BOB, "lrw")
    await alice.do("ENABLE METADATA")
    bob = await doors.login("bob@example.test")
    await bob.do("ENABLE METADATA")
    work = "user/alice@example.test/Work"
    await bob.do(f'SETMETADATA {work} (/private/a "his" /shared/a "ours")')
    assert await alice.line() == b"* METADATA Work /shared/a"
    await bob.do('SETMETADATA "" (/private/a "his")')
    assert await silent(alice)
    assert await silent(bob)


async def test_the_annotations_of_a_deleted_mailbox_are_no_news(
    alice: Client, elsewhere: Client
) -> None:
    await alice.do("CREATE a")
    await alice.do('SETMETADATA a (/private/a "1")')
    await alice.do("ENABLE METADATA")
    await elsewhere.do("DELETE a")
    await elsewhere.do('SETMETADATA INBOX (/private/a "1")')
    assert await alice.line() == b"* METADATA INBOX /private/a"
    assert await silent(alice)


async def test_nothing_is_missed_while_notifications_were_away(alice: Client, node: Node) -> None:
    await alice.do("ENABLE METADATA")
    await node.database.execute(
        "INSERT INTO annotation SELECT id, 0, 0, '/shared/a', 'x' FROM mailbox"
        " WHERE name = 'Drafts'"
    )
    node.listener._tell(ANNOTATION, "")  # as after each reconnection
    assert b"* METADATA Drafts /shared/a" in [await alice.line()]


async def test_the_next_user_of_a_connection_hears_nothing(
    alice: Client, elsewhere: Client
) -> None:
    await alice.do("ENABLE METADATA")
    await alice.do("UNAUTHENTICATE")
    await elsewhere.do('SETMETADATA INBOX (/private/a "1")')
    assert await silent(alice)
    await alice.do('LOGIN bob@example.test "correct horse bob"')
    await elsewhere.do('SETMETADATA INBOX (/private/a "2")')
    assert await silent(alice)


def test_what_changed_is_seen_by_comparing() -> None:
    before = {1: {"/shared/a": "x", "/shared/b": "y"}, 2: {"/shared/a": "x"}, 3: {"/shared/a": "x"}}
    now = {1: {"/shared/a": "z", "/shared/c": "y"}, 2: {"/shared/a": "x"}, 4: {"/shared/a": "x"}}
    assert changes(before, now) == {
        1: ["/shared/a", "/shared/b", "/shared/c"],
        3: ["/shared/a"],
        4: ["/shared/a"],
    }
