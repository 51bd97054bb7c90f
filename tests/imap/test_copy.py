"""COPY, MOVE and EXPUNGE: messages go where they should, and every session hears of it."""

import pytest

from imap.session import Services
from tests.support.imap_session import Client, message
from tests.support.node import add_account


@pytest.fixture
async def opened(client: Client) -> Client:
    for number in range(4):
        await client.deliver(message(f"m{number}"))
    await client.ok(b"SELECT INBOX")
    return client


async def subjects(client: Client, name: bytes) -> list[bytes]:
    await client.ok(b"EXAMINE " + name)
    if not client.session.mailbox().view.count:
        return []
    untagged = await client.ok(b"FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]")
    return [line.split(b"Subject: ")[1].split(b"\r\n")[0] for line in untagged]


async def test_copies_are_told_by_uid(opened: Client) -> None:
    await opened.ok(b"STORE 2 +FLAGS.SILENT (\\Seen $Work)")
    answer = (await opened.do(b"COPY 2:3 Archive"))[-1]
    validity = answer.split()[3]
    assert answer == b"a OK [COPYUID %b 2:3 1:2] COPY completed" % validity
    answer = (await opened.do(b"UID COPY 4,1,9 Archive"))[-1]
    assert answer == b"a OK [COPYUID %b 1,4 3:4] COPY completed" % validity
    assert await opened.ok(b"FETCH 1:* UID") == [
        b"* %d FETCH (UID %d)" % (n, n) for n in (1, 2, 3, 4)
    ]
    assert await subjects(opened, b"Archive") == [b"m1", b"m2", b"m0", b"m3"]
    assert await opened.ok(b"FETCH 1:2 FLAGS") == [
        b"* 1 FETCH (FLAGS (\\Seen $Work \\Recent))",
        b"* 2 FETCH (FLAGS (\\Recent))",
    ]


async def test_a_copy_into_the_same_mailbox_shows_at_once(opened: Client) -> None:
    exists, _recent, answer = await opened.do(b"COPY 1 INBOX")
    assert exists == b"* 5 EXISTS"
    assert b" 1 5] COPY" in answer


async def test_a_move_tells_the_uids_before_it_takes_them_away(
    shared: Services, opened: Client
) -> None:
    other = await Client.login(shared)
    await other.ok(b"SELECT INBOX")
    copyuid, *expunged, answer = await opened.do(b"MOVE 2:3 Archive")
    assert copyuid.startswith(b"* OK [COPYUID ")
    assert copyuid.endswith(b" 2:3 1:2] Moved")
    assert expunged == [b"* 3 EXPUNGE", b"* 2 EXPUNGE"]
    assert answer == b"a OK MOVE completed"
    assert await other.ok(b"NOOP") == [b"* 3 EXPUNGE", b"* 2 EXPUNGE"]
    assert await subjects(opened, b"Archive") == [b"m1", b"m2"]
    assert await subjects(opened, b"INBOX") == [b"m0", b"m3"]


@pytest.mark.parametrize("verb", [b"COPY", b"MOVE", b"UID COPY", b"UID MOVE"])
async def test_a_missing_target_may_be_made_by_the_client(opened: Client, verb: bytes) -> None:
    (answer,) = await opened.do(verb + b" 1 Nowhere")
    assert answer.startswith(b"a NO [TRYCREATE]")
    assert len(await opened.ok(b"FETCH 1:* UID")) == 4


@pytest.mark.parametrize("verb", [b"COPY", b"MOVE"])
async def test_nothing_named_is_nothing_done(opened: Client, verb: bytes) -> None:
    assert await opened.do(b"UID %b 77 Archive" % verb) == [b"a OK %b completed" % verb]
    (answer,) = await opened.do(verb + b" 77 Archive")
    assert answer.startswith(b"a BAD")


