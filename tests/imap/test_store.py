"""STORE changes flags for all, and tells what the client has now."""

import asyncio

import pytest

from imap.session import Services
from tests.support.imap_session import Client, message


@pytest.fixture
async def opened(client: Client) -> Client:
    for number in range(4):
        await client.deliver(message(f"m{number}"))
    await client.ok(b"SELECT INBOX")
    return client


async def test_flags_are_added_removed_and_replaced(opened: Client) -> None:
    assert await opened.ok(b"STORE 1:2 +FLAGS (\\Seen \\Flagged)") == [
        b"* 1 FETCH (FLAGS (\\Seen \\Flagged \\Recent))",
        b"* 2 FETCH (FLAGS (\\Seen \\Flagged \\Recent))",
    ]
    assert await opened.ok(b"STORE 2 -FLAGS \\Seen \\Draft") == [
        b"* 2 FETCH (FLAGS (\\Flagged \\Recent))"
    ]
    assert await opened.ok(b"UID STORE 2,4 FLAGS (\\Deleted)") == [
        b"* 2 FETCH (UID 2 FLAGS (\\Deleted \\Recent))",
        b"* 4 FETCH (UID 4 FLAGS (\\Deleted \\Recent))",
    ]
    assert await opened.ok(b"STORE 2 FLAGS ()") == [b"* 2 FETCH (FLAGS (\\Recent))"]


async def test_a_new_keyword_is_announced_before_it_is_used(opened: Client) -> None:
    flags, permanent, fetched = await opened.ok(b"STORE 1 +FLAGS ($Work)")
    assert flags == b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Work)"
    assert permanent.startswith(b"* OK [PERMANENTFLAGS (")
    assert fetched == b"* 1 FETCH (FLAGS ($Work \\Recent))"
    # RFC 9051 §2.3.2: keywords are the same in any case
    assert await opened.ok(b"STORE 2 +FLAGS ($WORK)") == [b"* 2 FETCH (FLAGS ($Work \\Recent))"]


async def test_silent_tells_nothing_here_and_all_to_others(
    shared: Services, opened: Client
) -> None:
    other = await Client.login(shared)
    await other.ok(b"SELECT INBOX")
    assert await opened.ok(b"STORE 1:* +FLAGS.SILENT (\\Seen)") == []
    assert await opened.ok(b"NOOP") == []
    assert await other.ok(b"NOOP") == [b"* %d FETCH (FLAGS (\\Seen))" % n for n in range(1, 5)]


async def test_own_changes_are_told_once_and_others_still(shared: Services, opened: Client) -> None:
    other = await Client.login(shared)
    await other.ok(b"SELECT INBOX")
    await asyncio.gather(
        other.ok(b"STORE 2 +FLAGS.SILENT (\\Flagged)"), opened.ok(b"STORE 1 +FLAGS (\\Seen)")
    )
    told = await opened.ok(b"NOOP") + await other.ok(b"NOOP")
    assert b"* 1 FETCH (FLAGS (\\Seen))" in told
    assert told.count(b"* 2 FETCH (FLAGS (\\Flagged \\Recent))") <= 1


async def test_a_read_only_mailbox_is_left_alone(opened: Client) -> None:
    await opened.ok(b"EXAMINE INBOX")
    (answer,) = await opened.do(b"STORE 1 +FLAGS (\\Seen)")
    assert answer.startswith(b"a NO [READ-ONLY]")
    assert await opened.ok(b"FETCH 1 FLAGS") == [b"* 1 FETCH (FLAGS ())"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"STORE 1 +FLAGS (\\Recent)", b"a BAD"),
        (b"STORE 1 +FLAGS (\\Odd)", b"a NO [CANNOT]"),
        (b"STORE 5 +FLAGS (\\Seen)", b"a BAD"),
        (b"UID STORE 5 +FLAGS (\\Seen)", b"a OK STORE completed"),
    ],
)
async def test_what_cannot_be_stored(opened: Client, line: bytes, expected: bytes) -> None:
    (answer,) = await opened.do(line)
    assert answer.startswith(expected)
    assert await opened.ok(b"SEARCH SEEN") == [b"* SEARCH"]


async def test_a_mailbox_takes_58_keywords(opened: Client) -> None:
    words = b" ".join(b"k%d" % number for number in range(58))
    await opened.ok(b"STORE 1 +FLAGS.SILENT (%b)" % words)
    answer = (await opened.do(b"STORE 1 +FLAGS (one-more)"))[-1]
    assert answer.startswith(b"a NO [LIMIT]")
    fetched = (await opened.ok(b"FETCH 1 FLAGS"))[-1]
    assert fetched == b"* 1 FETCH (FLAGS (%b \\Recent))" % words


async def test_expunged_messages_are_left_out_with_a_word(shared: Services, opened: Client) -> None:
    other = await Client.login(shared)
    await other.ok(b"SELECT INBOX")
    await other.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    await other.ok(b"EXPUNGE")
    assert (await opened.do(b"STORE 1 +FLAGS (\\Seen)"))[-1].startswith(b"a NO [EXPUNGEISSUED]")
    untagged = await opened.do(b"STORE 1:2 +FLAGS (\\Seen)")
    assert b"* 2 FETCH (FLAGS (\\Seen \\Recent))" in untagged
    assert untagged[-1].startswith(b"a OK [EXPUNGEISSUED]")
