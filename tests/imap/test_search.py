"""SEARCH finds what a reader would: compared with known answers and with a naive evaluation."""

import asyncio
import email.message
import email.policy
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imap.mailboxes.picked import Picked
from imap.messages.cache import MessageCache
from imap.protocol.search import (
    AgeKey,
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
    each_key,
)
from imap.protocol.sequence import SequenceSet
from imap.searching.keys import Ground
from imap.searching.keys import test_of as compiled
from imap.searching.tree import Facts, Stage, divide
from imap.session import Services
from mailserver.mail.dates import format_internaldate
from mailserver.mail.digest import digest
from mailserver.mail.parts import PartTable
from mailserver.mail.text import readable
from mailserver.storage.messages import MessageRow
from tests.support.imap_session import NOW, Client, message

ALTERNATIVE = "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=x\r\n"
PARTS = """\
--x
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Gr=FC=DFe aus K=F6ln, a long li=
ne
--x
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: base64

PGI+w4Rwd8OkbGRlcjwvYj4=
--x
Content-Type: application/octet-stream

hidden needle
--x--
""".replace("\n", "\r\n")


@pytest.fixture
async def opened(client: Client) -> Client:
    """Six messages: see the numbers in the tests."""
    east = timezone(timedelta(hours=9))
    one = message("Lunch on Friday", body="Bring the needle\r\n")
    two = message("=?utf-8?q?Gr=C3=BC=C3=9Fe?= from\r\n Cologne", extra=ALTERNATIVE, body=PARTS)
    three = message("no date", date="soon", extra="Cc: Bob <bob@example.test>\r\n")
    four = message("late", date="Wed, 25 Nov 2026 01:00:00 +0900", extra="X-Spam: no\r\n")
    five = message("large\r\n and folded", body="needless\r\n" * 8000)
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


ANSWERS = {
    "ALL": "1 2 3 4 5 6",
    "SEEN": "5 6",
    "UNSEEN": "1 2 3 4",
    "ANSWERED": "6",
    "DELETED DRAFT": "1",
    "UNDELETED UNSEEN": "2 3 4",
    "FLAGGED": "",
    "KEYWORD $work": "5",
    "UNKEYWORD $Work UNDRAFT": "2 3 4 6",
    "KEYWORD unknown": "",
    "UNKEYWORD unknown": "1 2 3 4 5 6",
    "NEW": "1 2 3 4",
    "OLD": "",
    "RECENT": "1 2 3 4 5 6",
    "2:3,6": "2 3 6",
    "5:*": "5 6",
    "1:* NOT 2": "1 3 4 5 6",
    "99": "",
    "UID 4:99": "4 5 6",
    "UID *": "6",
    "NOT UID 1:4": "5 6",
    "LARGER 80000": "5",
    "SMALLER 150": "6",
    "BEFORE 21-Nov-2026": "1",
    "ON 21-Nov-2026": "2",
    "SINCE 22-Nov-2026": "3 4 5 6",
    "ON 23-Nov-2026": "4",  # the day in the zone of the message, not in UTC
    "SENTON 24-Nov-2026": "1 2 5",
    "SENTON 25-Nov-2026": "4",
    "SENTSINCE 25-Nov-2026": "4",
    "SENTBEFORE 1-Jan-2030": "1 2 4 5",  # 3 and 6 name no date
    "NOT SENTBEFORE 1-Jan-2030": "3 6",
    "SUBJECT friday": "1",
    'SUBJECT "large and"': "5",
    'SUBJECT "GRÜSSE FROM COLOGNE"': "",  # sharp s has no simple capital
    'SUBJECT "grüße from cologne"': "2",
    'FROM "ann <ANN@"': "1 2 3 4 5",
    "TO alice": "1 2 3 4 5",
    "CC bob": "3",
    "BCC hidden": "6",
    'HEADER CC ""': "3",
    'HEADER X-Spam ""': "4",
    "HEADER x-spam NO": "4",
    "HEADER Delivered-To alice": "1 2 3 4 5 6",
    "HEADER Message-ID elsewhere.test": "1 2 3 4 5",
    "BODY needle": "1 5",
    "BODY needless": "5",
    'BODY "a long line"': "2",
    "BODY KÖLN": "2",
    "BODY äpwälder": "2",
    "BODY hidden": "",
    "BODY friday": "",
    "TEXT friday": "1",
    "TEXT needle": "1 5",
    "TEXT köln": "2",
    'TEXT "subject: grüße"': "2",
    'BODY ""': "1 2 3 4 5 6",
    "NOT BODY needle": "2 3 4 6",
    "OR BODY needle SUBJECT late": "1 4 5",
    "OR SEEN NOT BODY morning": "1 2 5 6",
    "OR (SEEN BODY needle) (CC bob UNSEEN)": "3 5",
    "NOT (OR SEEN DELETED)": "2 3 4",
    "BODY needle LARGER 80000 SUBJECT large": "5",
    "NOT OR HEADER X-Spam no BODY needle": "2 3 6",
}


