"""Sessions on one mailbox: each is told what the others did, in numbers of its own picture."""

from mailserver.node import Node
from tests.support.imap_client import Client
from tests.support.imap_doors import Doors, open_doors
from tests.support.node import open_node, settings_for


async def filled(client: Client, count: int = 4, *, flags: str = "") -> None:
    for number in range(count):
        reply = await client.append("INBOX", b"Subject: %d\r\n\r\nx\r\n" % number, f"({flags}) ")
        assert reply.ok
    await client.do("SELECT INBOX")


async def test_two_sessions_see_each_others_changes(doors: Doors, alice: Client) -> None:
    await filled(alice)
    phone = await doors.login()
    await phone.do("SELECT INBOX")
    await alice.do("STORE 2 +FLAGS.SILENT (\\Deleted)")
    await alice.do("STORE 4 +FLAGS.SILENT (\\Seen)")
    assert await alice.do("EXPUNGE") == [b"* 2 EXPUNGE"]
    assert await alice.do("FETCH 2:* UID") == [b"* 2 FETCH (UID 3)", b"* 3 FETCH (UID 4)"]
    # RFC 3501 §7.4.1: no EXPUNGE during FETCH, STORE, SEARCH: the numbers stay
    assert await phone.do("SEARCH ALL") == [
        b"* SEARCH 1 2 3 4",
        b"* 2 FETCH (FLAGS (\\Deleted))",
        b"* 4 FETCH (FLAGS (\\Seen))",
    ]
    assert await phone.do("FETCH 4 UID") == [b"* 4 FETCH (UID 4)"]
    assert await phone.do("NOOP") == [b"* 2 EXPUNGE"]
    assert await phone.do("FETCH 2:* UID") == [b"* 2 FETCH (UID 3)", b"* 3 FETCH (UID 4)"]
    assert await alice.do("NOOP") == []


async def test_uid_commands_tell_expunges_and_uids(doors: Doors, alice: Client) -> None:
    await filled(alice)
    phone = await doors.login()
    await phone.do("SELECT INBOX")
    await phone.do("UID STORE 1,3 +FLAGS (\\Deleted)")
    assert await phone.do("UID EXPUNGE 3:4") == [b"* 3 EXPUNGE"]
    lines = await alice.do("UID SEARCH UID 1")
    assert lines == [b"* SEARCH 1", b"* 3 EXPUNGE", b"* 1 FETCH (UID 1 FLAGS (\\Deleted \\Recent))"]


async def test_new_mail_is_told_at_any_command(doors: Doors, alice: Client) -> None:
    await filled(alice, 1)
    phone = await doors.login()
    assert (await phone.append("INBOX", b"Subject: new\r\n\r\n")).ok
    assert await alice.do("FETCH 1 UID") == [
        b"* 1 FETCH (UID 1)",
        b"* 2 EXISTS",
        b"* 2 RECENT",
    ]
    # RFC 3501 §2.3.2: \Recent belongs to the first session told of it
    assert b"* 0 RECENT" in await phone.do("SELECT INBOX")


async def test_new_keywords_are_told_before_they_are_used(doors: Doors, alice: Client) -> None:
    await filled(alice, 1)
    phone = await doors.login()
    await phone.do("SELECT INBOX")
    await phone.do("STORE 1 +FLAGS (Work)")
    flags = b"\\Answered \\Flagged \\Deleted \\Seen \\Draft Work"
    assert await alice.do("NOOP") == [
        b"* FLAGS (%b)" % flags,
        b"* OK [PERMANENTFLAGS (%b \\*)] Flags permitted" % flags,
        b"* 1 FETCH (FLAGS (Work \\Recent))",
    ]
    assert await alice.do("NOOP") == []


async def test_keywords_of_appended_messages_are_told(doors: Doors, alice: Client) -> None:
    await alice.do("SELECT INBOX")
    await (await doors.login()).append("INBOX", b"Subject: new\r\n\r\n", "(work) ")
    lines = await alice.do("NOOP")
    assert lines[0] == b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft work)"
    assert await alice.do("FETCH 1 FLAGS") == [b"* 1 FETCH (FLAGS (work \\Recent))"]


async def test_changes_of_another_process_are_told(node: Node, doors: Doors, dsn: str) -> None:
    settings = settings_for(node.settings.data)
    async with open_node(dsn, settings) as other, open_doors(other) as elsewhere:
        alice, phone = await doors.login(), await elsewhere.login()
        await filled(alice)
        await phone.do("SELECT INBOX")
        await phone.do("STORE 1:2 +FLAGS (\\Deleted mine)")
        await phone.do("EXPUNGE")
        while not (lines := await alice.do("NOOP")):
            pass
        assert lines[-2:] == [b"* 2 EXPUNGE", b"* 1 EXPUNGE"]
        assert lines[0] == b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft mine)"
        await alice.do("STORE 1 +FLAGS (\\Seen)")
        while not (lines := await phone.do("NOOP")):
            pass
        assert lines == [b"* 1 FETCH (FLAGS (\\Seen))"]
        await phone.do("CREATE Work")
        await phone.do("MOVE 1:2 Work")
        status = await alice.do("STATUS Work (MESSAGES UNSEEN)")
        assert status[0] == b"* STATUS Work (MESSAGES 2 UNSEEN 1)"


async def test_a_store_that_meets_no_message_harms_no_other_process(
    node: Node, doors: Doors, dsn: str
) -> None:
    settings = settings_for(node.settings.data)
    async with open_node(dsn, settings) as other, open_doors(other) as elsewhere:
        alice, phone = await doors.login(), await elsewhere.login()
        await alice.do("SELECT INBOX")
        await phone.do("SELECT INBOX")
        await alice.do("UID STORE 999 +FLAGS (unheard-of)")
        await alice.append("INBOX", b"Subject: new\r\n\r\n")
        while not (lines := await phone.do("NOOP")):
            pass
        assert lines == [b"* 1 EXISTS", b"* 1 RECENT"]
