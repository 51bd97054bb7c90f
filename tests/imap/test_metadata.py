"""METADATA: annotations of mailboxes and of the server, private and shared."""

from pathlib import Path

import pytest

from imap.commands.metadata import wanted
from imap.protocol.metadata import INFINITY
from imap.session import Services
from mailserver.node import Node
from mailserver.settings import Imap
from tests.support.imap_doors import open_doors
from tests.support.imap_session import Client
from tests.support.node import ALICE, BOB, add_account, add_domain, open_node, settings_for

WORK = b"user/alice@example.test/Work"


async def told(client: Client, line: bytes) -> list[bytes]:
    return await client.ok(b"GETMETADATA " + line)


async def grant(node: Node, letters: str) -> None:
    await node.sharing.grant(ALICE, "Work", BOB, letters)


async def test_an_entry_is_set_told_changed_and_removed(client: Client) -> None:
    await client.ok(b"CREATE Work")
    assert await told(client, b"Work /private/comment") == [
        b"* METADATA Work (/private/comment NIL)"
    ]
    await client.ok(b'SETMETADATA Work (/private/comment "one" /shared/comment "two")')
    assert await told(client, b"Work (/shared/comment /PRIVATE/Comment)") == [
        b'* METADATA Work (/shared/comment "two" /private/comment "one")'
    ]
    await client.ok(b"SETMETADATA Work (/private/comment ~{3}\r\na\0b /shared/comment NIL)")
    assert await told(client, b"Work (/shared/comment /private/comment)") == [
        b"* METADATA Work (/shared/comment NIL /private/comment ~{3}\r\na\0b)"
    ]
    await client.ok(b'SETMETADATA Work (/private/comment "")')
    assert await told(client, b"Work /private/comment") == [
        b'* METADATA Work (/private/comment "")'
    ]


async def test_depth_tells_what_lies_below(client: Client) -> None:
    await client.ok(b'SETMETADATA INBOX (/private/a/b "1" /private/a/b/c "2" /private/ab "3")')
    assert await told(client, b"(DEPTH 1) INBOX /private/a") == [
        b'* METADATA INBOX (/private/a/b "1")'
    ]
    assert await told(client, b"(DEPTH infinity) INBOX /private/a") == [
        b'* METADATA INBOX (/private/a/b "1" /private/a/b/c "2")'
    ]
    assert await told(client, b"(DEPTH infinity) INBOX (/private /shared)") == [
        b'* METADATA INBOX (/private/a/b "1" /private/a/b/c "2" /private/ab "3")'
    ]
    assert await told(client, b"(DEPTH 1) INBOX /shared/nothing") == []


@pytest.mark.parametrize(
    ("entries", "depth", "names"),
    [
        (["/private/a"], 0, ["/private/a"]),
        (["/private/x"], 0, ["/private/x"]),
        (["/private/x"], 1, []),
        (["/private/a"], 1, ["/private/a", "/private/a/b"]),
        (["/private/a"], INFINITY, ["/private/a", "/private/a/b", "/private/a/b/c"]),
        (["/private"], 1, ["/private/a"]),
        (["/private"], 0, []),
    ],
)
def test_which_entries_are_wanted(entries: list[str], depth: int, names: list[str]) -> None:
    existing = ["/private/a", "/private/a/b", "/private/a/b/c"]
    assert wanted(existing, entries, depth) == names


async def test_what_is_larger_than_asked_for_is_left_out_and_its_size_told(client: Client) -> None:
    await client.ok(b'SETMETADATA INBOX (/private/a "123456" /private/b "12" /private/c "12345")')
    lines = await client.do(b"GETMETADATA (MAXSIZE 4) INBOX (/private/a /private/b /private/c)")
    assert lines[0] == b'* METADATA INBOX (/private/b "12")'
    assert lines[1].startswith(b"a OK [METADATA LONGENTRIES 6]")
    (answer,) = await client.do(b"GETMETADATA (MAXSIZE 5) INBOX /private/a")
    assert answer.startswith(b"a OK [METADATA LONGENTRIES 6]")