async def test_known_answers(opened: Client) -> None:
    found = {keys: await opened.ok(_literals(f"CHARSET UTF-8 {keys}")) for keys in ANSWERS}
    assert found == {
        keys: [f"* SEARCH {numbers}".strip().encode()] for keys, numbers in ANSWERS.items()
    }
    # A line end is text like any other.
    assert await opened.ok(b"SEARCH BODY {8}\r\nneedle\r\n") == [b"* SEARCH 1"]


def _literals(keys: str) -> bytes:
    """The command, 8-bit strings as literals."""

    def literal(found: re.Match[str]) -> str:
        value = found[0].strip('"')
        return f"{{{len(value.encode())}}}\r\n{value}"

    return b"SEARCH " + _EIGHT_BIT.sub(literal, keys).encode()


_EIGHT_BIT = re.compile(r'"[^"]*[^\x00-\x7f"][^"]*"|[^\s"]*[^\x00-\x7f][^\s"]*')


async def test_uid_search_answers_in_uids(opened: Client) -> None:
    await opened.ok(b"EXPUNGE")
    assert await opened.ok(b"SEARCH SUBJECT late") == [b"* SEARCH 3"]
    assert await opened.ok(b"UID SEARCH SUBJECT late") == [b"* SEARCH 4"]
    assert await opened.ok(b"UID SEARCH 1:2") == [b"* SEARCH 2 3"]


async def test_an_empty_mailbox_has_nothing_to_find(client: Client) -> None:
    await client.ok(b"SELECT INBOX")
    for keys in (b"ALL", b"1:* NOT DELETED", b"BODY x", b"NOT BODY x", b"UID *"):
        assert await client.ok(b"SEARCH " + keys) == [b"* SEARCH"]


async def test_charsets(opened: Client) -> None:
    (answer,) = await opened.do(b"SEARCH CHARSET X-UNKNOWN SUBJECT x")
    assert answer.startswith(b"a NO [BADCHARSET (US-ASCII UTF-8")
    (answer,) = await opened.do(b"SEARCH CHARSET UTF-8 SUBJECT {1}\r\n\xff")
    assert answer.startswith(b"a NO A string")
    assert await opened.ok(b"SEARCH CHARSET iso-8859-1 BODY {4}\r\nK\xf6ln") == [b"* SEARCH 2"]
    # QUIRKS: clients send UTF-8 without saying so
    assert await opened.ok(b"SEARCH BODY {5}\r\nK\xc3\xb6ln") == [b"* SEARCH 2"]
    assert await opened.ok(b"SEARCH CHARSET US-ASCII SUBJECT lunch") == [b"* SEARCH 1"]


