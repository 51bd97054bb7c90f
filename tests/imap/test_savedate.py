"""SAVEDATE: when a message came into the mailbox in which it lies (RFC 8514)."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from mailserver.mail.dates import parse_internaldate
from mailserver.node import Node
from tests.imap.test_idle import deliver
from tests.support.imap_client import Client
from tests.support.imap_doors import Doors
from tests.support.store import message

OLD = '"17-Jul-1996 02:44:25 -0700" '


async def told(client: Client, which: str = "1:*") -> dict[int, datetime | None]:
    """SAVEDATE by UID."""
    found = {}
    for line in await client.do(f"UID FETCH {which} SAVEDATE"):
        match = re.fullmatch(rb"\* \d+ FETCH \(UID (\d+) SAVEDATE (?:NIL|\"(.*)\")\)", line)
        assert match is not None, line
        found[int(match[1])] = parse_internaldate(match[2]) if match[2] else None
    return found


def is_now(moment: datetime | None) -> bool:
    assert moment is not None
    return abs(datetime.now(UTC) - moment) < timedelta(minutes=5)


async def came(node: Node, uid: int, when: datetime) -> None:
    """The message came into alice's INBOX at another time."""
    await node.database.execute(
        "UPDATE mailbox_message SET saved_at = $2 WHERE uid = $1", uid, when
    )


@pytest.fixture
async def opened(node: Node, alice: Client) -> Client:
    """INBOX selected: the messages 1, 2 and 3 came on three days of 2020, and 4 now."""
    for _ in range(3):
        await alice.append("INBOX", message(), OLD)
    for uid in (1, 2, 3):
        await came(node, uid, datetime(2020, 2, 27 + uid % 3, 23, 59, 59, tzinfo=UTC))
    await alice.append("INBOX", message(), OLD)
    await alice.do("SELECT INBOX")
    return alice


async def test_it_is_told_whatever_the_internal_date(opened: Client) -> None:
    found = await told(opened)
    assert is_now(found.pop(4))
    days = {
        uid: moment and (moment.month, moment.day, moment.hour) for uid, moment in found.items()
    }
    assert days == {1: (2, 28, 23), 2: (2, 29, 23), 3: (2, 27, 23)}
    (line,) = await opened.do("FETCH 2 (RFC822.SIZE SAVEDATE INTERNALDATE PREVIEW)")
    assert b'SAVEDATE "29-Feb-2020 23:59:59 +0000"' in line
    assert b'INTERNALDATE "17-Jul-1996 02:44:25 -0700"' in line
    (line,) = await opened.do("FETCH 2 (SAVEDATE BODY.PEEK[TEXT])")
    assert line.startswith(b'* 2 FETCH (SAVEDATE "29-Feb-2020 23:59:59 +0000" BODY[TEXT] {')


async def test_copies_and_moved_messages_come_anew(opened: Client, node: Node) -> None:
    await deliver(node)
    await opened.do("NOOP")
    assert is_now((await told(opened))[5])
    before = await told(opened)
    await opened.do("COPY 1 Trash")
    await opened.do("MOVE 2 Trash")
    await opened.do("STORE 1 +FLAGS (\\Flagged)")
    after = await told(opened)
    assert after == {uid: moment for uid, moment in before.items() if uid != 2}
    await opened.do("SELECT Trash")
    assert all(map(is_now, (await told(opened)).values()))
    assert await opened.do("SEARCH SAVEDBEFORE 1-Jan-2021") == [b"* SEARCH"]
    assert await opened.do("SEARCH SINCE 1-Jan-1996 BEFORE 1-Jan-1997") == [b"* SEARCH 1 2"]


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ("SAVEDBEFORE 28-Feb-2020", b" 3"),
        ("SAVEDON 28-Feb-2020", b" 1"),
        ("SAVEDSINCE 28-Feb-2020", b" 1 2 4"),
        ("NOT SAVEDSINCE 29-Feb-2020", b" 1 3"),
        ("OR SAVEDON 27-Feb-2020 SAVEDON 29-Feb-2020", b" 2 3"),
        ("SAVEDSINCE 28-Feb-2020 SAVEDBEFORE 1-Mar-2020 1:3", b" 1 2"),
        ("SAVEDBEFORE 1-Jan-0001", b""),
        ("SAVEDSINCE 1-Jan-0001", b" 1 2 3 4"),
        ("SAVEDSINCE 31-Dec-9999", b""),
        ("SAVEDATESUPPORTED", b" 1 2 3 4"),
        ("NOT SAVEDATESUPPORTED", b""),
        ('SAVEDON "28-Feb-2020" SUBJECT "number"', b" 1"),
    ],
)
async def test_search_asks_for_its_day(opened: Client, keys: str, found: bytes) -> None:
    assert await opened.do(f"SEARCH {keys}") == [b"* SEARCH" + found]


@pytest.mark.parametrize(
    "command", ["SEARCH SAVEDON", "SEARCH SAVEDON 31-Feb-2020", "FETCH 1 SAVEDATES"]
)
async def test_bad_words_are_refused(opened: Client, command: str) -> None:
    assert (await opened.ask(command)).tagged.startswith(b"BAD ")


async def test_a_message_that_is_gone_came_never(opened: Client, node: Node, doors: Doors) -> None:
    other = await doors.login()
    await other.do("SELECT INBOX")
    await other.do("STORE 2 +FLAGS (\\Deleted)")
    await other.do("EXPUNGE")
    await node.database.execute("DELETE FROM mailbox_message WHERE uid = 2")  # as folding does
    assert (await opened.do("SEARCH SAVEDSINCE 28-Feb-2020"))[0] == b"* SEARCH 1 4"
