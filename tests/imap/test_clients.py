"""Other people's clients: Python's imaplib and IMAPClient do everything they can."""

import asyncio
import imaplib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import imapclient

from tests.support.imap_doors import Doors
from tests.support.node import ALICE, BOB, PASSWORDS
from tests.support.store import message


async def in_thread(work: Callable[[], None]) -> None:
    """The clients block; the server runs on this loop."""
    async with asyncio.timeout(60):
        await asyncio.to_thread(work)


async def test_imaplib_over_starttls(doors: Doors) -> None:
    await in_thread(lambda: imaplib_session(doors))


def imaplib_session(doors: Doors) -> None:
    def ok(answer: Any) -> Any:
        status, data = answer
        assert status == "OK", answer
        return data

    with imaplib.IMAP4("127.0.0.1", doors.imap, timeout=10) as client:
        ok(client.starttls(doors.tls))
        ok(client.authenticate("PLAIN", lambda _: f"\0{BOB}\0{PASSWORDS[BOB]}".encode()))
        ok(client.create("Work"))
        for number in (1, 2, 3):
            time = imaplib.Time2Internaldate(datetime(2026, 11, number, tzinfo=UTC))
            ok(client.append("Work", "(\\Flagged)", time, message(number)))
        assert ok(client.select("Work")) == [b"3"]
        assert ok(client.search(None, "SUBJECT", "number 2")) == [b"2"]
        assert ok(client.uid("SEARCH", "SINCE", "2-Nov-2026")) == [b"2 3"]
        assert ok(client.sort("(REVERSE SUBJECT)", "UTF-8", "ALL")) == [b"3 2 1"]
        assert ok(client.thread("REFERENCES", "UTF-8", "ALL")) == [b"(1)(2)(3)"]
        fetched = ok(client.fetch("2", "(RFC822 FLAGS)"))
        assert message(2) in fetched[0]
        ok(client.store("1", "+FLAGS", "(\\Deleted urgent)"))
        assert client.response("FLAGS")
        ok(client.copy("2", "Archive"))
        ok(client.uid("MOVE", "3", "Trash"))
        assert client.response("EXPUNGE") == ("EXPUNGE", [b"3"])
        assert ok(client.expunge()) == [b"1"]
        assert ok(client.search(None, "ALL")) == [b"1"]
        ok(client.close())
        ok(client.rename("Work", "Work2"))
        assert ok(client.status("Work2", "(MESSAGES UIDNEXT)")) == [b"Work2 (MESSAGES 1 UIDNEXT 4)"]
        ok(client.subscribe("Work2"))
        assert b'() "/" Work2' in ok(client.lsub())
        ok(client.unsubscribe("Work2"))
        ok(client.delete("Work2"))
        assert client.select("Work2")[0] == "NO"
        ok(client.enable("UTF8=ACCEPT"))
        ok(client.create('"Größe & Maß"'))
        assert '(\\HasNoChildren) "/" "Größe & Maß"'.encode() in ok(client.list('""', '"G*"'))
        assert ok(client.namespace()) == [b'(("" "/")) (("user/" "/")) NIL']
        assert client.noop()[0] == "OK"


async def test_imapclient_in_tls(doors: Doors) -> None:
    await in_thread(lambda: imapclient_session(doors))


