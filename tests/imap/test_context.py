"""Results that are kept up to date (RFC 5267): what a client hears is what it would find."""

import asyncio
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.searching import contexts
from imap.session import Services
from mailserver.errors import StorageUnavailable
from tests.support.elsewhere import elsewhere
from tests.support.imap_client import Client
from tests.support.imap_session import Client as Session
from tests.support.imap_session import message as letter
from tests.support.store import message

__all__ = ["elsewhere"]


@pytest.fixture
async def opened(client: Session) -> Session:
    """Four messages, of which 2 and 4 are flagged."""
    for number in range(1, 5):
        await client.deliver(letter(f"number {number}", body=f"word{number} and all\r\n"))
    await client.ok(b"SELECT INBOX")
    await client.ok(b"STORE 2,4 +FLAGS.SILENT (\\Flagged)")
    return client


# ── one session ──────────────────────────────────────────────────────────────────────────────────


async def test_numbers_of_what_comes_follow_exists_and_of_what_goes_precede_expunge(
    opened: Session,
) -> None:
    assert await opened.ok(b"SEARCH RETURN (UPDATE COUNT) FLAGGED") == [
        b'* ESEARCH (TAG "a") COUNT 2'
    ]
    assert await opened.ok(b"STORE 3 +FLAGS (\\Flagged)") == [
        b"* 3 FETCH (FLAGS (\\Flagged \\Recent))",
        b'* ESEARCH (TAG "a") ADDTO (0 3)',
    ]
    await opened.ok(b"STORE 1,2 +FLAGS.SILENT (\\Deleted)")
    await opened.deliver(letter("new"), flags=4)
    assert await opened.ok(b"EXPUNGE") == [
        b'* ESEARCH (TAG "a") REMOVEFROM (0 2)',
        *(b"* 2 EXPUNGE", b"* 1 EXPUNGE", b"* 3 EXISTS", b"* 3 RECENT"),
        b'* ESEARCH (TAG "a") ADDTO (0 3)',
    ]
    # What is expunged elsewhere stays, as its number does, until it may be told.
    assert await opened.ok(b"SEARCH RETURN (COUNT) FLAGGED") == [b'* ESEARCH (TAG "a") COUNT 3']


