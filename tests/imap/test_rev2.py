"""IMAP4rev2 for who enables it; others go on in IMAP4rev1 beside (RFC 9051 App. A)."""

import asyncio
import imaplib
from typing import Any

import imapclient
import pytest

from mailserver.accounts import Hiding
from mailserver.node import Node
from tests.support.imap_client import Client
from tests.support.imap_doors import Doors
from tests.support.node import ALICE, BOB, PASSWORDS
from tests.support.outbound import until
from tests.support.store import message


@pytest.fixture
async def modern(doors: Doors, alice: Client) -> Client:
    """A session of alice that speaks IMAP4rev2; two messages lie in her INBOX."""
    for _ in range(2):
        await alice.append("INBOX", message())
    client = await doors.login()
    assert await client.do("ENABLE IMAP4rev2") == [b"* ENABLED IMAP4rev2"]
    return client


async def test_recent_is_left_to_who_knows_it(modern: Client, alice: Client) -> None:
    await modern.do("SELECT INBOX")
    assert await modern.do("UID FETCH 1:* FLAGS") == [
        b"* 1 FETCH (UID 1 FLAGS ())",
        b"* 2 FETCH (UID 2 FLAGS ())",
    ]
    await modern.append("INBOX", message())
    assert b"* 3 RECENT" in await alice.do("SELECT INBOX")
    assert b"* STATUS INBOX (RECENT 0)" in await modern.do("STATUS INBOX (RECENT)")


async def test_who_enables_it_late_forgets_what_was_recent(modern: Client, alice: Client) -> None:
    assert b"* 2 RECENT" in await alice.do("SELECT INBOX")
    await alice.do("ENABLE IMAP4rev2")
    assert await alice.do("FETCH 1 FLAGS") == [b"* 1 FETCH (FLAGS ())"]
    assert (await alice.append("INBOX", message())).lines == [b"* 3 EXISTS"]
    (line,) = await alice.do("SEARCH NEW")
    assert line.startswith(b"* ESEARCH (TAG ")
    assert b"ALL" not in line


async def test_unsolicited_fetch_tells_the_uid(modern: Client, alice: Client) -> None:
    await modern.do("SELECT INBOX")
    await alice.do("SELECT INBOX")
    await alice.do("STORE 2 +FLAGS.SILENT (\\Flagged)")
    assert await modern.do("NOOP") == [b"* 2 FETCH (UID 2 FLAGS (\\Flagged))"]
    modern.send(b"i IDLE\r\n")
    assert (await modern.line()).startswith(b"+ ")
    await alice.append("INBOX", message())
    assert await modern.line() == b"* 3 EXISTS"
    await alice.do("STORE 1 +FLAGS.SILENT (\\Deleted)")
    assert await modern.line() == b"* 1 FETCH (UID 1 FLAGS (\\Deleted))"
    await alice.do("EXPUNGE")
    assert await modern.line() == b"* 1 EXPUNGE"


async def test_only_search_answers_otherwise(modern: Client) -> None:
    await modern.do("SELECT INBOX")
    assert await modern.do("SEARCH 1:2 UNSEEN") == [b'* ESEARCH (TAG "t3") ALL 1:2']
    assert await modern.do("SORT (ARRIVAL) UTF-8 ALL") == [b"* SORT 1 2"]
    assert await modern.do("UID SEARCH RETURN (SAVE) ALL") == []
    assert await modern.do("SEARCH $") == [b'* ESEARCH (TAG "t6") ALL 1:2']
    *_, line = await modern.do("SEARCH MODSEQ 1")
    assert line.startswith(b'* ESEARCH (TAG "t7") ALL 1:2 MODSEQ ')


async def test_a_name_is_one_in_every_form_and_encoding(modern: Client, alice: Client) -> None:
    await alice.do("CREATE e&AwE-te&AwE-")  # é as e and a mark, in modified UTF-7
    assert await alice.do('LIST "" &AOk-*') == [b'* LIST (\\HasNoChildren) "/" &AOk-t&AOk-']
    lines = await modern.do('SELECT "e\u0301te\u0301"')
    assert '* LIST (\\HasNoChildren) "/" "été" ("OLDNAME" ("e\u0301te\u0301"))'.encode() in lines
    lines = await modern.do('SELECT "été"')
    assert '* LIST (\\HasNoChildren) "/" "été"'.encode() in lines
    assert len(await modern.do('LIST "" "e\u0301*"')) == 1
    assert (await modern.ask('CREATE "a\u2028b"')).tagged.startswith(b"BAD ")


