"""ACL: every right at the command that takes it, between accounts and between processes."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from imap.session import Services
from mailserver.node import Node
from tests.support.imap_doors import Doors
from tests.support.imap_session import Client, message, services
from tests.support.node import ALICE, BOB, add_account, add_domain, open_node, settings_for

ALL = "lrswipkxtea"
WORK = b"user/alice@example.test/Work"


async def grant(node: Node, name: str, letters: str, who: str = BOB) -> None:
    await node.sharing.grant(ALICE, name, who, letters)


@pytest.fixture
async def bob(shared: Services) -> Client:
    return await Client.login(shared, BOB)


async def work(alice: Client, name: str = "Work", count: int = 2) -> None:
    await alice.ok(b"CREATE " + name.encode())
    for number in range(count):
        await alice.deliver(message(f"m{number}"), name)


# ── every right and every command ────────────────────────────────────────────────────────────────

BOX = "user/alice@example.test/{box}"
# What bob says, and what it takes (RFC 4314 §4); a line before it is said with all rights.
COMMANDS = [
    (None, f"SELECT {BOX}", "r"),
    (None, f"EXAMINE {BOX}", "r"),
    (None, f"STATUS {BOX} (MESSAGES)", "r"),
    (None, f"GETQUOTAROOT {BOX}", "r"),
    (None, f"CREATE {BOX}/new", "k"),
    (None, f"DELETE {BOX}/sub", "x"),
    (None, f"RENAME {BOX}/sub {BOX}/other", "xk"),
    (None, f"GETACL {BOX}", "a"),
    (None, f"SETACL {BOX} carol@example.test r", "a"),
    (None, f"DELETEACL {BOX} carol@example.test", "a"),
    (None, f"LISTRIGHTS {BOX} carol@example.test", "a"),
    ("SELECT INBOX", f"COPY 1 {BOX}", "i"),
    ("SELECT INBOX", f"MOVE 1 {BOX}", "i"),
    (f"SELECT {BOX}", "FETCH 1 FLAGS", "r"),
    (f"SELECT {BOX}", "SEARCH ALL", "r"),
    (f"SELECT {BOX}", "SORT (DATE) UTF-8 ALL", "r"),
    (f"SELECT {BOX}", "THREAD REFERENCES UTF-8 ALL", "r"),
    (f"SELECT {BOX}", "COPY 1 INBOX", "r"),
    (f"SELECT {BOX}", "STORE 1 +FLAGS (\\Seen)", "rs"),
    (f"SELECT {BOX}", "STORE 1 +FLAGS (\\Deleted)", "rt"),
    (f"SELECT {BOX}", "STORE 1 +FLAGS (\\Flagged)", "rw"),
    (f"SELECT {BOX}", "STORE 1 -FLAGS (note)", "rw"),
    (f"SELECT {BOX}", "EXPUNGE", "re"),
    (f"SELECT {BOX}", "UID EXPUNGE 1", "re"),
    (f"SELECT {BOX}", "MOVE 1 INBOX", "rte"),
]


@pytest.mark.parametrize(("before", "command", "needed"), COMMANDS)
async def test_a_command_needs_its_rights_and_no_more(
    shared: Services, client: Client, bob: Client, before: str | None, command: str, needed: str
) -> None:
    async with shared.node.database.transaction() as c:
        await add_account(c, "carol@example.test")

    async def said_with(box: str, letters: str) -> bytes:
        await work(client, box)
        await work(client, f"{box}/sub")
        await bob.deliver(message())
        for name in (box, f"{box}/sub"):
            await grant(shared.node, name, ALL)
        if before:
            await bob.ok(before.format(box=box).encode())
        for name in (box, f"{box}/sub"):
            await grant(shared.node, name, letters)
        return (await bob.do(command.format(box=box).encode()))[-1]

    answer = await said_with("enough", "l" + needed)
    assert answer.startswith(b"a OK"), answer
    for place, letter in enumerate(needed):
        answer = await said_with(f"without{place}", ALL.replace(letter, ""))
        assert answer.startswith(b"a NO [NOPERM]"), (letter, answer)


async def test_append_takes_insert_and_drops_flags_that_may_not_be_set(
    doors: Doors, node: Node
) -> None:
    alice, bob = await doors.login(), await doors.login(BOB)
    await alice.do("CREATE Work")
    box = WORK.decode()
    await grant(node, "Work", ALL.replace("i", ""))
    flags = "(\\Seen \\Deleted \\Flagged note) "
    assert (await bob.append(box, message(), flags)).tagged.startswith(b"NO [NOPERM]")
    await grant(node, "Work", "i")  # he cannot even look at it
    assert (await bob.append(box, message(), flags)).ok
    await grant(node, "Work", "lits")
    assert (await bob.append(box, message(), flags)).ok
    await alice.do("SELECT Work")
    assert await alice.do("FETCH 1:2 FLAGS") == [
        b"* 1 FETCH (FLAGS (\\Recent))",
        b"* 2 FETCH (FLAGS (\\Seen \\Deleted \\Recent))",
    ]


async def test_copies_leave_behind_the_flags_that_may_not_be_set(
    shared: Services, client: Client, bob: Client
) -> None:
    await work(client, count=0)
    await grant(shared.node, "Work", "liw")
    await bob.deliver(message(), flags=0b01111, keywords=("note",))
    await bob.ok(b"SELECT INBOX")
    await bob.ok(b"COPY 1 " + WORK)
    await client.ok(b"SELECT Work")
    assert await client.ok(b"FETCH 1 FLAGS") == [
        b"* 1 FETCH (FLAGS (\\Answered \\Flagged note \\Recent))"
    ]
    assert (await client.ok(b"STATUS Work (UNSEEN)")) == [b"* STATUS Work (UNSEEN 1)"]


# ── what one may not know ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "command",
    [
        *("SELECT {}", "STATUS {} (MESSAGES)", "DELETE {}", "RENAME {} x", "GETACL {}"),
        *("SETACL {} alice@example.test r", "DELETEACL {} anyone", "LISTRIGHTS {} anyone"),
        *("MYRIGHTS {}", "GETQUOTAROOT {}", "COPY 1 {}", "MOVE 1 {}", "CREATE {}/new"),
        *("GETMETADATA {} /shared/comment", 'SETMETADATA {} (/private/comment "x")'),
    ],
)
async def test_a_mailbox_without_lookup_is_one_that_does_not_exist(
    shared: Services, client: Client, bob: Client, command: str
) -> None:
    await work(client)
    await grant(shared.node, "Work", "st")
    await bob.deliver(message())
    await bob.ok(b"SELECT INBOX")
    answers = {
        (await bob.do(command.format(f"user/{name}").encode()))[-1]
        for name in (
            *("alice@example.test/Work", "alice@example.test/Nothing"),
            *("nobody@example.test/Work", "alice@elsewhere.test/Work"),
        )
    }
    assert len(answers) == 1, answers
    assert answers.pop().startswith(b"a NO [")


async def test_list_shows_what_may_be_looked_up(
    shared: Services, client: Client, bob: Client
) -> None:
    await work(client)
    await work(client, "Secret")
    await grant(shared.node, "Work", "lr")
    await grant(shared.node, "Secret", "r")
    await grant(shared.node, "Sent", "l", "anyone")
    listed = await bob.ok(b'LIST "" user*')
    assert listed == [
        b'* LIST (\\Noselect \\HasChildren) "/" user',
        b'* LIST (\\Noselect \\HasChildren) "/" user/alice@example.test',
        # a special use is its owner's
        b'* LIST (\\HasNoChildren) "/" user/alice@example.test/Sent',
        b'* LIST (\\HasNoChildren) "/" user/alice@example.test/Work',
    ]
    assert await bob.ok(b'LIST "" "user/%/%" RETURN (MYRIGHTS STATUS (MESSAGES))') == [
        b'* LIST (\\HasNoChildren) "/" user/alice@example.test/Sent',
        b"* MYRIGHTS user/alice@example.test/Sent l",
        b'* LIST (\\HasNoChildren) "/" user/alice@example.test/Work',
        b"* STATUS user/alice@example.test/Work (MESSAGES 2)",
        b"* MYRIGHTS user/alice@example.test/Work lr",
    ]
    assert await client.ok(b'LIST "" user*') == []
    assert await client.ok(b'LIST "" Work RETURN (MYRIGHTS)') == [
        b'* LIST (\\HasNoChildren) "/" Work',
        b"* MYRIGHTS Work lrswipkxteacd",
    ]


async def test_subscriptions_to_others_are_kept_as_list_names_them(
    shared: Services, client: Client, bob: Client
) -> None:
    await grant(shared.node, "INBOX", "lr")
    await bob.ok(b"SUBSCRIBE user/Alice@Example.Test/inbox")
    told = [b'* LIST (\\HasNoChildren \\Subscribed) "/" user/alice@example.test/INBOX']
    assert await bob.ok(b'LIST (SUBSCRIBED) "" user*') == told
    await bob.ok(b"UNSUBSCRIBE user/ALICE@example.test/INBOX")
    assert await bob.ok(b'LIST (SUBSCRIBED) "" user*') == []


async def test_nothing_leads_into_another_organization(shared: Services, client: Client) -> None:
    async with shared.node.database.transaction() as c:
        await c.execute("INSERT INTO organization (name) VALUES ('other')")
        await add_domain(c, "other.test", "other")
        await add_account(c, "carol@other.test")
    carol = await Client.login(shared, "carol@other.test")
    await work(client)
    await grant(shared.node, "Work", ALL, "anyone")
    assert await carol.ok(b'LIST "" user*') == []
    for command in (b"SELECT ", b"MYRIGHTS ", b"GETACL ", b"GETQUOTAROOT "):
        assert (await carol.do(command + WORK))[-1].startswith(b"a NO [NONEXISTENT]"), command
    stranger = (await client.do(b"SETACL Work nobody@other.test lr"))[-1]
    assert (await client.do(b"SETACL Work carol@other.test lr"))[-1] == stranger
    assert stranger.startswith(b"a NO [CANNOT]")
    assert (await client.do(b"LISTRIGHTS Work carol@other.test"))[-1].startswith(b"a NO")
    assert await client.ok(b"GETACL Work") == [
        b"* ACL Work alice@example.test lrswipkxteacd anyone lrswipkxteacd"
    ]


# ── lists ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_list_is_set_told_and_deleted(client: Client, bob: Client) -> None:
    await work(client)
    owner = b"* ACL Work alice@example.test lrswipkxteacd"
    assert await client.ok(b"GETACL Work") == [owner]
    await client.ok(b"SETACL Work bob@example.test lr")
    await client.ok(b"SETACL Work Bob@Example.Test +sc")
    await client.ok(b"SETACL Work bob@example.test -kx")
    await client.ok(b"SETACL Work -bob@example.test w")
    await client.ok(b"SETACL Work anyone l")
    assert await client.ok(b"GETACL Work") == [
        owner + b" anyone l bob@example.test lrs -bob@example.test w"
    ]
    assert await bob.ok(b"MYRIGHTS " + WORK) == [b"* MYRIGHTS %b lrs" % WORK]
    await client.ok(b"SETACL Work anyone lrsw")
    assert await bob.ok(b"MYRIGHTS " + WORK) == [b"* MYRIGHTS %b lrs" % WORK]
    for line in (b"bob@example.test", b"-bob@example.test", b"anyone"):
        await client.ok(b"DELETEACL Work " + line)
    assert await client.ok(b"GETACL Work") == [owner]
    assert (await bob.do(b"MYRIGHTS " + WORK))[-1].startswith(b"a NO [NONEXISTENT]")
    assert (await client.do(b"SETACL Work bob@example.test lq"))[-1] == b"a BAD Unknown right"
    assert (await client.do(b"SETACL Nothing anyone l"))[-1].startswith(b"a NO [NONEXISTENT]")


async def test_an_owner_keeps_what_lets_him_mend_it(client: Client) -> None:
    await work(client)
    await client.ok(b"DELETEACL Work alice@example.test")
    assert await client.ok(b"MYRIGHTS Work") == [b"* MYRIGHTS Work lra"]
    assert (await client.do(b"SELECT Work"))[-1].startswith(b"a OK [READ-ONLY]")
    await client.ok(b"UNSELECT")
    assert (await client.do(b"DELETE Work"))[-1].startswith(b"a NO [NOPERM]")
    assert (await client.do(b"CREATE Work/sub"))[-1].startswith(b"a NO [NOPERM]")
    await client.ok(b"SETACL Work -alice@example.test lrax")
    await client.ok(b"SETACL Work alice@example.test +kx")
    assert await client.ok(b"MYRIGHTS Work") == [b"* MYRIGHTS Work lrkac"]
    assert await client.ok(b"LISTRIGHTS Work alice@example.test") == [
        b"* LISTRIGHTS Work alice@example.test lra s w i p k x t e c d"
    ]
    assert await client.ok(b"LISTRIGHTS Work anyone") == [
        b'* LISTRIGHTS Work anyone "" l r s w i p k x t e a c d'
    ]


async def test_a_list_is_inherited_kept_by_rename_and_gone_with_its_mailbox(
    shared: Services, client: Client, bob: Client
) -> None:
    await work(client)
    await grant(shared.node, "Work", "lrk")
    await client.ok(b"CREATE Work/a/b")
    await bob.ok(b"CREATE " + WORK + b"/mine")
    for name in (b"/a", b"/a/b", b"/mine"):
        assert (await bob.ok(b"MYRIGHTS " + WORK + name))[0].endswith(b" lrkc")
    await client.ok(b"RENAME Work Other")
    assert (await bob.ok(b"MYRIGHTS user/alice@example.test/Other/a"))[0].endswith(b" lrkc")
    await client.ok(b"DELETE Other/a/b")
    await client.ok(b"CREATE Top")
    await client.ok(b"RENAME Other/a Top/x/a")
    assert await client.ok(b"GETACL Top/x") == [b"* ACL Top/x alice@example.test lrswipkxteacd"]
    async with shared.node.database.connection() as c:
        left = await c.fetchval(
            "SELECT count(*) FROM mailbox_right r WHERE NOT EXISTS"
            " (SELECT FROM mailbox m WHERE m.id = r.mailbox_id)"
        )
    assert left == 0


async def test_an_account_that_is_removed_takes_its_rights_along(
    shared: Services, client: Client
) -> None:
    await work(client)
    await grant(shared.node, "Work", "lr")
    await shared.node.accounts.remove(BOB)
    assert await client.ok(b"GETACL Work") == [b"* ACL Work alice@example.test lrswipkxteacd"]
    assert await shared.node.database.fetchval("SELECT count(*) FROM mailbox_right") == 0


async def test_a_mailbox_stays_with_its_owner(
    shared: Services, client: Client, bob: Client
) -> None:
    await work(client)
    await grant(shared.node, "Work", ALL)
    await grant(shared.node, "INBOX", ALL)
    inbox = b"user/alice@example.test/INBOX"
    for line in (
        b"RENAME " + WORK + b" Mine",
        b"RENAME " + inbox + b" " + WORK + b"/in",
        b"DELETE " + inbox,
    ):
        assert (await bob.do(line))[-1].startswith(b"a NO [CANNOT]"), line
    for line in (b"CREATE user", b"CREATE user/x", b"RENAME Sent user/alice@example.test/x"):
        assert (await bob.do(line))[-1].startswith(b"a NO ["), line
    assert (await bob.do(b"CREATE " + WORK + b"/s (USE (\\Sent))"))[-1].startswith(b"a NO [USEATTR")


# ── the selected mailbox ─────────────────────────────────────────────────────────────────────────


async def test_flags_that_may_be_changed_are_told_and_the_others_stay(
    shared: Services, client: Client, bob: Client
) -> None:
    await work(client)
    await grant(shared.node, "Work", "lrs")
    lines = await bob.do(b"SELECT " + WORK)
    assert lines[1] == b"* OK [PERMANENTFLAGS (\\Seen)] Flags permitted"
    assert lines[-1].startswith(b"a OK [READ-WRITE]")
    await client.ok(b"SELECT Work")
    await client.ok(b"STORE 1 FLAGS.SILENT (\\Flagged note)")
    await bob.ok(b"NOOP")
    assert await bob.ok(b"STORE 1 FLAGS (\\Seen \\Deleted other)") == [
        b"* 1 FETCH (FLAGS (\\Seen \\Flagged note \\Recent))"
    ]
    assert await bob.ok(b"STORE 1 FLAGS ()") == [b"* 1 FETCH (FLAGS (\\Flagged note \\Recent))"]
    await grant(shared.node, "Work", "lrw")
    assert await bob.ok(b"STORE 1 FLAGS (\\Draft new)") == [
        b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft note new)",
        b"* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Draft note new \\*)] Flags permitted",
        b"* 1 FETCH (FLAGS (\\Draft new \\Recent))",
    ]
    assert await bob.ok(b"FETCH 2 BODY[]<0.1>") == [b"* 2 FETCH (BODY[]<0> {1}\r\nR)"]
    assert await bob.ok(b"FETCH 2 FLAGS") == [b"* 2 FETCH (FLAGS (\\Recent))"]


async def test_a_store_of_some_flags_is_one_change_of_the_mailbox(
    shared: Services, client: Client, bob: Client
) -> None:
    await work(client, count=1)
    await client.ok(b"SELECT Work")
    await client.ok(b"STORE 1 FLAGS (\\Seen \\Flagged)")
    await grant(shared.node, "Work", "lrwt")
    await bob.ok(b"SELECT " + WORK)
    *_, before = await bob.ok(b"STATUS " + WORK + b" (HIGHESTMODSEQ)")
    modseq = int(before.rsplit(b" ", 1)[1].strip(b")"))
    # \Flagged goes, \Deleted comes, \Seen stays: the second change is not refused for the first
    store = b"STORE 1 (UNCHANGEDSINCE %d) FLAGS (\\Deleted)"
    told = await bob.ok(store % modseq)
    assert told == [b"* 1 FETCH (UID 1 MODSEQ (%d) FLAGS (\\Seen \\Deleted))" % (modseq + 1)]
    answer = (await bob.do(store % modseq))[-1]
    assert answer.startswith(b"a OK [MODIFIED 1]"), answer


async def test_close_expunges_only_with_the_right_to(
    shared: Services, client: Client, bob: Client
) -> None:
    await work(client)
    await grant(shared.node, "Work", "lrt")
    await bob.ok(b"SELECT " + WORK)
    await bob.ok(b"STORE 1 +FLAGS (\\Deleted)")
    await bob.ok(b"CLOSE")
    assert await client.ok(b"STATUS Work (MESSAGES)") == [b"* STATUS Work (MESSAGES 2)"]
    await grant(shared.node, "Work", "lrte")
    await bob.ok(b"SELECT " + WORK)
    await bob.ok(b"CLOSE")
    assert await client.ok(b"STATUS Work (MESSAGES)") == [b"* STATUS Work (MESSAGES 1)"]


async def test_seen_is_shared_and_the_owner_pays(
    shared: Services, client: Client, bob: Client
) -> None:
    node = shared.node
    await work(client)
    await grant(node, "Work", ALL)
    await node.accounts.set_quota(ALICE, 600)
    await bob.deliver(message(), flags=1)
    await bob.ok(b"SELECT " + WORK)
    await bob.ok(b"FETCH 1 BODY[]")
    await client.ok(b"SELECT Work")
    assert await client.ok(b"FETCH 1 FLAGS") == [b"* 1 FETCH (FLAGS (\\Seen))"]
    await bob.ok(b"SELECT INBOX")
    for verb in (b"COPY", b"MOVE"):
        assert (await bob.do(verb + b" 1 " + WORK))[-1].startswith(b"a NO [OVERQUOTA]"), verb
    await node.accounts.set_quota(ALICE, None)
    await bob.ok(b"MOVE 1 " + WORK)
    owner = await node.accounts.find(BOB)
    assert owner is not None
    assert await node.accounts.usage(owner) == (0, 0)


async def test_several_messages_need_the_owners_room_together(
    shared: Services, client: Client, bob: Client
) -> None:
    node = shared.node
    await work(client, count=0)
    await grant(node, "Work", ALL)
    content = message()
    await node.accounts.set_quota(ALICE, 2 * len(content))
    one = b" {%d+}\r\n%b" % (len(content), content)
    assert (await bob.do(b"APPEND " + WORK + 3 * one))[-1].startswith(b"a NO [OVERQUOTA]")
    # None of them is there, and the room is not used up.
    assert await client.ok(b"STATUS Work (MESSAGES)") == [b"* STATUS Work (MESSAGES 0)"]
    await bob.ok(b"APPEND " + WORK + 2 * one)
    assert await client.ok(b"STATUS Work (MESSAGES)") == [b"* STATUS Work (MESSAGES 2)"]
    assert (await bob.do(b"APPEND " + WORK + one))[-1].startswith(b"a NO [OVERQUOTA]")
    await bob.ok(b"APPEND INBOX" + one)  # his own quota is another


# ── processes ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def elsewhere(dsn: str, tmp_path: Path, shared: Services) -> AsyncIterator[Services]:
    """Another process's services, on the same database."""
    async with open_node(dsn, settings_for(tmp_path / "elsewhere")) as node:
        yield services(node)


