"""SEARCH answers the same with the text index, without it, and while it is made."""

import random
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

import imap.commands.search
import imap.searching.index
from imap.protocol.errors import ParseError
from imap.session import Services
from mailserver.indexing import Indexer
from mailserver.mail.digest import digest
from mailserver.mail.parts import PartTable
from mailserver.mail.text import field_texts, fold, readable, stretch_text
from tests.support.imap_session import Client, message
from tests.support.odd_letters import letter

SUITE = Path(__file__).parents[2].parent / "shared" / "suites"


@pytest.fixture(autouse=True)
def _few_messages_are_many_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap.commands.search, "FEW", 0)
    monkeypatch.setattr(imap.searching.index, "_ROUNDS", (1, 2, None))
    monkeypatch.setattr(imap.searching.index, "_REST", 2)


def indexer(shared: Services, limit: int = 1 << 20) -> Indexer:
    return Indexer(shared.node.database, shared.node.blobs, limit)


def turn(shared: Services, *, on: bool) -> None:
    node = shared.node
    search = msgspec.structs.replace(node.settings.search, index=on)
    node.settings = msgspec.structs.replace(node.settings, search=search)


def line(key: str, needle: str) -> bytes:
    raw = needle.encode()
    return b"SEARCH CHARSET UTF-8 %b {%d}\r\n%b" % (key.encode(), len(raw), raw)


async def answers(client: Client, needles: Iterable[str]) -> dict[tuple[str, str], bytes]:
    keys = ("BODY", "TEXT", "NOT BODY", "OR SEEN TEXT", "FUZZY BODY", "FUZZY TEXT")
    return {
        (key, needle): b"".join(await client.ok(line(key, needle)))
        for needle in needles
        for key in keys
    }


def texts(content: bytes) -> list[str]:
    found = PartTable.decode(digest(content).parts)
    header = content[: found.parts[0].body]
    return [
        *field_texts(header),
        *(fold(stretch_text(content[one.start : one.end], one)) for one in readable(found)),
    ]


def cut(source: random.Random, letters: list[bytes], count: int) -> list[str]:
    """Needles out of the texts, of some lengths, and others that are nowhere."""
    every = [text for content in letters for text in texts(content) if text]
    needles = ["", " ", "\r\n", "%", "_", "\\", "x", "zq", "no such words", "\u0301", "é "]
    while len(needles) < count:
        text = source.choice(every)
        start = source.randrange(len(text))
        needle = text[start : start + source.choice((1, 2, 3, 5, 9, 20))]
        needles.append(needle.lower() if source.random() < 0.3 else needle)
        if source.random() < 0.3:
            needles.append(needle + "q")
    return needles


@pytest.mark.parametrize("seed", range(3))
async def test_the_index_answers_as_reading_does(
    shared: Services, client: Client, seed: int
) -> None:
    source = random.Random(seed)
    letters = [letter(source) for _ in range(24)]
    needles = cut(source, letters, 40)
    for content in letters[:12]:
        await client.deliver(content, flags=source.randint(0, 1))
    await client.ok(b"SELECT INBOX")
    assert await indexer(shared).index_all() == 12
    for content in letters[12:]:
        await client.deliver(content)
    await client.ok(b"NOOP")
    turn(shared, on=False)
    read = await answers(client, needles)
    turn(shared, on=True)
    assert await answers(client, needles) == read  # half of it
    assert await indexer(shared, limit=200).index_all() == 12  # some only in part
    assert await answers(client, needles) == read
    await client.ok(b"STORE 3:7,20 +FLAGS.SILENT (\\Deleted)")
    await client.ok(b"EXPUNGE")
    turn(shared, on=False)
    read = await answers(client, needles)
    turn(shared, on=True)
    assert await answers(client, needles) == read