def imapclient_session(doors: Doors) -> None:
    client = imapclient.IMAPClient("127.0.0.1", doors.imaps, ssl_context=doors.tls, timeout=10)
    with client:
        client.login(ALICE, PASSWORDS[ALICE])
        assert client.has_capability("MOVE")
        client.create_folder("Größe & Maß/unten")
        names = {name for _, _, name in client.list_folders()}
        assert {"Größe & Maß", "Größe & Maß/unten", "INBOX"} <= names
        client.rename_folder("Größe & Maß", "Kleiner")
        when = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
        for number in range(5):
            response = client.append("Kleiner", message(number), ("\\Seen", "note"), when)
            assert re.match(rb"\[APPENDUID \d+ %d\]" % (number + 1), response)
        assert client.select_folder("Kleiner")[b"EXISTS"] == 5
        assert client.search(["SUBJECT", "number 3"]) == [4]
        assert client.sort(["REVERSE SUBJECT"]) == [5, 4, 3, 2, 1]
        assert client.sort("DISPLAYFROM", ["SUBJECT", "number 3"], "US-ASCII") == [4]
        assert client.thread("REFERENCES") == ((1,), (2,), (3,), (4,), (5,))
        assert client.thread("ORDEREDSUBJECT", "SUBJECT number") == ((1,), (2,), (3,), (4,), (5,))
        found = client.fetch([4], ["ENVELOPE", "FLAGS", "BODY[]", "INTERNALDATE"])[4]
        assert found[b"ENVELOPE"].subject == b"number 3"
        assert found[b"BODY[]"] == message(3)
        assert set(found[b"FLAGS"]) == {b"\\Seen", b"note", b"\\Recent"}
        assert found[b"INTERNALDATE"].timestamp() == when.timestamp()
        assert b"\\Deleted" in client.add_flags([1, 2], ["\\Deleted"])[1]
        client.remove_flags([2], ["\\Deleted"])
        client.copy([2, 3], "INBOX")
        client.move([5], "INBOX")
        client.expunge()
        assert client.search("ALL") == [2, 3, 4]
        found = client.fetch([2], ["PREVIEW", "EMAILID", "THREADID"])[2]
        assert found[b"PREVIEW"]
        assert client.search(["THREADID", found[b"THREADID"][0]]) == [2]
        assert client.search(["EMAILID", found[b"EMAILID"][0]]) == [2]
        client.unselect_folder()
        assert client.folder_status("INBOX")[b"MESSAGES"] == 3
        flagged = {"msg": message(8), "flags": ["\\Flagged"], "date": when}
        client.multiappend("Kleiner", [message(7), flagged])
        told = client.folder_status("Kleiner", ["MESSAGES", "SIZE", "APPENDLIMIT"])
        assert told[b"MESSAGES"] == 5
        assert told[b"SIZE"] == sum(len(message(number)) for number in (1, 2, 3, 7, 8))
        client.select_folder("INBOX", readonly=True)
        client.idle()
        assert client.idle_check(timeout=0) == []
        client.idle_done()
        client.close_folder()
        client.delete_folder("Kleiner/unten")
        client.delete_folder("Kleiner")
        assert not client.folder_exists("Kleiner")
        assert client.find_special_folder(b"\\Sent") == "Sent"
        assert client.id_({"name": "test"})


async def test_imapclient_knows_modseqs(doors: Doors) -> None:
    await in_thread(lambda: condstore_session(doors))


def condstore_session(doors: Doors) -> None:
    client = imapclient.IMAPClient("127.0.0.1", doors.imaps, ssl_context=doors.tls, timeout=10)
    with client:
        client.login(ALICE, PASSWORDS[ALICE])
        assert client.enable("CONDSTORE") == [b"CONDSTORE"]
        for number in range(3):
            client.append("INBOX", message(number))
        highest = client.select_folder("INBOX")[b"HIGHESTMODSEQ"]
        assert client.fetch([1, 2, 3], ["FLAGS"], [f"CHANGEDSINCE {highest}"]) == {}
        client.add_flags([2], [b"\\Flagged"])
        changed = client.fetch([1, 2, 3], ["FLAGS"], [f"CHANGEDSINCE {highest}"])
        assert set(changed) == {2}
        assert changed[2][b"MODSEQ"] == (highest + 1,)
        assert b"\\Flagged" in changed[2][b"FLAGS"]
        found = client.search(["MODSEQ", str(highest + 1)])
        assert (list(found), found.modseq) == ([2], highest + 1)
        status = client.folder_status("INBOX", ["HIGHESTMODSEQ"])
        assert status[b"HIGHESTMODSEQ"] == highest + 1