async def test_list_in_select_is_of_what_the_user_may_see(modern: Client, doors: Doors) -> None:
    bob = await doors.login(BOB)
    for name in ("team/open", "team/closed/below"):
        await bob.do(f"CREATE {name}")
    await bob.do(f"SETACL team {ALICE} lr")
    await bob.do(f"SETACL team/open {ALICE} lr")
    await bob.do(f"SETACL team/closed {ALICE} lr")
    head = b'* LIST (%b) "/" user/bob@example.test/'
    lines = await modern.do(f"SELECT user/{BOB}/team")
    assert (head + b"team") % b"\\HasChildren" in lines
    lines = await modern.do(f"SELECT user/{BOB}/team/closed")
    assert (head + b"team/closed") % b"\\HasNoChildren" in lines
    lines = await modern.do("EXAMINE Sent")
    assert b'* LIST (\\HasNoChildren \\Sent) "/" Sent' in lines


async def test_it_ends_with_the_user(modern: Client) -> None:
    await modern.do("UNAUTHENTICATE")
    await modern.login()
    assert b"* 2 RECENT" in await modern.do("SELECT INBOX")
    assert await modern.do("SEARCH ALL") == [b"* SEARCH 1 2"]


async def test_it_can_be_hidden(modern: Client, node: Node, doors: Doors) -> None:
    account = await node.accounts.find(ALICE)
    assert account is not None
    await Hiding(node.database).hide_from_account(ALICE, ["IMAP4REV2"])

    async def known() -> bool:
        return "IMAP4REV2" in await node.hiding.from_account(account.id)

    await until(known)
    client = await doors.login()
    (line,) = await client.do("CAPABILITY")
    assert b"IMAP4rev1 ENABLE" in line
    assert await client.do("ENABLE IMAP4rev2") == [b"* ENABLED"]
    await client.do("SELECT INBOX")
    assert await client.do("SEARCH ALL") == [b"* SEARCH 1 2"]


def with_imaplib(doors: Doors) -> None:
    def ok(answer: Any) -> Any:
        status, data = answer
        assert status == "OK", answer
        return data

    with imaplib.IMAP4_SSL("127.0.0.1", doors.imaps, ssl_context=doors.tls, timeout=10) as client:
        ok(client.login(ALICE, PASSWORDS[ALICE]))
        assert "IMAP4REV2" in client.capabilities
        ok(client.enable("IMAP4rev2"))
        assert client.response("ENABLED")[1] == [b"IMAP4rev2"]
        assert ok(client.select("INBOX")) == [b"2"]
        assert client.response("LIST")[1] == [b'(\\HasNoChildren) "/" INBOX']
        ok(client.uid("SEARCH", "ALL"))
        (found,) = client.response("ESEARCH")[1]
        assert isinstance(found, bytes)
        assert found.endswith(b"UID ALL 1:2")
        assert message() in ok(client.fetch("1", "(BODY[] FLAGS)"))[0]


def with_imapclient(doors: Doors) -> None:
    client = imapclient.IMAPClient("127.0.0.1", doors.imaps, ssl_context=doors.tls, timeout=10)
    with client:
        client.login(ALICE, PASSWORDS[ALICE])
        assert client.enable("IMAP4rev2") == [b"IMAP4rev2"]
        assert b"RECENT" not in client.select_folder("INBOX")
        assert set(client.fetch([1, 2], ["FLAGS"])) == {1, 2}
        client.add_flags([1], [b"\\Deleted"])
        client.expunge()
        assert client.folder_status("INBOX", ["MESSAGES"])[b"MESSAGES"] == 1


async def test_clients_enable_it(modern: Client, doors: Doors) -> None:
    async with asyncio.timeout(60):
        await asyncio.to_thread(with_imaplib, doors)
        await asyncio.to_thread(with_imapclient, doors)
