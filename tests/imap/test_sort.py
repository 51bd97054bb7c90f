"""SORT: each key, its reverse, what decides between equals, and what is not there."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from imap.messages.envelope import read_envelope
from imap.session import Services
from mailserver.mail.digest import digest
from tests.support.imap_session import Client, message

DAY = datetime(2026, 11, 20, 12, tzinfo=UTC)


def letter(subject: str, sender: str, date: str, extra: str = "", body: str = "x\r\n") -> bytes:
    """A message; what is empty has no field."""
    fields = {"From": sender, "Subject": subject, "Date": date}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    return f"{head}{extra}\r\n{body}".encode()


LETTERS = [
    # 1
    letter("Re: beta", "Zoe <carl@x.test>", "Tue, 24 Nov 2026 05:00:00 +0100", "To: b@x.test\r\n"),
    # 2: the latest by INTERNALDATE; it names no date, so that counts
    letter("alpha", "anna@x.test", "", "To: Yan <z@x.test>\r\nCc: M@x.test\r\n"),
    # 3: sent before 1, though its clock says later
    letter("[list] Alpha (fwd)", '"bob" <ZED@x.test>', "Tue, 24 Nov 2026 05:30:00 +0200"),
    # 4
    letter(
        "=?utf-8?q?=C3=84hren?=", "=?utf-8?q?=C3=96mer?= <b@x.test>", "Mon, 23 Nov 2026 04:00:00 Z"
    ),
    # 5: nothing but its size
    letter("", "", "", "X-Other: y\r\n", "long\r\n" * 200),
    # 6
    letter(
        "ähnlich", "friends: dora@x.test;", "Wed, 25 Nov 2026 04:00:00 +0000", "Cc: A@x.test\r\n"
    ),
]
DATES = [3, 9, 2, 1, 4, 5]  # days after DAY, by message

ANSWERS = {
    "ARRIVAL": "4 3 1 5 6 2",
    "REVERSE ARRIVAL": "2 6 5 1 3 4",
    # 5 has none and counts as of 24-Nov 12:00, 2 as of 29-Nov
    "DATE": "4 3 1 5 6 2",
    "REVERSE DATE": "2 6 5 1 3 4",
    # RFC 5051: Ä is A and a mark that comes after any letter, so ähnlich stands behind alpha.
    "SUBJECT": "5 2 3 6 4 1",
    "REVERSE SUBJECT": "1 4 6 2 3 5",
    "SUBJECT REVERSE ARRIVAL": "5 2 3 6 4 1",
    "SUBJECT ARRIVAL": "5 3 2 6 4 1",
    "FROM": "5 2 4 1 6 3",
    "DISPLAYFROM": "5 2 3 6 4 1",
    "TO": "3 4 5 6 1 2",
    "DISPLAYTO": "3 4 5 6 1 2",
    "CC": "1 3 4 5 6 2",
    "REVERSE CC": "2 6 1 3 4 5",
    "REVERSE SIZE ARRIVAL": "5",
    "CC FROM CC REVERSE FROM": "5 4 1 3 6 2",
}


@pytest.fixture
async def opened(client: Client) -> Client:
    for content, days in zip(LETTERS, DATES, strict=True):
        await client.deliver(content, date=DAY + timedelta(days=days))
    await client.ok(b"SELECT INBOX")
    return client


async def test_known_orders(opened: Client) -> None:
    found = {}
    for criteria, expected in ANSWERS.items():
        (line,) = await opened.ok(f"SORT ({criteria}) UTF-8 ALL".encode())
        found[criteria] = line.decode().removeprefix("* SORT ")[: len(expected)]
    assert found == ANSWERS


async def test_only_what_matches_is_sorted(opened: Client) -> None:
    await opened.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    await opened.ok(b"EXPUNGE")
    assert await opened.ok(b"SORT (REVERSE ARRIVAL) US-ASCII 1:3") == [b"* SORT 1 2 3"]
    assert await opened.ok(b"UID SORT (REVERSE ARRIVAL) utf-8 1:3") == [b"* SORT 2 3 4"]
    assert await opened.ok(b"SORT (DATE) UTF-8 SUBJECT absent") == [b"* SORT"]
    line = "UID SORT (DATE) UTF-8 SUBJECT {7}\r\nÄHREN".encode().replace(b"{7}", b"{6}")
    assert await opened.ok(line) == [b"* SORT 4"]


async def test_charsets(opened: Client) -> None:
    (answer,) = await opened.do(b"SORT (DATE) X-UNKNOWN ALL")
    assert answer.startswith(b"a NO [BADCHARSET (US-ASCII UTF-8")
    (answer,) = await opened.do(b"THREAD REFERENCES X-UNKNOWN ALL")
    assert answer.startswith(b"a NO [BADCHARSET (US-ASCII UTF-8")
    (answer,) = await opened.do(b"SORT (DATE) UTF-8 SUBJECT {1}\r\n\xff")
    assert answer.startswith(b"a NO A string")


async def test_results_as_they_are_asked_for(opened: Client) -> None:
    # RFC 5267 §3
    line = b"UID SORT RETURN (MIN MAX ALL COUNT) (REVERSE ARRIVAL) UTF-8 ALL"
    assert await opened.ok(line) == [b'* ESEARCH (TAG "a") UID MIN 2 MAX 4 ALL 2,6,5,1,3:4 COUNT 6']
    assert await opened.ok(b"SORT RETURN (PARTIAL 2:3) (REVERSE ARRIVAL) UTF-8 ALL") == [
        b'* ESEARCH (TAG "a") PARTIAL (2:3 6,5)'
    ]
    assert await opened.ok(b"SORT RETURN (COUNT) (DATE) UTF-8 DELETED") == [
        b'* ESEARCH (TAG "a") COUNT 0'
    ]


async def test_messages_that_are_gone_are_left_out(shared: Services, opened: Client) -> None:
    async with shared.node.database.connection() as c:
        await c.execute("DELETE FROM message WHERE static LIKE '%beta%'")
    assert await opened.ok(b"SORT (ARRIVAL) UTF-8 ALL") == [b"* SORT 4 3 5 6 2"]


async def test_expunges_wait_until_no_numbers_are_under_way(
    shared: Services, opened: Client
) -> None:
    other = await Client.login(shared)
    await other.ok(b"SELECT INBOX")
    await other.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    await other.ok(b"EXPUNGE")
    for line in (b"SORT (DATE) UTF-8 ALL", b"THREAD REFERENCES UTF-8 ALL"):
        assert b"* 1 EXPUNGE" not in await opened.ok(line)
    assert b"* 1 EXPUNGE" in await opened.ok(b"UID SORT (DATE) UTF-8 ALL")


async def test_an_empty_mailbox_has_nothing_to_sort(client: Client) -> None:
    await client.ok(b"SELECT INBOX")
    assert await client.ok(b"SORT (DATE) UTF-8 ALL") == [b"* SORT"]
    assert await client.ok(b"UID SORT RETURN (ALL MIN) (DATE) UTF-8 ALL") == [
        b'* ESEARCH (TAG "a") UID'
    ]
    assert await client.ok(b"THREAD REFERENCES UTF-8 ALL") == [b"* THREAD"]
    assert await client.ok(b"UID THREAD ORDEREDSUBJECT UTF-8 ALL") == [b"* THREAD"]


async def test_no_body_and_no_header_is_read(shared: Services, opened: Client) -> None:
    async with shared.node.database.connection() as c:
        await c.execute("DELETE FROM spool")
    assert await opened.ok(b"SORT (SUBJECT FROM TO CC) UTF-8 ALL") == [b"* SORT 5 2 3 6 4 1"]
    (line,) = await opened.ok(b"THREAD REFERENCES UTF-8 1:3")
    assert line == b"* THREAD (1)(2 3)"


async def test_a_large_mailbox_is_sorted_whole(client: Client) -> None:
    contents = [message(f"m{n * 7 % 600:03}") for n in range(600)]
    await asyncio.gather(*(client.deliver(content) for content in contents))
    await client.ok(b"SELECT INBOX")
    (line,) = await client.ok(b"SORT (SUBJECT) UTF-8 ALL")
    numbers = line.split()[2:]
    assert len(numbers) == len({*numbers}) == 600
    fetched = await client.ok(b"FETCH 1:* ENVELOPE")
    subjects = {line.split()[1]: line.split(b'"')[3] for line in fetched}
    found = [subjects[number] for number in numbers]
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("header", "subject", "sender", "reply"),
    [
        (b"", b"", None, b""),
        (b'Subject: a "b" \\ (c)\r\n', b'a "b" \\ (c)', None, b""),
        (b"Subject: \xc3\xa9 ) NIL (\r\n", b"\xc3\xa9 ) NIL (", None, b""),
        (b"Date: )\r\nSubject:\r\n", b"", None, b""),
        (b'From: "a )(" <b@c>, d@e\r\n', b"", [b"a )(", None, b"b", b"c"], b""),
        (b"From: \xc3\xa9 ( <b@c>\r\n", b"", None, b""),
        (b"From: g: ;\r\nIn-Reply-To: <a@b> ENVELOPE (\r\n", b"", [None, None, b"g", None], None),
    ],
)
def test_envelopes_are_read_as_they_are_written(
    header: bytes, subject: bytes, sender: list[bytes | None] | None, reply: bytes | None
) -> None:
    made = digest(header + b"Message-ID: <x@y>\r\n\r\n").envelope
    found = read_envelope(
        b'INTERNALDATE "24-Nov-2026 04:00:00 +0000" RFC822.SIZE 9 ENVELOPE ' + made
    )
    assert found.subject == subject
    assert found.message_id == b"<x@y>"
    if sender is not None:
        assert found.sender == sender
    if reply is None:
        assert found.in_reply_to == b"<a@b> ENVELOPE ("