async def until_told(client: Client, line: bytes, start: bytes) -> None:
    """Repeat a command until its answer begins so: a notification takes a moment."""
    for _ in range(500):
        if (await client.do(line))[-1].startswith(start):
            return
        await asyncio.sleep(0.01)
    raise AssertionError(await client.do(line))


async def test_rights_that_another_process_changes_count_at_the_next_command(
    shared: Services, elsewhere: Services, client: Client
) -> None:
    await work(client)
    await client.ok(b"SETACL Work bob@example.test lrs")
    bob = await Client.login(elsewhere, BOB)
    await bob.ok(b"SELECT " + WORK)
    await bob.ok(b"STORE 1 +FLAGS (\\Seen)")
    await client.ok(b"SETACL Work bob@example.test lr")
    await until_told(bob, b"STORE 1 -FLAGS (\\Seen)", b"a NO [NOPERM]")
    await client.ok(b"DELETEACL Work bob@example.test")
    await until_told(bob, b"FETCH 1 FLAGS", b"a NO [NOPERM]")
    # and what happens there is not told any more
    await client.deliver(message(), "Work")
    assert await bob.ok(b"NOOP") == []
    await bob.ok(b"CLOSE")
    assert (await bob.do(b"SELECT " + WORK))[-1].startswith(b"a NO [NONEXISTENT]")


async def test_who_idles_hears_as_long_as_he_may_read(doors: Doors, node: Node) -> None:
    alice, bob = await doors.login(), await doors.login(BOB)
    await alice.do("CREATE Work")
    await alice.do("SETACL Work bob@example.test lr")
    await bob.do("SELECT " + WORK.decode())
    bob.send(b"i IDLE\r\n")
    assert (await bob.line()).startswith(b"+ ")
    await alice.do("SETACL Work anyone l")  # he may go on
    await alice.append("Work", message())
    assert await bob.line() == b"* 1 EXISTS"
    await bob.line()
    await alice.do("DELETEACL Work bob@example.test")
    await alice.append("Work", message())
    bob.send(b"DONE\r\n")
    assert (await bob.reply(b"i")).lines == []
    assert (await bob.ask("FETCH 1 FLAGS")).tagged.startswith(b"NO [NOPERM]")