async def test_limits_come_from_the_settings(dsn: str, tmp_path: Path) -> None:
    limits = Imap(max_annotation=10, max_annotations=2)
    async with (
        open_node(dsn, settings_for(tmp_path, imap=limits)) as node,
        open_doors(node) as doors,
    ):
        alice = await doors.login()
        answer = await alice.ask('SETMETADATA INBOX (/private/a "x" /private/b "12345678901")')
        assert answer.tagged.startswith(b"NO [METADATA MAXSIZE 10]")
        await alice.do('SETMETADATA INBOX (/private/a "1" /shared/b "2")')
        answer = await alice.ask('SETMETADATA INBOX (/private/a "new" /private/c "3")')
        assert answer.tagged.startswith(b"NO [METADATA TOOMANY]")
        # nothing of it was done
        assert await alice.do("GETMETADATA INBOX (/private/a /private/c)") == [
            b'* METADATA INBOX (/private/a "1" /private/c NIL)'
        ]
        await alice.do('SETMETADATA INBOX (/private/a NIL /private/c "3")')


async def test_private_entries_are_ones_own_and_rights_decide_on_shared_ones(
    shared: Services, client: Client
) -> None:
    bob = await Client.login(shared, BOB)
    await client.ok(b"CREATE Work")
    await client.ok(b'SETMETADATA Work (/private/comment "mine" /shared/comment "ours")')
    both = WORK + b" (/private/comment /shared/comment)"
    for letters, answer in (("r", b"a NO [NONEXISTENT]"), ("l", b"a NO [NOPERM]")):
        await grant(shared.node, letters)
        assert (await bob.do(b"GETMETADATA " + both))[-1].startswith(answer)
        line = b"SETMETADATA " + WORK + b' (/private/comment "x")'
        assert (await bob.do(line))[-1].startswith(answer)
    await grant(shared.node, "lr")
    assert await told(bob, both) == [
        b'* METADATA %b (/private/comment NIL /shared/comment "ours")' % WORK
    ]
    await bob.ok(b"SETMETADATA " + WORK + b' (/private/comment "his")')
    line = b"SETMETADATA " + WORK + b' (/private/comment "x" /shared/comment "his")'
    assert (await bob.do(line))[-1].startswith(b"a NO [NOPERM]")
    await grant(shared.node, "lrw")
    await bob.ok(line)
    assert await told(client, b"Work (/private/comment /shared/comment)") == [
        b'* METADATA Work (/private/comment "mine" /shared/comment "his")'
    ]


async def test_entries_follow_a_rename_and_go_with_the_mailbox(
    shared: Services, client: Client
) -> None:
    await client.ok(b"CREATE Work")
    await client.ok(b'SETMETADATA Work (/private/comment "x")')
    await client.ok(b"RENAME Work Other")
    assert await told(client, b"Other /private/comment") == [
        b'* METADATA Other (/private/comment "x")'
    ]
    await client.ok(b"DELETE Other")
    await client.ok(b"CREATE Other")
    assert await told(client, b"Other /private/comment") == [
        b"* METADATA Other (/private/comment NIL)"
    ]
    await client.ok(b'SETMETADATA "" (/private/comment "x")')
    await shared.node.accounts.remove(ALICE)
    assert await shared.node.database.fetchval("SELECT count(*) FROM annotation") == 0


async def test_the_server_has_annotations_of_the_organization(
    shared: Services, client: Client
) -> None:
    node = shared.node
    async with node.database.transaction() as c:
        await c.execute("INSERT INTO organization (name) VALUES ('other')")
        await add_domain(c, "other.test", "other")
        await add_account(c, "carol@other.test")
        await c.execute("UPDATE organization SET contact = 'ops@demo.test' WHERE name = 'demo'")
    bob, carol = [await Client.login(shared, one) for one in (BOB, "carol@other.test")]
    line = b'SETMETADATA "" (/shared/comment "Closed on Sunday")'
    assert (await client.do(line))[-1].startswith(b"a NO [NOPERM]")
    await node.accounts.set_administrator(ALICE, True)
    await client.ok(line)
    await client.ok(b'SETMETADATA "" (/private/comment "mine")')
    asked = b'"" (/shared/comment /private/comment /shared/admin)'
    (line,) = await told(bob, asked)
    assert line.startswith(
        b'* METADATA "" (/shared/comment "Closed on Sunday" /private/comment NIL'
    )
    assert line.endswith(b' /shared/admin "mailto:ops@demo.test")')
    assert await told(carol, asked) == [
        b'* METADATA "" (/shared/comment NIL /private/comment NIL /shared/admin NIL)'
    ]


