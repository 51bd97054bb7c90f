"""FETCH gives what was stored, in any form a client may ask for."""

import asyncio
import itertools
from pathlib import Path

import pytest

from imap.messages.cache import MessageCache
from imap.session import Disconnected, Services
from tests.support.imap_session import PREFIX, Client, item, message, services
from tests.support.node import open_node, settings_for

FULL = message("first", body="one\r\ntwo\r\n")
TO = b"To: alice@example.test\r\n\r\n"


async def opened(client: Client, *contents: bytes) -> Client:
    for content in contents or (FULL,):
        await client.deliver(content)
    await client.ok(b"SELECT INBOX")
    return client


async def test_flags_and_uids_are_joined_from_columns(client: Client) -> None:
    await opened(client, *[message(f"m{n}") for n in range(4)])
    await client.ok(b"STORE 2 +FLAGS (\\Seen $Work)")
    await client.ok(b"STORE 3 +FLAGS.SILENT (\\Deleted)")
    await client.ok(b"EXPUNGE")
    assert await client.ok(b"FETCH 1:* (UID FLAGS)") == [
        b"* 1 FETCH (UID 1 FLAGS (\\Recent))",
        b"* 2 FETCH (UID 2 FLAGS (\\Seen $Work \\Recent))",
        b"* 3 FETCH (UID 4 FLAGS (\\Recent))",
    ]
    assert await client.ok(b"UID FETCH 4,2:2 FLAGS") == [
        b"* 2 FETCH (UID 2 FLAGS (\\Seen $Work \\Recent))",
        b"* 3 FETCH (UID 4 FLAGS (\\Recent))",
    ]
    assert await client.ok(b"FETCH 2 UID") == [b"* 2 FETCH (UID 2)"]
    assert await client.ok(b"UID FETCH 2:3 UID") == [b"* 2 FETCH (UID 2)"]


