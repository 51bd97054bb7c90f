"""UIDONLY: a session in which no message has a sequence number (RFC 9586)."""

import pytest

from tests.support.imap_client import Client
from tests.support.imap_doors import Doors
from tests.support.store import message


@pytest.fixture
async def opened(alice: Client) -> Client:
    """Messages with the UIDs 2, 3 and 4 in the selected INBOX, and UIDONLY enabled."""
    for _ in range(4):
        await alice.append("INBOX", message())
    await alice.do("SELECT INBOX")
    await alice.do("STORE 1 +FLAGS (\\Deleted)")
    await alice.do("EXPUNGE")
    assert await alice.do("ENABLE UIDONLY") == [b"* ENABLED UIDONLY"]
    return alice


@pytest.mark.parametrize(
    "command",
    [
        *("FETCH 1 FLAGS", "STORE 1 +FLAGS (\\Seen)", "COPY 1 Drafts", "MOVE 1 Drafts"),
        *("SEARCH ALL", "SORT (DATE) UTF-8 ALL", "THREAD REFERENCES UTF-8 ALL"),
        *("UID SEARCH 1:2", "UID SEARCH NOT (OR SEEN 1)", "UID SORT (DATE) UTF-8 1"),
        *("UID THREAD REFERENCES UTF-8 1", "SEARCH RETURN (SAVE) ALL", "FETCH $ FLAGS"),
    ],
)
async def test_sequence_numbers_are_refused(opened: Client, command: str) -> None:
    assert (await opened.ask(command)).tagged.startswith(b"BAD [UIDREQUIRED] ")
    assert await opened.do("UID FETCH 2:* FLAGS") == [
        *(b"* %d UIDFETCH (FLAGS (\\Recent))" % uid for uid in (2, 3, 4))
    ]


async def test_fetch_and_store_answer_by_uid(opened: Client) -> None:
    assert await opened.do("UID FETCH 3 (UID RFC822.SIZE)") == [
        b"* 3 UIDFETCH (UID 3 RFC822.SIZE %d)" % len(message())
    ]
    (line,) = await opened.do("UID FETCH 3 BODY[TEXT]")
    assert line.startswith(b"* 3 UIDFETCH (BODY[TEXT] {")
    assert line.endswith(b"FLAGS (\\Seen \\Recent))")
    assert await opened.do("UID STORE 4 +FLAGS (\\Flagged)") == [
        b"* 4 UIDFETCH (FLAGS (\\Flagged \\Recent))"
    ]
    await opened.do("ENABLE CONDSTORE")
    (line,) = await opened.do("UID STORE 4 -FLAGS (\\Flagged)")
    assert line.startswith(b"* 4 UIDFETCH (MODSEQ (")
    assert await opened.do("UID SEARCH UNSEEN") == [b"* SEARCH 2 4"]
    assert await opened.do("UID SEARCH UID 3:4") == [b"* SEARCH 3 4"]
    await opened.do("UID SEARCH RETURN (SAVE) UNSEEN")
    assert len(await opened.do("UID FETCH $ FLAGS")) == 2


async def test_what_leaves_has_vanished(opened: Client, doors: Doors) -> None:
    other = await doors.login()
    await other.do("SELECT INBOX")
    await other.do("STORE 3 +FLAGS (\\Seen)")
    assert await opened.do("NOOP") == [b"* 4 UIDFETCH (FLAGS (\\Seen \\Recent))"]
    await opened.do("UID STORE 2 +FLAGS.SILENT (\\Deleted)")
    assert await opened.do("EXPUNGE") == [b"* VANISHED 2"]
    lines = await opened.do("UID MOVE 3 Drafts")
    assert lines[0].startswith(b"* OK [COPYUID ")
    assert lines[1:] == [b"* VANISHED 3"]
    opened.send(b"i1 IDLE\r\n")
    assert (await opened.line()).startswith(b"+ ")
    await other.do("NOOP")
    await other.do("STORE 1 +FLAGS (\\Deleted)")
    assert await opened.line() == b"* 4 UIDFETCH (FLAGS (\\Seen \\Deleted \\Recent))"
    await other.do("EXPUNGE")
    assert await opened.line() == b"* VANISHED 4"


async def test_select_tells_no_number_and_takes_none(opened: Client) -> None:
    await opened.do("ENABLE QRESYNC")
    lines = await opened.do("SELECT INBOX (QRESYNC (1 1 1:9))")
    assert b"* 3 EXISTS" in lines
    assert not any(b"[UNSEEN" in line for line in lines)
    reply = await opened.ask("SELECT INBOX (QRESYNC (1 1 1:9 (1 2)))")
    assert reply.tagged.startswith(b"BAD [UIDREQUIRED] ")
    # RFC 9586 §3: the command was never carried out, the mailbox is selected still
    assert len(await opened.do("UID FETCH 1:* FLAGS")) == 3