async def test_a_header_too_large_for_the_row_is_searched_all_the_same(client: Client) -> None:
    many = "".join(f"References: <{n:060d}@x>\r\n" for n in range(600))
    await client.deliver(message("large", extra=many + "Reply-To: zoe@x\r\n"))
    await client.deliver(message("other"))
    await client.ok(b"SELECT INBOX")
    assert await client.ok(b"SEARCH HEADER Reply-To zoe") == [b"* SEARCH 1"]
    assert await client.ok(b"SEARCH NOT SUBJECT large") == [b"* SEARCH 2"]


async def test_large_messages_are_searched_by_their_texts(client: Client) -> None:
    attachment = "QUJD\r\n" * 200_000
    body = f"--x\r\n\r\nthe needle\r\n--x\r\nContent-Type: image/png\r\n\r\n{attachment}--x--\r\n"
    await client.deliver(message(extra="Content-Type: multipart/mixed; boundary=x\r\n", body=body))
    await client.ok(b"SELECT INBOX")
    assert await client.ok(b"SEARCH BODY needle") == [b"* SEARCH 1"]
    assert await client.ok(b"SEARCH BODY qujd") == [b"* SEARCH"]
    assert await client.ok(b"SEARCH TEXT greetings") == [b"* SEARCH 1"]


async def test_bounces_and_forwarded_messages_are_searched(client: Client) -> None:
    report = (
        "--x\r\n\r\nYour mail came back.\r\n"
        "--x\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; mx.remote.test\r\n\r\nStatus: 5.1.1\r\n"
        '--x\r\nContent-Type: message/rfc822; name="first.eml"\r\n\r\n'
        "Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?= from afar\r\nX-Ticket: 4711\r\n\r\nlost words\r\n"
        "--x--\r\n"
    )
    kind = "Content-Type: multipart/report; boundary=x\r\n"
    await client.deliver(message("came back", extra=kind, body=report))
    await client.ok(b"SELECT INBOX")
    for needle in ("mx.remote.test", "5.1.1", "grüße from", "x-ticket: 4711", "lost words"):
        for key in ("BODY", "TEXT"):
            line = f'SEARCH {key} "{needle}"'.encode()
            assert await client.ok(line) == [b"* SEARCH 1"], line
    # the name of a file stands in the header of a part
    assert await client.ok(b"SEARCH TEXT first.eml") == [b"* SEARCH 1"]
    assert await client.ok(b"SEARCH BODY first.eml") == [b"* SEARCH"]
    # the message's own fields are not of its body
    assert await client.ok(b"SEARCH BODY alice@example.test") == [b"* SEARCH"]


async def test_messages_that_others_expunged_are_looked_up_by_uid(
    shared: Services, opened: Client
) -> None:
    other = await Client.login(shared)
    await other.ok(b"SELECT INBOX")
    await other.ok(b"EXPUNGE")
    await opened.ok(b"FETCH 2 UID")
    assert await opened.ok(b"SEARCH SUBJECT late") == [b"* SEARCH 4"]
    async with shared.node.database.connection() as c:
        await c.execute("DELETE FROM message WHERE static LIKE '%Lunch%'")
    shared.messages = MessageCache(shared.node.database, 1 << 20)
    assert await opened.ok(b"SEARCH NOT SUBJECT late") == [b"* SEARCH 2 3 5 6"]
    # A command by UID may tell that message 1 is gone.
    assert (await opened.ok(b"UID SEARCH NOT SUBJECT late"))[0] == b"* SEARCH 2 3 5 6"


async def test_others_have_their_turn_while_bodies_are_searched(client: Client) -> None:
    contents = [message(f"m{n}", body="lorem ipsum dolor\r\n" * 4000) for n in range(60)]
    await asyncio.gather(*(client.deliver(content) for content in contents))
    await client.ok(b"SELECT INBOX")
    longest, stop = 0.0, False

    async def watch() -> None:
        nonlocal longest
        loop = asyncio.get_running_loop()
        while not stop:
            before = loop.time()
            await asyncio.sleep(0.001)
            longest = max(longest, loop.time() - before)

    watching = asyncio.create_task(watch())
    assert await client.ok(b"SEARCH BODY absent") == [b"* SEARCH"]
    stop = True
    await watching
    assert longest < 0.25


