"""THREAD in a session: from the fields of real messages to the response."""

import pytest

from imap.session import Services
from tests.support.imap_session import Client


def letter(number: int, subject: str, extra: str = "") -> bytes:
    """A message of the day of its number, with the id NUMBER@x."""
    return (
        f"From: a@x.test\r\nSubject: {subject}\r\nDate: {number} Nov 2026 04:00:00 +0000\r\n"
        f"Message-ID: <{number}@x>\r\n{extra}\r\ntext\r\n"
    ).encode()


LETTERS = [
    letter(1, "Lunch"),
    letter(2, "Re: Lunch", "References: <1@x>\r\n"),
    letter(3, "=?utf-8?q?Gr=C3=BC=C3=9Fe?="),
    letter(4, "AW: Lunch", "In-Reply-To: Your mail <2@x> of Monday <1@x>\r\n"),
    letter(5, "re: [list] GRÜßE", "In-Reply-To: <lost>\r\n"),
    letter(6, "Dinner", 'References: <1@x>\r\n <gone@x>\r\n\t<"2"@x> (the last)\r\n'),
    letter(7, "x", "References: <away@x>\r\n"),
    letter(8, "y", "References: <away@x>\r\n"),
    letter(9, "z", "References: none\r\nIn-Reply-To: <3@x>\r\n"),
]


@pytest.fixture
async def opened(client: Client) -> Client:
    for content in LETTERS:
        await client.deliver(content)
    await client.ok(b"SELECT INBOX")
    return client


async def test_references(opened: Client) -> None:
    assert await opened.ok(b"THREAD REFERENCES UTF-8 ALL") == [
        b"* THREAD (1 2 (4)(6))(3 (5)(9))((7)(8))"
    ]
    # Who is not found is not there, but those who answer him stay together.
    assert await opened.ok(b"THREAD REFERENCES UTF-8 NOT 2") == [
        b"* THREAD (1 (4)(6))(3 (5)(9))((7)(8))"
    ]
    assert await opened.ok(b"THREAD REFERENCES UTF-8 4,6") == [b"* THREAD ((4)(6))"]


async def test_ordered_subject(opened: Client) -> None:
    assert await opened.ok(b"THREAD ORDEREDSUBJECT UTF-8 ALL") == [
        b"* THREAD (1 2)(3 5)(4)(6)(7)(8)(9)"
    ]


async def test_uid_thread_answers_in_uids(opened: Client) -> None:
    await opened.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    await opened.ok(b"EXPUNGE")
    assert await opened.ok(b"UID THREAD REFERENCES US-ASCII SUBJECT lunch") == [b"* THREAD (2 4)"]
    assert await opened.ok(b"THREAD REFERENCES US-ASCII SUBJECT lunch") == [b"* THREAD (1 3)"]


async def test_a_header_too_large_for_the_row_is_read(client: Client) -> None:
    many = "".join(f"References: <{n:060d}@x>\r\n" for n in range(600))
    await client.deliver(letter(1, "first"))
    await client.deliver(letter(2, "other", many + "References: <1@x>\r\n"))
    await client.ok(b"SELECT INBOX")
    assert await client.ok(b"THREAD REFERENCES UTF-8 ALL") == [b"* THREAD (1 2)"]


async def test_messages_that_are_gone_are_left_out(shared: Services, opened: Client) -> None:
    async with shared.node.database.connection() as c:
        await c.execute("DELETE FROM message WHERE static LIKE '%Dinner%'")
    assert await opened.ok(b"THREAD REFERENCES UTF-8 1:6") == [b"* THREAD (1 2 4)(3 5)"]