async def test_a_move_to_where_it_is_gives_new_uids(opened: Client) -> None:
    """RFC 6851 §3.3: it is allowed where COPY is."""
    answers = await opened.do(b"MOVE 1:2 INBOX")
    assert b"COPYUID" in answers[0]
    assert answers[0].endswith(b"1:2 5:6] Moved")
    assert answers[-1] == b"a OK MOVE completed"
    assert await opened.ok(b"FETCH 1:* UID") == [
        b"* 1 FETCH (UID 3)",
        b"* 2 FETCH (UID 4)",
        b"* 3 FETCH (UID 5)",
        b"* 4 FETCH (UID 6)",
    ]
    assert await subjects(opened, b"INBOX") == [b"m2", b"m3", b"m0", b"m1"]


async def test_a_read_only_mailbox_gives_copies_and_loses_nothing(opened: Client) -> None:
    await opened.ok(b"EXAMINE INBOX")
    for line in (b"MOVE 1 Archive", b"EXPUNGE", b"UID EXPUNGE 1"):
        (answer,) = await opened.do(line)
        assert answer.startswith(b"a NO [READ-ONLY]")
    assert b"COPYUID" in (await opened.do(b"COPY 1 Archive"))[-1]


async def test_a_full_account_takes_no_copies_but_moves(shared: Services) -> None:
    async with shared.node.database.transaction() as c:
        await add_account(c, "carol@example.test", quota_bytes=5000)
    shared.node.accounts.invalidate("")
    carol = await Client.login(shared, "carol@example.test")
    await carol.deliver(message("big", body="x" * 2500 + "\r\n"))
    await carol.ok(b"SELECT INBOX")
    assert (await carol.do(b"COPY 1 Archive"))[-1].startswith(b"a NO [OVERQUOTA]")
    assert await subjects(carol, b"Archive") == []
    await carol.ok(b"SELECT INBOX")
    assert (await carol.do(b"MOVE 1 Archive"))[-1].startswith(b"a OK")


async def test_a_burst_of_copies_stops_at_the_quota(shared: Services) -> None:
    async with shared.node.database.transaction() as c:
        await add_account(c, "carol@example.test", quota_bytes=10_000)
    shared.node.accounts.invalidate("")
    carol = await Client.login(shared, "carol@example.test")
    await carol.deliver(message("big", body="x" * 2500 + "\r\n"))
    await carol.ok(b"SELECT INBOX")
    answers = [(await carol.do(b"COPY 1 Archive"))[-1][:4] for _ in range(5)]
    assert answers == [b"a OK", b"a OK", b"a NO", b"a NO", b"a NO"]


async def test_expunge_removes_what_is_deleted(shared: Services, opened: Client) -> None:
    other = await Client.login(shared)
    await other.ok(b"SELECT INBOX")
    await opened.ok(b"STORE 1,3:4 +FLAGS.SILENT (\\Deleted)")
    untagged = await opened.ok(b"UID EXPUNGE 2:3,99")
    assert untagged == [b"* 3 EXPUNGE"]
    assert await opened.ok(b"EXPUNGE") == [b"* 3 EXPUNGE", b"* 1 EXPUNGE"]
    assert await opened.ok(b"EXPUNGE") == []
    assert await opened.ok(b"FETCH 1:* UID") == [b"* 1 FETCH (UID 2)"]
    told = await other.ok(b"NOOP")
    assert [line for line in told if b"EXPUNGE" in line] == [
        b"* 4 EXPUNGE",
        b"* 3 EXPUNGE",
        b"* 1 EXPUNGE",
    ]


async def test_messages_expunged_meanwhile_cannot_be_copied(
    shared: Services, opened: Client
) -> None:
    other = await Client.login(shared)
    await other.ok(b"SELECT INBOX")
    await other.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    await other.ok(b"EXPUNGE")
    *expunged, answer = await opened.do(b"COPY 1:2 Archive")
    assert b" 2 1] COPY" in answer
    assert expunged == [b"* 1 EXPUNGE"]
    await other.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    await other.ok(b"EXPUNGE")
    answer = (await opened.do(b"UID COPY 2 Archive"))[-1]
    assert answer.startswith(b"a NO [EXPUNGEISSUED]")
    assert await subjects(opened, b"Archive") == [b"m1"]