# ── a naive evaluation as the oracle ─────────────────────────────────────────────────────────

DAY = date(2026, 1, 10)
TEXTS = st.text("aAbB éÉ\r", max_size=6).map(lambda text: text.replace("\r", "\r\n"))
LINES = st.text("aAbBéÉ", min_size=1, max_size=8)


@dataclass
class Sample:
    """A message and what is true of it."""

    subject: str
    cc: str | None
    body: str
    encoding: str
    mark: int
    word: int
    internal: date
    sent: date | None
    saved: date
    kept: bool  # the row has the usual header fields

    def day(self, field: DateField) -> date | None:
        days = {DateField.INTERNAL: self.internal, DateField.SENT: self.sent}
        return days.get(field, self.saved)

    def content(self) -> bytes:
        made = email.message.EmailMessage(policy=email.policy.SMTP)
        made["Subject"] = self.subject
        made["X-Other"] = self.subject[::-1]
        if self.cc is not None:
            made["Cc"] = f"{self.cc}@x"
        if self.sent is not None:
            made["Date"] = f"{self.sent:%d %b %Y} 23:30:00 -0800"
        made.set_content(self.body, cte=self.encoding, charset="utf-8")
        return made.as_bytes()

    def row(self, key: int) -> MessageRow:
        found = digest(self.content())
        moment = datetime(self.internal.year, self.internal.month, self.internal.day, tzinfo=UTC)
        date_text = format_internaldate(moment).encode()
        ready = (date_text, found.size, found.envelope)
        static = b'INTERNALDATE "%b" RFC822.SIZE %d ENVELOPE %b' % ready
        fields = found.fields if self.kept else None
        return MessageRow(
            *(key, key, b"", found.size, moment, static, found.body, found.bodystructure),
            *(fields, found.parts, found.sent, key),
        )


DAYS = st.integers(0, 4).map(lambda days: DAY + timedelta(days))
SAMPLES = st.builds(
    Sample,
    subject=LINES,
    cc=st.one_of(st.none(), st.sampled_from(["ab", "BA"])),
    body=TEXTS,
    encoding=st.sampled_from(["8bit", "quoted-printable", "base64"]),
    mark=st.integers(0, 63),
    word=st.integers(0, 3),
    internal=DAYS,
    sent=st.one_of(st.none(), DAYS),
    saved=DAYS,
    kept=st.booleans(),
)
SETS = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), min_size=1, max_size=3).map(
    SequenceSet.of
)
NEEDLES = st.text("aAbBéÉ", max_size=2).map(str.encode)
FLAGS = (
    "\\Seen",
    "\\Answered",
    "\\Flagged",
    "\\Deleted",
    "\\Draft",
    "\\Recent",
    "one",
    "TWO",
    "no",
)
AGES = st.integers(0, 4).map(lambda days: int((NOW.date() - DAY).days - days) * 86400 + 4 * 3600)
LEAVES: st.SearchStrategy[SearchKey] = st.one_of(
    st.builds(AllKey),
    st.builds(FlagKey, st.sampled_from(FLAGS), st.booleans()),
    st.builds(SequenceKey, SETS),
    st.builds(UidKey, SETS),
    st.builds(SizeKey, st.sampled_from([Order.LESS, Order.GREATER]), st.integers(150, 300)),
    st.builds(
        DateKey,
        st.sampled_from(DateField),
        st.sampled_from([Order.LESS, Order.EQUAL, Order.NOT_LESS]),
        DAYS,
    ),
    st.builds(AgeKey, st.sampled_from([Order.LESS, Order.GREATER]), AGES),
    st.builds(HeaderKey, st.sampled_from([b"SUBJECT", b"CC", b"X-OTHER"]), NEEDLES),
    st.builds(TextKey, st.just(TextScope.BODY), NEEDLES),
)
KEYS: st.SearchStrategy[SearchKey] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(NotKey, inner),
        st.builds(OrKey, inner, inner),
        st.lists(inner, min_size=2, max_size=3).map(lambda keys: AndKey(tuple(keys))),
    ),
    max_leaves=6,
)