@pytest.mark.parametrize("size", [10, 3_000_000])
async def test_nul_is_told_as_80_hex(client: Client, size: int) -> None:
    """RFC 3501 §9: no literal may hold one, and the length stays what RFC822.SIZE says."""
    content = message("a\0b", body="c\0d\r\n" + "line\r\n" * (size // 6))
    await opened(client, content)
    (line,) = await client.ok(b"FETCH 1 (BODY.PEEK[] BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    assert item(line, b"BODY[]") == PREFIX + content.replace(b"\0", b"\x80")
    assert b"Subject: a\x80b\r\n" in line
    assert b"\0" not in b"".join(client.written)


async def test_recent_is_told_to_one_session(shared: Services, client: Client) -> None:
    await opened(client)
    other = await Client.login(shared)
    await other.ok(b"SELECT INBOX")
    assert await client.ok(b"FETCH 1 FLAGS") == [b"* 1 FETCH (FLAGS (\\Recent))"]
    assert await other.ok(b"FETCH 1 FLAGS") == [b"* 1 FETCH (FLAGS ())"]


async def test_macros_are_the_items_they_stand_for(client: Client) -> None:
    await opened(client)
    size = len(PREFIX) + len(FULL)
    date = b'INTERNALDATE "24-Nov-2026 04:00:00 +0000"'
    length = b"RFC822.SIZE %d" % size
    envelope = b'ENVELOPE ("Tue, 24 Nov 2026 04:00:00 +0000" "first" (("Ann" NIL "ann" "elsewh'
    (fast,) = await client.ok(b"FETCH 1 FAST")
    assert fast == b"* 1 FETCH (%b %b FLAGS (\\Recent))" % (date, length)
    (everything,) = await client.ok(b"FETCH 1 ALL")
    assert everything.startswith(b"* 1 FETCH (%b %b %b" % (date, length, envelope))
    assert everything.endswith(b") FLAGS (\\Recent))")
    (full,) = await client.ok(b"FETCH 1 FULL")
    body = b'BODY ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 10 2) FLAGS'
    assert body in full


async def test_any_pick_of_static_items(client: Client) -> None:
    await opened(client, message('a "quoted" ENVELOPE (x)', date="then"))
    told = {
        b"ENVELOPE": b'ENVELOPE ("then" "a \\"quoted\\" ENVELOPE (x)"',
        b"INTERNALDATE": b'INTERNALDATE "24-Nov-2026 04:00:00 +0000"',
        b"RFC822.SIZE": b"RFC822.SIZE ",
    }
    for count in range(4):
        for wanted in itertools.permutations(told, count):
            (line,) = await client.ok(b"FETCH 1 (%b)" % b" ".join((b"UID", *wanted)))
            assert line.startswith(b"* 1 FETCH (UID 1")
            assert {name for name, value in told.items() if b" " + value in line} == set(wanted)
            assert line.count(b"(") == line.count(b")")


async def test_bodystructure_is_told_as_made(client: Client) -> None:
    await opened(client)
    (line,) = await client.ok(b"FETCH 1 (BODYSTRUCTURE)")
    body = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 10 2 NIL NIL NIL NIL)'
    assert line == b"* 1 FETCH (BODYSTRUCTURE %b)" % body


async def test_body_sets_seen_and_tells_it_once(shared: Services, client: Client) -> None:
    await opened(client, FULL, message("second"))
    other = await Client.login(shared)
    await other.ok(b"SELECT INBOX")
    (line, *more) = await client.ok(b"FETCH 1 BODY[TEXT]")
    assert line == b"* 1 FETCH (BODY[TEXT] {10}\r\none\r\ntwo\r\n FLAGS (\\Seen \\Recent))"
    assert more == []
    assert await other.ok(b"NOOP") == [b"* 1 FETCH (FLAGS (\\Seen))"]
    first, second = await client.ok(b"FETCH 1:2 BODY[TEXT]")
    assert first == b"* 1 FETCH (BODY[TEXT] {10}\r\none\r\ntwo\r\n)"
    assert second.endswith(b" FLAGS (\\Seen \\Recent))")


async def test_peek_and_examine_leave_seen_alone(client: Client) -> None:
    await opened(client)
    quiet = [b"BODY.PEEK[]", b"RFC822.HEADER", b"RFC822.SIZE", b"ENVELOPE", b"BODY"]
    for wanted in quiet:
        await client.ok(b"FETCH 1 " + wanted)
    await client.ok(b"EXAMINE INBOX")
    (line,) = await client.ok(b"FETCH 1 (RFC822 FLAGS)")
    assert line.endswith(b" FLAGS ())")


async def test_rfc822_items_are_named_as_asked(client: Client) -> None:
    await opened(client)
    head, body = FULL.split(b"\r\n\r\n", 1)
    (line,) = await client.ok(b"FETCH 1 (RFC822.TEXT RFC822.HEADER RFC822)")
    assert item(line, b"RFC822.TEXT") == body
    assert item(line, b"RFC822.HEADER") == PREFIX + head + b"\r\n\r\n"
    assert item(line, b" RFC822") == PREFIX + FULL


async def test_partial_bytes(client: Client) -> None:
    await client.deliver(FULL, prefix=b"")
    await client.ok(b"SELECT INBOX")
    for origin, count in ((0, 5), (5, 1_000_000), (100_000, 1), (0, 9_000_000_000)):
        (line,) = await client.ok(b"FETCH 1 BODY.PEEK[]<%d.%d>" % (origin, count))
        assert item(line, b"BODY[]<%d>" % origin) == FULL[origin : origin + count]


async def test_header_fields_come_from_prefix_and_message(client: Client) -> None:
    await opened(client, message("x", extra="Received: by one\r\nX-Odd%s: 1\r\n"))
    ask = b"FETCH 1 BODY.PEEK[HEADER.FIELDS (%b)]"
    (line,) = await client.ok(ask % b"subject FROM")
    assert (
        item(line, b"BODY[HEADER.FIELDS (SUBJECT FROM)]")
        == b"From: Ann <ann@elsewhere.test>\r\nSubject: x\r\n\r\n"
    )
    (line,) = await client.ok(ask % b"Return-Path Received")
    assert (
        item(line, b"BODY[HEADER.FIELDS (RETURN-PATH RECEIVED)]")
        == b"Return-Path: <ann@elsewhere.test>\r\nReceived: by one\r\n\r\n"
    )
    (line,) = await client.ok(ask % b"absent")
    assert item(line, b"BODY[HEADER.FIELDS (ABSENT)]") == b"\r\n"
    (line,) = await client.ok(ask % b'"X-Odd%s"')
    assert item(line, b'BODY[HEADER.FIELDS ("X-ODD%S")]') == b"X-Odd%s: 1\r\n\r\n"
    (line,) = await client.ok(
        b"FETCH 1 BODY.PEEK[HEADER.FIELDS.NOT (FROM TO SUBJECT DATE MESSAGE-ID)]<9.12>"
    )
    label = b"BODY[HEADER.FIELDS.NOT (FROM TO SUBJECT DATE MESSAGE-ID)]<9>"
    assert item(line, label) == PREFIX[9:21]


async def test_a_header_too_large_for_the_row_is_read_from_the_message(client: Client) -> None:
    many = "".join(f"References: <{n:060d}@x>\r\n" for n in range(600))
    await opened(client, message("large", extra=many))
    (line,) = await client.ok(b"FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT REFERENCES)]")
    assert item(line, b"(SUBJECT REFERENCES)]") == b"Subject: large\r\n" + many.encode() + b"\r\n"


async def test_sections_that_do_not_exist_are_nil(client: Client) -> None:
    await opened(client)
    (line,) = await client.ok(b"FETCH 1 (BODY.PEEK[2] BODY.PEEK[1.HEADER] BODY.PEEK[1.1]<0.5>)")
    assert line == b"* 1 FETCH (BODY[2] NIL BODY[1.HEADER] NIL BODY[1.1]<0> NIL)"


async def test_numbers_beyond_the_last_are_an_error_and_uids_are_not(client: Client) -> None:
    await client.ok(b"SELECT INBOX")
    assert (await client.do(b"FETCH 1:* FLAGS"))[-1].startswith(b"a BAD")
    assert await client.ok(b"UID FETCH 1:* FLAGS") == []
    await opened(client)
    assert (await client.do(b"FETCH 2 FLAGS"))[-1].startswith(b"a BAD")
    assert (await client.do(b"FETCH 1:2 FLAGS"))[-1].startswith(b"a BAD")
    assert await client.ok(b"UID FETCH 7 FLAGS") == []
    assert await client.ok(b"UID FETCH 7:* FLAGS") == [b"* 1 FETCH (UID 1 FLAGS (\\Recent))"]


async def test_an_expunged_message_is_served_until_it_is_told(
    shared: Services, client: Client
) -> None:
    await opened(client, message("gone"), message("stays"))
    other = await Client.login(shared)
    await other.ok(b"SELECT INBOX")
    await other.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    await other.ok(b"EXPUNGE")
    await client.ok(b"FETCH 1 UID")  # tells the flag change, and no EXPUNGE
    untagged = await client.ok(b"FETCH 1:2 (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    assert [line.partition(b" BODY")[0] for line in untagged] == [
        b"* 1 FETCH (UID 1",
        b"* 2 FETCH (UID 2",
    ]
    assert b"Subject: gone" in untagged[0]
    async with shared.node.database.connection() as c:
        await c.execute("DELETE FROM message WHERE static LIKE '%gone%'")
    shared.messages = MessageCache(shared.node.database, 1 << 20)
    skipped, answer = await client.do(b"FETCH 1:2 BODY.PEEK[HEADER.FIELDS (SUBJECT)]")
    assert skipped.startswith(b"* 2 FETCH")
    assert answer == b"a OK [EXPUNGEISSUED] FETCH completed"
    assert await client.ok(b"NOOP") == [b"* 1 EXPUNGE"]


async def test_many_messages_come_in_bounded_pieces(client: Client) -> None:
    contents = [message(f"m{n}", body="x" * 20_000 + "\r\n") for n in range(300)]
    await asyncio.gather(*(client.deliver(content) for content in contents))
    await client.ok(b"SELECT INBOX")
    untagged = await client.ok(b"FETCH 1:* (UID BODY.PEEK[])")
    assert sorted(item(line, b"BODY[]") or b"" for line in untagged) == sorted(
        PREFIX + content for content in contents
    )
    assert [int(line.split()[1]) for line in untagged] == list(range(1, 301))
    assert max(map(len, client.written)) < 3 << 20
    assert len(client.written) > 2


async def test_a_large_message_is_streamed(client: Client) -> None:
    content = message("large", body="0123456789abcdef" * (3 << 16) + "\r\n")
    await opened(client, FULL, content)
    one, two = await client.ok(b"FETCH 1:2 (UID BODY[] BODY[2] BODY[HEADER.FIELDS (TO)])")
    assert item(one, b"BODY[]") == PREFIX + FULL
    assert two.startswith(b"* 2 FETCH (UID 2 FLAGS (\\Seen \\Recent) BODY[] {")
    assert item(two, b"BODY[]") == PREFIX + content
    assert two.endswith(b" BODY[2] NIL BODY[HEADER.FIELDS (TO)] {26}\r\n" + TO + b")")
    assert max(map(len, client.written)) < 2 << 20
    (line,) = await client.ok(b"FETCH 2 BODY.PEEK[TEXT]<10.2000000>")
    text = content.partition(b"\r\n\r\n")[2][10:2000010]
    assert line == b"* 2 FETCH (BODY[TEXT]<10> {2000000}\r\n%b)" % text


async def test_a_message_that_ends_early_ends_the_connection(
    shared: Services, client: Client
) -> None:
    await opened(client, message("large", body="x" * (3 << 20) + "\r\n"))
    write = client.session.write

    async def lose(data: bytes) -> None:
        await write(data)
        async with shared.node.database.connection() as c:
            await c.execute("DELETE FROM blob")

    client.session.write = lose
    with pytest.raises(Disconnected):
        await client.do(b"FETCH 1 BODY.PEEK[]")
    assert b"".join(client.written).startswith(b"* 1 FETCH (BODY[] {3145")
    assert 1 << 20 < len(b"".join(client.written)) < 2 << 20


async def test_a_large_message_that_is_gone_is_skipped(shared: Services, client: Client) -> None:
    await opened(client, message("large", body="x" * (3 << 20) + "\r\n"), FULL)
    async with shared.node.database.connection() as c:
        await c.execute("DELETE FROM blob WHERE size > 1000000")
    line, answer = await client.do(b"FETCH 1:2 (BODY.PEEK[])")
    assert item(line, b"* 2 FETCH (BODY[]") == PREFIX + FULL
    assert answer == b"a OK [EXPUNGEISSUED] FETCH completed"


async def test_unsettled_and_settled_pictures_give_the_same(
    shared: Services, client: Client
) -> None:
    await opened(client, *[message(f"m{n}") for n in range(6)])
    await client.ok(b"STORE 2,5 FLAGS (\\Flagged Later)")
    before = await client.ok(b"FETCH 2:6 (FLAGS UID RFC822.SIZE)")
    other = await Client.login(shared)
    await other.ok(b"SELECT INBOX")
    await other.ok(b"UID STORE 1 +FLAGS.SILENT \\Deleted")
    await other.ok(b"EXPUNGE")
    await client.ok(b"FETCH 1 UID")
    assert client.session.mailbox().view.columns is None
    assert await client.ok(b"FETCH 2:6 (FLAGS UID RFC822.SIZE)") == before


async def test_another_process_reads_what_this_one_stored(
    client: Client, dsn: str, tmp_path: Path
) -> None:
    await client.deliver(FULL)
    async with open_node(dsn, settings_for(tmp_path)) as node:
        cold = await Client.login(services(node))
        await cold.ok(b"SELECT INBOX")
        (line,) = await cold.ok(b"UID FETCH 1 BODY.PEEK[]")
        assert item(line, b"BODY[]") == PREFIX + FULL