async def test_odd_mail_is_found_as_by_reading(shared: Services, client: Client) -> None:
    letters = [path.read_bytes() for path in sorted(SUITE.glob("mime/*/*.eml"))]
    if not letters:
        pytest.skip("the public MIME suite is not at ../shared/suites/mime")
    for content in letters:
        await client.deliver(content)
    await client.ok(b"SELECT INBOX")
    needles = cut(random.Random(7), letters, 50)
    turn(shared, on=False)
    read = await answers(client, needles)
    turn(shared, on=True)
    await indexer(shared).index_all()
    assert await answers(client, needles) == read


async def test_an_exact_answer_reads_no_message(shared: Services, client: Client) -> None:
    for number in range(30):
        await client.deliver(message(f"n{number}", body=f"word{number} and more\r\n"))
    await client.ok(b"SELECT INBOX")
    await indexer(shared).index_all()
    await shared.node.database.execute("DELETE FROM spool")
    assert await client.ok(b"SEARCH BODY ORD7") == [b"* SEARCH 8"]
    assert await client.ok(b"SEARCH TEXT n2") == [
        b"* SEARCH 3 21 22 23 24 25 26 27 28 29 30",
    ]
    assert await client.ok(b"SEARCH NOT BODY d1") == [
        b"* SEARCH 1 3 4 5 6 7 8 9 10 21 22 23 24 25 26 27 28 29 30",
    ]


async def test_what_most_messages_hold_is_known_without_looking_at_every_word(
    shared: Services, client: Client
) -> None:
    for number in range(40):
        body = " ".join(f"{number}a{k}" for k in range(60)) if number else "none"
        await client.deliver(message(body=body + "\r\n"))
    await client.ok(b"SELECT INBOX")
    await indexer(shared).index_all()
    answer = b" ".join(b"%d" % n for n in range(2, 41))
    assert await client.ok(b"SEARCH BODY a") == [b"* SEARCH " + answer]
    assert await client.ok(b"SEARCH BODY a5") == [b"* SEARCH " + answer]


async def test_fuzzy_takes_beginnings_of_words_in_any_order(
    shared: Services, client: Client
) -> None:
    await client.deliver(message("breaking IMAP", body="Grüße aus Köln\r\n"))
    await client.deliver(message("IMAP is broken", body="greetings from Cologne\r\n"))
    await client.deliver(message("steak", sender="Zoë <zoe@far.test>", body="x\r\n"))
    await client.ok(b"SELECT INBOX")
    expected = {
        "FUZZY SUBJECT {10}\r\nimap break": b"1",
        "FUZZY SUBJECT bro": b"2",
        "SUBJECT {10}\r\nimap break": b"",
        "FUZZY FROM zoe": b"3",
        "FUZZY BODY {8}\r\nkoln gru": b"1",
        "BODY koln": b"",
        "FUZZY BODY eetings": b"",
        "FUZZY TEXT {12}\r\ncologne imap": b"2",
        "FUZZY NOT BODY gr": b"3",
        "FUZZY (BODY gr SUBJECT brok)": b"2",
        "FUZZY SEEN": b"",
        "FUZZY BODY !": b"",
        'FUZZY BODY ""': b"1 2 3",
    }
    for _ in range(2):
        for keys, numbers in expected.items():
            (answer,) = await client.ok(b"SEARCH " + keys.encode())
            assert answer == (b"* SEARCH " + numbers).strip(), keys
        await indexer(shared).index_all()
    assert b"SEARCH=FUZZY" in b"".join(await client.ok(b"CAPABILITY"))
    for keys in (b"FUZZY", b"FUZZY FUZZY", b"FUZZY BODY", b"(FUZZY)"):
        with pytest.raises(ParseError):
            await client.do(b"SEARCH " + keys)


async def test_another_mailbox_answers_nothing(shared: Services, client: Client) -> None:
    other = await Client.login(shared, "bob@example.test")
    await client.deliver(message(body="secret\r\n"))
    await other.deliver(message(body="nothing\r\n"))
    await indexer(shared).index_all()
    await other.ok(b"SELECT INBOX")
    assert await other.ok(b"SEARCH TEXT secret") == [b"* SEARCH"]