async def test_texts_are_read_of_what_came_alone(
    opened: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened.ok(b"UID SEARCH RETURN (UPDATE ALL) NOT BODY word2")
    read: list[int] = []
    load = opened.session.services.messages.read

    async def counted(ids: list[int]) -> object:
        read.extend(ids)
        return await load(ids)

    monkeypatch.setattr(opened.session.services.messages, "read", counted)
    await opened.deliver(letter("new", body="word2\r\n"))
    await opened.deliver(letter("new", body="word6\r\n"))
    lines = await opened.ok(b"NOOP")
    assert lines[-1] == b'* ESEARCH (TAG "a") UID ADDTO (0 6)'
    assert len(read) == 2
    # Nothing that can be told of it: its text stays.
    assert b"ESEARCH" not in b"".join(await opened.ok(b"NOOP"))
    assert len(read) == 2


async def test_a_sorted_result_tells_positions(opened: Session) -> None:
    assert await opened.ok(b"UID SORT RETURN (UPDATE ALL) (REVERSE SUBJECT) UTF-8 UNSEEN") == [
        b'* ESEARCH (TAG "a") UID ALL 4,3,2,1'
    ]
    assert (await opened.ok(b"STORE 1:2,4 +FLAGS.SILENT (\\Seen)")) == [
        b'* ESEARCH (TAG "a") UID REMOVEFROM (3 2,1 1 4)'
    ]
    await opened.deliver(letter("number 35"))
    await opened.deliver(letter("number 25"))
    await opened.deliver(letter("number 35"))
    assert (await opened.ok(b"UID STORE 2 -FLAGS.SILENT (\\Seen)"))[-1] == (
        b'* ESEARCH (TAG "a") UID ADDTO (1 5,7 4 6,2)'
    )


async def test_what_is_not_kept_up_to_date_is_refused(
    opened: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for criteria in (b"YOUNGER 60", b"NOT 2", b"UID 2:*", b"$", b"OR UID $ SEEN"):
        command = b"UID SEARCH RETURN (UPDATE COUNT) " + criteria
        counted, refusal = await opened.ok(command)
        assert counted.startswith(b'* ESEARCH (TAG "a") UID COUNT ')
        assert refusal.startswith(b'* NO [NOUPDATE "a"] ')
    assert len(await opened.ok(b"SEARCH RETURN (UPDATE COUNT) 1:* UID 1:* UID 1:9")) == 1
    assert (await opened.do(b"SEARCH RETURN (UPDATE) ALL"))[-1].startswith(b"a BAD ")
    assert (await opened.do(b'CANCELUPDATE "a" "b"'))[-1].startswith(b"a BAD ")
    await opened.ok(b'CANCELUPDATE "a"')
    assert opened.session.mailbox().contexts is None
    # RFC 5267 §4.3.1: one of any size, and further ones as there is room.
    monkeypatch.setattr(contexts, "MOST_MESSAGES", 3)
    assert len(await opened.ok(b"SEARCH RETURN (UPDATE COUNT) ALL")) == 1
    kept = opened.session.mailbox().contexts
    assert kept is not None
    kept.by_tag[b"b"] = kept.by_tag.pop(b"a")
    assert b"[NOUPDATE" in (await opened.ok(b"SEARCH RETURN (UPDATE COUNT) SEEN"))[-1]
    await opened.ok(b'CANCELUPDATE "b"')
    large, small = [
        b"".join(await opened.ok(b"SORT RETURN (UPDATE) (DATE) UTF-8 " + criteria))
        for criteria in (b"ALL", b"FLAGGED")
    ]
    assert b"[NOUPDATE" in large
    assert b"[NOUPDATE" not in small


async def test_another_selection_ends_the_updates(opened: Session) -> None:
    await opened.ok(b"SEARCH RETURN (UPDATE) FLAGGED")
    await opened.ok(b"SELECT INBOX")
    assert await opened.ok(b"STORE 1 +FLAGS.SILENT (\\Flagged)") == []
    await opened.ok(b"SEARCH RETURN (UPDATE) FLAGGED")
    await opened.ok(b"ENABLE UIDONLY")
    assert await opened.ok(b"UID STORE 1 -FLAGS.SILENT (\\Flagged)") == []  # RFC 9586 §3


async def test_what_could_not_be_read_is_looked_at_again(
    opened: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened.ok(b"UID SEARCH RETURN (UPDATE) SUBJECT new")
    await opened.deliver(letter("new"))

    async def away(ids: list[int]) -> object:
        raise StorageUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(opened.session.services.messages, "read", away)
        assert await opened.ok(b"NOOP") == [b"* 5 EXISTS", b"* 5 RECENT"]
    assert await opened.ok(b"NOOP") == [b'* ESEARCH (TAG "a") UID ADDTO (0 5)']
    assert await opened.ok(b"NOOP") == []


async def test_what_vanishes_is_taken_out_before(opened: Session) -> None:
    await opened.ok(b"ENABLE QRESYNC")
    await opened.ok(b"UID SORT RETURN (UPDATE) (SUBJECT) UTF-8 ALL")
    await opened.ok(b"STORE 2:3 +FLAGS.SILENT (\\Deleted)")
    assert await opened.ok(b"EXPUNGE") == [
        *(b'* ESEARCH (TAG "a") UID REMOVEFROM (2 2:3)', b"* VANISHED 2:3")
    ]


# ── several sessions and processes ───────────────────────────────────────────────────────────────


async def test_an_idle_client_is_told_what_another_process_does(
    alice: Client, elsewhere: Client
) -> None:
    for _ in range(3):
        await alice.append("INBOX", message())
    await elsewhere.do("SELECT INBOX")
    await alice.do("SELECT INBOX")
    alice.send(b"B01 UID SEARCH RETURN (UPDATE COUNT) UNSEEN SUBJECT one\r\n")
    [line] = (await alice.reply(b"B01")).lines
    assert line == b'* ESEARCH (TAG "B01") UID COUNT 0'
    alice.send(b"i1 IDLE\r\n")
    assert (await alice.line()).startswith(b"+ ")
    await elsewhere.append("INBOX", b"Subject: one\r\n\r\nx\r\n")
    assert await alice.line() == b"* 4 EXISTS"
    assert (await alice.line()).endswith(b"RECENT")
    assert await alice.line() == b'* ESEARCH (TAG "B01") UID ADDTO (0 4)'
    await elsewhere.do("STORE 4 +FLAGS.SILENT (\\Seen \\Deleted)")
    assert (await alice.line()).startswith(b"* 4 FETCH ")
    assert await alice.line() == b'* ESEARCH (TAG "B01") UID REMOVEFROM (0 4)'
    await elsewhere.do("STORE 4 -FLAGS.SILENT (\\Seen)")
    assert (await alice.line()).startswith(b"* 4 FETCH ")
    assert await alice.line() == b'* ESEARCH (TAG "B01") UID ADDTO (0 4)'
    await elsewhere.do("EXPUNGE")
    assert await alice.line() == b'* ESEARCH (TAG "B01") UID REMOVEFROM (0 4)'
    assert await alice.line() == b"* 4 EXPUNGE"
    alice.send(b"DONE\r\n")
    assert (await alice.reply(b"i1")).lines == []


async def test_a_client_with_notify_is_told_between_commands(
    alice: Client, elsewhere: Client
) -> None:
    await alice.do("SELECT INBOX")
    await alice.do("NOTIFY SET (selected (MessageNew MessageExpunge))")
    alice.send(b"B01 SEARCH RETURN (UPDATE COUNT) FLAGGED\r\n")
    await alice.reply(b"B01")
    await elsewhere.append("INBOX", message(), "(\\Flagged) ")
    assert [await alice.line() for _ in range(3)] == [
        *(b"* 1 EXISTS", b"* 1 RECENT", b'* ESEARCH (TAG "B01") ADDTO (0 1)')
    ]


async def test_idle_with_a_result_ends_with_its_mailbox(alice: Client, elsewhere: Client) -> None:
    await alice.do("CREATE Work")
    await alice.do("SELECT Work")
    await alice.do("SEARCH RETURN (UPDATE) ALL")
    alice.send(b"i1 IDLE\r\n")
    await alice.line()
    await elsewhere.do("DELETE Work")
    assert (await alice.line()).startswith(b"* BYE ")


# ── the client's list is the server's ────────────────────────────────────────────────────────────

_ITEM = re.compile(rb"(REMOVEFROM|ADDTO) \(([^)]*)\)")


class Kept:
    """What a client keeps of its results by what it is told, by number or UID."""

    def __init__(self, session: Session, shared: Services) -> None:
        self.session, self.shared = session, shared
        self.results: dict[bytes, list[int]] = {}
        self.by_number: set[bytes] = set()

    async def open(self, tag: bytes, command: bytes) -> None:
        [line] = await self.session.ok(command)
        _, _, all_ = line.partition(b" ALL ")
        self.results[tag] = numbers(all_)
        if b"UID" not in command[:4]:
            self.by_number.add(tag)
        kept = self.session.session.mailbox().contexts
        assert kept is not None
        kept.by_tag[tag] = kept.by_tag.pop(b"a")

    def hear(self, line: bytes) -> None:
        if found := re.fullmatch(rb"\* (\d+) EXPUNGE", line):
            gone = int(found[1])
            for tag in self.by_number:
                assert gone not in self.results[tag], line  # told before
                self.results[tag] = [n - (n > gone) for n in self.results[tag]]
        elif named := re.match(rb'\* ESEARCH \(TAG "(.)"\)', line):
            result = self.results[named[1]]
            for what, pairs in _ITEM.findall(line):
                words = pairs.split()
                for place, some in zip(words[::2], words[1::2], strict=True):
                    change(result, what == b"ADDTO", int(place), numbers(some))


def numbers(text: bytes) -> list[int]:
    found: list[int] = []
    for piece in text.split(b",") if text else []:
        low, _, high = piece.partition(b":")
        found += range(int(low), int(high or low) + 1)
    return found


def change(result: list[int], adds: bool, place: int, some: list[int]) -> None:
    """RFC 5267 §4.3.3, §4.3.4"""
    assert adds is set(result).isdisjoint(some)
    if adds and place:
        result[place - 1 : place - 1] = some
    elif adds:
        result[:] = sorted(result + some)
    else:
        if place:
            assert result[place - 1 : place - 1 + len(some)] == some
        assert set(some) <= set(result)
        result[:] = [one for one in result if one not in some]


COMMANDS = {
    b"1": b"SEARCH RETURN (UPDATE ALL) OR FLAGGED SUBJECT 3",
    b"2": b"UID SEARCH RETURN (UPDATE ALL) UNSEEN NOT BODY even",
    b"3": b"UID SORT RETURN (UPDATE ALL) (SUBJECT REVERSE ARRIVAL) UTF-8 UNFLAGGED",
    b"4": b"SORT RETURN (UPDATE ALL) (REVERSE SUBJECT) UTF-8 OR SEEN FUZZY TEXT odd",
}


async def act(chance: random.Random, who: Session, number: int) -> list[bytes]:
    """Something, by who may have other numbers in mind."""
    what = chance.choice([b"+FLAGS", b"-FLAGS", b"+FLAGS.SILENT", b"-FLAGS.SILENT"])
    flag = chance.choice([b"\\Flagged", b"\\Seen", b"\\Deleted"])
    low = chance.randint(1, 12)
    do = chance.randint(0, 9)
    if do < 2:
        parity = ("even", "odd")[number % 2]
        await who.deliver(letter(f"{chance.randint(1, 5)}", body=f"{parity}\r\n"))
        return []
    if do < 7:
        found = await who.ok(b"UID SEARCH UID %d:%d" % (low, low + 4))
        lines = await who.ok(b"UID STORE %d:%d %b (%b)" % (low, low + 4, what, flag))
        return [*found, *lines]
    return await who.ok((b"EXPUNGE", b"NOOP", b"SEARCH ALL")[do - 7])


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_told_makes_what_a_search_would_find(shared: Services, seed: int) -> None:
    chance = random.Random(seed)
    watching, other = await Session.login(shared), await Session.login(shared)
    for number in range(8):
        await watching.deliver(letter(f"{number}", body=("even", "odd")[number % 2] + "\r\n"))
    await watching.ok(b"SELECT INBOX")
    await other.ok(b"SELECT INBOX")
    kept = Kept(watching, shared)
    for tag, command in COMMANDS.items():
        await kept.open(tag, command)
    changes = 0
    for number in range(60):
        who = chance.choice([watching, other])
        for line in await act(chance, who, number):
            if who is watching:
                kept.hear(line)
                changes += b"ESEARCH" in line
        if number % 5 == 0:
            for line in await watching.ok(b"NOOP"):
                kept.hear(line)
            for tag, command in COMMANDS.items():
                [fresh] = await watching.ok(command.replace(b"UPDATE ", b""))
                _, _, all_ = fresh.partition(b" ALL ")
                assert kept.results[tag] == numbers(all_), (tag, number)
        await asyncio.sleep(0)
    assert changes > 10


@given(st.lists(st.tuples(st.booleans(), st.sets(st.integers(1, 40)))))
def test_positions_lead_from_one_sorted_result_to_the_next(
    steps: list[tuple[bool, set[int]]],
) -> None:
    def rank(uid: int) -> tuple[int, int, int]:
        return uid % 3, -(uid % 5), uid

    result = contexts.Sorted([])
    kept: list[int] = []
    expected: set[int] = set()
    for adds, uids in steps:
        told = result.with_(map(rank, uids)) if adds else result.without(uids)
        for place, some in told:
            assert place > 0
            change(kept, adds, place, list(some))
        expected = expected | uids if adds else expected - uids
        assert kept == sorted(expected, key=rank)
        assert len(result) == len(expected)
        assert result.among(range(41)) == expected