async def test_list_tells_annotations_of_what_may_be_read(shared: Services, client: Client) -> None:
    bob = await Client.login(shared, BOB)
    await client.ok(b"CREATE Work")
    await client.ok(b'SETMETADATA Work (/shared/color "#b71c1c" /private/comment "x")')
    await bob.ok(b'SETMETADATA Drafts (/shared/color "red")')
    await grant(shared.node, "lr")
    await shared.node.sharing.grant(ALICE, "Sent", BOB, "l")
    asked = b'LIST "" (Drafts Trash user/%/%) RETURN (METADATA ("/shared/color" /private/comment))'
    assert await bob.ok(asked) == [
        b'* LIST (\\HasNoChildren \\Drafts) "/" Drafts',
        b'* METADATA Drafts (/shared/color "red" /private/comment NIL)',
        b'* LIST (\\HasNoChildren \\Trash) "/" Trash',
        b"* METADATA Trash (/shared/color NIL /private/comment NIL)",
        b'* LIST (\\HasNoChildren) "/" user/alice@example.test/Sent',
        b'* LIST (\\HasNoChildren) "/" ' + WORK,
        b'* METADATA %b (/shared/color "#b71c1c" /private/comment NIL)' % WORK,
    ]


async def test_the_use_of_a_mailbox_is_an_annotation_of_its_owner(
    client: Client, shared: Services
) -> None:
    await client.ok(b"CREATE Work")
    assert await told(client, b"(DEPTH 1) Sent /private") == [
        b'* METADATA Sent (/private/specialuse "\\\\Sent")'
    ]
    assert await told(client, b"Work /private/specialuse") == [
        b"* METADATA Work (/private/specialuse NIL)"
    ]
    await client.ok(b'SETMETADATA Work (/private/specialuse "\\\\archive" /private/a "x")')
    assert await client.ok(b'LIST "" Work') == [b'* LIST (\\HasNoChildren \\Archive) "/" Work']
    assert await client.ok(b'LIST "" Work RETURN (METADATA (/private/specialuse))') == [
        b'* LIST (\\HasNoChildren \\Archive) "/" Work',
        b'* METADATA Work (/private/specialuse "\\\\Archive")',
    ]
    await grant(shared.node, "lrw")
    bob = await Client.login(shared, BOB)
    assert await told(bob, WORK + b" /private/specialuse") == [
        b"* METADATA %b (/private/specialuse NIL)" % WORK
    ]
    await client.ok(b"SETMETADATA Work (/private/specialuse NIL)")
    await client.ok(b'SETMETADATA Sent (/private/specialuse "")')
    assert await client.ok(b'LIST "" Work') == [b'* LIST (\\HasNoChildren) "/" Work']
    assert await told(client, b"Sent /private/specialuse") == [
        b"* METADATA Sent (/private/specialuse NIL)"
    ]


@pytest.mark.parametrize(
    ("mailbox", "value"),
    [
        (b"Work", b"\\\\All"),
        (b"Work", b"\\\\Other"),
        (b"Work", b"Sent"),
        (b"Work", b"\\\\Sent \\\\Junk"),
        (b"INBOX", b"\\\\Archive"),
        (WORK, b"\\\\Archive"),
    ],
)
async def test_uses_that_a_mailbox_cannot_have_are_refused(
    client: Client, shared: Services, mailbox: bytes, value: bytes
) -> None:
    await client.ok(b"CREATE Work")
    await grant(shared.node, "lrwa")
    asking = await Client.login(shared, BOB) if mailbox == WORK else client
    line = b'SETMETADATA %b (/private/b "x" /private/specialuse "%b")' % (mailbox, value)
    assert (await asking.do(line))[-1].startswith(b"a NO [USEATTR] ")
    assert await told(asking, mailbox + b" /private/b") == [
        b"* METADATA %b (/private/b NIL)" % mailbox
    ]
