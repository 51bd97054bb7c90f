"""SEARCH finds what a reader would: compared with known answers and with a naive evaluation."""

import asyncio
import email
import email.policy
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imap.message_cache import MessageCache
from imap.picked import RECENT, Picked
from imap.protocol.search import (
    AllKey,
    AndKey,
    DateField,
    DateKey,
    FlagKey,
    HeaderKey,
    NotKey,
    Order,
    OrKey,
    SearchKey,
    SequenceKey,
    SizeKey,
    TextKey,
    TextScope,
    UidKey,
)
from imap.protocol.sequence import SequenceSet
from imap.search_keys import Ground, test_of
from imap.search_tree import Facts, Stage, divide
from imap.session import Services
from mailserver.mail.dates import format_internaldate
from mailserver.mail.digest import digest
from mailserver.mail.parts import PartTable
from mailserver.storage.messages import MessageRow
from tests.support.imap_session import Client, message

test_of.__test__ = False  # type: ignore[attr-defined]  # not a test of pytest's

HTML = (
    "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=x\r\n",
    "--x\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe aus K=F6ln, a long li=\r\nne"
    "\r\n--x\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    "PGI+w4Rwd8OkbGRlcjwvYj4=\r\n--x\r\nContent-Type: application/octet-stream\r\n\r\n"
    "hidden needle\r\n--x--\r\n",
)


@pytest.fixture
async def opened(client: Client) -> Client:
    """Six messages: see the numbers in the tests."""
    east = timezone(timedelta(hours=9))
    one = message("Lunch on Friday", body="Bring the needle\r\n")
    two = message("=?utf-8?q?Gr=C3=BC=C3=9Fe?= from\r\n Cologne", extra=HTML[0], body=HTML[1])
    three = message("no date", date="soon", extra="Cc: Bob <bob@example.test>\r\n")
    four = message("late", date="Wed, 25 Nov 2026 01:00:00 +0900", extra="X-Spam: no\r\n")
    five = message("large", body="needless\r\n" * 8000)
    six = b"Subject: bare\r\nBcc: hidden@example.test\r\n\r\n"
    await client.deliver(one, date=datetime(2026, 11, 20, 12, tzinfo=UTC))
    await client.deliver(two, date=datetime(2026, 11, 21, 12, tzinfo=UTC))
    await client.deliver(three, date=datetime(2026, 11, 22, 12, tzinfo=UTC))
    await client.deliver(four, date=datetime(2026, 11, 23, 1, tzinfo=east))
    await client.deliver(five, flags=1, keywords=("$Work",))
    await client.ok(b"SELECT INBOX")
    await client.deliver(six, flags=3)
    await client.ok(b"NOOP")
    await client.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted \\Draft)")
    return client


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ("ALL", "1 2 3 4 5 6"),
        ("SEEN", "5 6"),
        ("UNSEEN", "1 2 3 4"),
        ("ANSWERED", "6"),
        ("DELETED DRAFT", "1"),
        ("UNDELETED UNSEEN", "2 3 4"),
        ("FLAGGED", ""),
        ("KEYWORD $work", "5"),
        ("UNKEYWORD $Work UNDRAFT", "2 3 4 6"),
        ("KEYWORD unknown", ""),
        ("UNKEYWORD unknown", "1 2 3 4 5 6"),
        ("NEW", "1 2 3 4"),
        ("OLD", ""),
        ("RECENT", "1 2 3 4 5 6"),
        ("2:3,6", "2 3 6"),
        ("5:*", "5 6"),
        ("1:* NOT 2", "1 3 4 5 6"),
        ("99", ""),
        ("UID 4:99", "4 5 6"),
        ("UID *", "6"),
        ("NOT UID 1:4", "5 6"),
        ("LARGER 80000", "5"),
        ("SMALLER 150", "6"),
        ("BEFORE 21-Nov-2026", "1"),
        ("ON 21-Nov-2026", "2"),
        ("SINCE 22-Nov-2026", "3 4 5 6"),
        ("ON 23-Nov-2026", "4"),  # the day in the zone of the message, not in UTC
        ("SENTON 24-Nov-2026", "1 2 5"),
        ("SENTON 25-Nov-2026", "4"),
        ("SENTSINCE 25-Nov-2026", "4"),
        ("SENTBEFORE 1-Jan-2030", "1 2 4 5"),  # 3 and 6 name no date
        ("NOT SENTBEFORE 1-Jan-2030", "3 6"),
        ("SUBJECT friday", "1"),
        ('SUBJECT "GRÜSSE FROM COLOGNE"', ""),  # sharp s has no simple capital
        ('SUBJECT "grüße from cologne"', "2"),
        ('FROM "ann <ANN@"', "1 2 3 4 5"),
        ("TO alice", "1 2 3 4 5"),
        ("CC bob", "3"),
        ("BCC hidden", "6"),
        ('HEADER CC ""', "3"),
        ('HEADER X-Spam ""', "4"),
        ("HEADER x-spam NO", "4"),
        ("HEADER Delivered-To alice", "1 2 3 4 5 6"),
        ("HEADER Message-ID elsewhere.test", "1 2 3 4 5"),
        ("BODY needle", "1 5"),
        ('BODY "needle\r\n"', None),
        ("BODY needless", "5"),
        ('BODY "a long line"', "2"),
        ("BODY KÖLN", "2"),
        ("BODY äpwälder", "2"),
        ("BODY hidden", ""),
        ("BODY friday", ""),
        ("TEXT friday", "1"),
        ("TEXT needle", "1 5"),
        ("TEXT köln", "2"),
        ('TEXT "subject: grüße"', "2"),
        ('BODY ""', "1 2 3 4 5 6"),
        ("NOT BODY needle", "2 3 4 6"),
        ("OR BODY needle SUBJECT late", "1 4 5"),
        ("OR SEEN NOT BODY morning", "1 2 5 6"),
        ("OR (SEEN BODY needle) (CC bob UNSEEN)", "3 5"),
        ("NOT (OR SEEN DELETED)", "2 3 4"),
        ("BODY needle LARGER 80000 SUBJECT large", "5"),
        ("NOT OR HEADER X-Spam no BODY needle", "2 3 6"),
    ],
)
async def test_known_answers(opened: Client, keys: str, found: str | None) -> None:
    if found is None:
        literal = keys.split('"')[1].encode()
        line = b"SEARCH BODY {%d}\r\n%b" % (len(literal), literal)
        assert await opened.ok(line) == [b"* SEARCH 1"]
        return
    (line,) = await opened.ok(_literals("CHARSET UTF-8 " + keys))
    assert line == f"* SEARCH {found}".strip().encode()


def _literals(keys: str) -> bytes:
    """The command, 8-bit strings as literals."""
    import re

    def literal(found: re.Match[str]) -> str:
        value = found[0].strip('"')
        return f"{{{len(value.encode())}}}\r\n{value}"

    return (
        b"SEARCH " + re.sub(r'"[^"]*[^\x00-\x7f"][^"]*"|\S*[^\x00-\x7f]\S*', literal, keys).encode()
    )
