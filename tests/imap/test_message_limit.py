"""MESSAGELIMIT: a command takes so many messages, those with the highest UIDs (RFC 9738)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailserver.settings import Imap
from tests.support.imap_client import Client
from tests.support.imap_doors import Doors, open_doors
from tests.support.node import open_node, settings_for
from tests.support.store import message


@pytest.fixture
async def doors(dsn: str, tmp_path: Path) -> AsyncIterator[Doors]:
    """Three messages may be in one command."""
    settings = settings_for(tmp_path, imap=Imap(message_limit=3))
    async with open_node(dsn, settings) as node, open_doors(node) as opened:
        yield opened


@pytest.fixture
async def opened(doors: Doors) -> Client:
    """INBOX selected, with six messages; those with even UIDs are \\Seen."""
    client = await doors.login()
    for number in range(1, 7):
        await client.append("INBOX", message(number), "" if number % 2 else "(\\Seen) ")
    await client.do("SELECT INBOX")
    return client


async def numbers(client: Client, which: str = "1:*") -> tuple[list[int], bytes]:
    """(sequence numbers that FETCH answers for, the tagged line)."""
    reply = await client.ask(f"FETCH {which} (FLAGS)")
    return [int(line.split()[1]) for line in reply.lines], reply.tagged


async def test_it_is_announced_where_it_is_set(opened: Client) -> None:
    (line,) = await opened.do("CAPABILITY")
    assert b" MESSAGELIMIT=3 " in line


async def test_fetch_answers_for_the_highest(opened: Client) -> None:
    assert await numbers(opened) == ([4, 5, 6], b"OK [MESSAGELIMIT 3 4] FETCH completed")
    assert await numbers(opened, "1:2,4,6") == ([2, 4, 6], b"OK [MESSAGELIMIT 3 2] FETCH completed")
    assert await numbers(opened, "1:3") == ([1, 2, 3], b"OK FETCH completed")
    reply = await opened.ask("UID FETCH 1:* FLAGS (PARTIAL -1:-4)")
    assert (reply.lines, reply.tagged[:18]) == ([], b"NO [MESSAGELIMIT 3")
    reply = await opened.ask("UID FETCH 1:* FLAGS (PARTIAL 1:3)")
    assert (len(reply.lines), reply.tagged) == (3, b"OK FETCH completed")


async def test_store_changes_the_highest(opened: Client) -> None:
    reply = await opened.ask("UID STORE 1:* +FLAGS.SILENT (\\Flagged)")
    assert reply.tagged == b"OK [MESSAGELIMIT 3 4] STORE completed"
    assert await opened.do("SEARCH UID 1:3 FLAGGED") == [b"* SEARCH"]
    assert await opened.do("SEARCH UID 4:6 FLAGGED") == [b"* SEARCH 4 5 6"]
    reply = await opened.ask("UID STORE 1:* (UNCHANGEDSINCE 1) +FLAGS (\\Answered)")
    assert reply.lines[-1] == b"* NO [MESSAGELIMIT 3 4] Not all messages were taken"
    assert reply.tagged.startswith(b"OK [MODIFIED 4:6] ")


async def test_copy_and_append_are_done_whole_or_not(opened: Client) -> None:
    reply = await opened.ask("COPY 2:* Archive")
    assert reply.tagged.startswith(b"NO [MESSAGELIMIT 3 4] ")
    literals = " ".join(["{1+}\r\nx"] * 4)
    reply = await opened.ask(f"APPEND Archive {literals}")
    assert reply.tagged.startswith(b"NO [MESSAGELIMIT 3] ")
    assert await opened.do("STATUS Archive (MESSAGES)") == [b"* STATUS Archive (MESSAGES 0)"]
    await opened.do("COPY 4:* Archive")
    await opened.do(f"APPEND Archive {literals[:-8]}")
    assert await opened.do("STATUS Archive (MESSAGES)") == [b"* STATUS Archive (MESSAGES 6)"]


async def test_a_client_goes_on_moving(opened: Client) -> None:
    reply = await opened.ask("UID MOVE 1:* Archive")
    assert reply.tagged == b"OK [MESSAGELIMIT 3 4] MOVE completed"
    assert reply.lines[1:] == [b"* 6 EXPUNGE", b"* 5 EXPUNGE", b"* 4 EXPUNGE"]
    await opened.do("ENABLE QRESYNC")
    await opened.append("INBOX", message())
    reply = await opened.ask("UID MOVE 1:* Archive")
    assert reply.lines[1] == b"* NO [MESSAGELIMIT 3 2] Not all messages were taken"
    assert reply.tagged.startswith(b"OK [HIGHESTMODSEQ ")
    assert (await opened.ask("UID MOVE 1:* Archive")).lines[1:] == [b"* VANISHED 1"]


async def test_expunge_of_all_has_no_limit(opened: Client) -> None:
    for which in ("1:3", "5:6"):
        await opened.do(f"UID STORE {which} +FLAGS.SILENT (\\Deleted)")
    reply = await opened.ask("UID EXPUNGE 1:*")
    assert reply.tagged == b"OK [MESSAGELIMIT 3 3] EXPUNGE completed"
    assert reply.lines == [b"* 6 EXPUNGE", b"* 5 EXPUNGE", b"* 3 EXPUNGE"]
    await opened.do("UID STORE 4 +FLAGS.SILENT (\\Deleted)")
    assert (await opened.ask("UID EXPUNGE 1:*")).tagged == b"OK EXPUNGE completed"
    for _ in range(4):
        await opened.append("INBOX", message(), "(\\Deleted) ")
    assert (await opened.ask("EXPUNGE")).tagged == b"OK EXPUNGE completed"
    assert await opened.do("STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 0)"]


@pytest.mark.parametrize(
    ("keys", "found", "lowest"),
    [
        ("SEEN", b" 4 6", b"4"),
        ("ALL", b" 4 5 6", b"4"),
        ("SUBJECT number", b" 4 5 6", b"4"),
        # what has to be looked at counts, not what is found
        ("UID 1:3 SEEN", b" 2", b""),
        ("UID 1:2,4,6 SEEN", b" 2 4 6", b"2"),
        ("2:6", b" 4 5 6", b"4"),
        ("UIDAFTER 1 UIDBEFORE 6 UNSEEN", b" 3 5", b"3"),
        ("(UIDAFTER 1 UIDBEFORE 5) UNSEEN", b" 3", b""),
        ("NOT UIDAFTER 2", b"", b"4"),
        ("OR UID 1 UID 2", b"", b"4"),
        ("UIDAFTER 4", b" 5 6", b""),
        ("UIDBEFORE 1", b"", b""),
        ("UIDAFTER 4294967295", b"", b""),
    ],
)
async def test_the_highest_are_searched(
    opened: Client, keys: str, found: bytes, lowest: bytes
) -> None:
    reply = await opened.ask(f"UID SEARCH {keys}")
    assert reply.lines == [b"* SEARCH" + found]
    code = b"[MESSAGELIMIT 3 %b] " % lowest if lowest else b""
    assert reply.tagged == b"OK %bSEARCH completed" % code


async def test_what_was_searched_is_saved(opened: Client) -> None:
    await opened.do("UID SEARCH RETURN (SAVE COUNT) ALL")
    assert await numbers(opened, "$") == ([4, 5, 6], b"OK FETCH completed")
    assert (await opened.do("UID SEARCH RETURN (MIN COUNT) ALL"))[0].endswith(b"UID MIN 4 COUNT 3")


@pytest.mark.parametrize("command", ["SORT (DATE)", "UID SORT (DATE)", "THREAD REFERENCES"])
async def test_sorting_is_done_whole_or_not(opened: Client, command: str) -> None:
    reply = await opened.ask(f"{command} UTF-8 ALL")
    assert (reply.lines, reply.tagged[:19]) == ([], b"NO [MESSAGELIMIT 3]")
    assert len(await opened.do(f"{command} UTF-8 UIDAFTER 3")) == 1


@pytest.mark.parametrize("key", ["UIDAFTER 0", "UIDBEFORE 4294967296", "UIDAFTER", "UIDAFTER 1:2"])
async def test_a_side_is_of_one_uid(opened: Client, key: str) -> None:
    assert (await opened.ask(f"UID SEARCH {key}")).tagged.startswith(b"BAD ")


async def test_a_session_without_numbers_goes_on_by_uid(opened: Client) -> None:
    await opened.do("ENABLE UIDONLY")
    reply = await opened.ask("UID FETCH 1:* FLAGS")
    assert [line.split()[1] for line in reply.lines] == [b"4", b"5", b"6"]
    assert reply.tagged == b"OK [MESSAGELIMIT 3 4] FETCH completed"
    assert (await opened.ask("UID FETCH 1:3 FLAGS")).tagged == b"OK FETCH completed"