def naive(key: SearchKey, number: int, sample: Sample) -> bool:
    """What RFC 3501 §6.4.4 says, message by message; UIDs are twice the numbers."""
    match key:
        case NotKey():
            return not naive(key.key, number, sample)
        case OrKey():
            return naive(key.left, number, sample) or naive(key.right, number, sample)
        case AndKey():
            return all(naive(one, number, sample) for one in key.keys)
        case FlagKey():
            place = FLAGS.index(key.flag)
            flags = sample.mark | sample.word << 6
            return bool(flags >> place & 1) is key.present
        case SequenceKey():
            return any(low <= number <= high for low, high in key.numbers.ranges)
        case UidKey():
            return any(low <= 2 * number <= high for low, high in key.uids.ranges)
        case SizeKey():
            size = len(sample.content())
            return size < key.size if key.order is Order.LESS else size > key.size
        case DateKey():
            day = sample.day(key.field)
            return day is not None and _compared(key.order)(day, key.day)
        case AgeKey():
            age = NOW - datetime(
                sample.internal.year, sample.internal.month, sample.internal.day, tzinfo=UTC
            )
            # RFC 5032 §3: just as old counts both ways.
            seconds = age.total_seconds()
            return seconds >= key.seconds if key.order is Order.GREATER else seconds <= key.seconds
        case HeaderKey():
            values = {
                b"SUBJECT": sample.subject,
                b"CC": sample.cc,
                b"X-OTHER": sample.subject[::-1],
            }
            value = values[key.name]
            return value is not None and key.value.decode().upper() in f"{value}@X".upper()
        case TextKey():
            return key.value.decode().upper() in sample.body.upper()
    return True


def _compared(order: Order) -> Callable[[date, date], bool]:
    return {
        Order.LESS: date.__lt__,
        Order.EQUAL: date.__eq__,
        Order.NOT_LESS: date.__ge__,
    }[order]


@given(st.lists(SAMPLES, max_size=6), KEYS)
@settings(max_examples=400, deadline=None)
def test_the_stages_agree_with_a_naive_evaluation(samples: list[Sample], key: SearchKey) -> None:
    count = len(samples)
    picked = Picked(
        range(1, count + 1),
        [2 * number for number in range(1, count + 1)],
        bytearray(sample.mark for sample in samples),
        [sample.word for sample in samples],
        range(count),
    )
    came = {
        (one.order, one.day): {
            uid
            for uid, sample in zip(picked.uids, samples, strict=True)
            if _compared(one.order)(sample.saved, one.day)
        }
        for one in each_key(key)
        if isinstance(one, DateKey) and one.field is DateField.SAVED
    }
    ground = Ground(picked, 1, count, 2 * count, ["one", "two"], "utf-8", NOW, came=came)
    test = compiled(key, ground)
    expected = {n - 1 for n, sample in enumerate(samples, 1) if naive(key, n, sample)}
    surely, undecided = divide(test, count)
    assert set(surely) <= expected <= {*surely, *undecided}
    found = set(surely)
    for place in undecided:
        sample, content = samples[place], samples[place].content()
        facts = Facts(place, sample.row(place))
        answers = [test.answer(facts)]
        if not sample.kept or Stage.HEADER in test.stages:
            facts.header = content.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
            answers.append(test.answer(facts))
        table = PartTable.decode(facts.row.parts)
        facts.content = [(one, content[one.start : one.end]) for one in readable(table)]
        answers.append(test.answer(facts))
        # What is decided stays decided, and in the end everything is.
        assert answers[-1] is not None
        assert {answer for answer in answers if answer is not None} == {answers[-1]}
        if answers[-1]:
            found.add(place)
    assert found == expected
