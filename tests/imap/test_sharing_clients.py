"""Other people's clients share mailboxes and look at quotas: Python's imaplib, and IMAPClient."""

import asyncio
import imaplib
from typing import Any

import imapclient

from mailserver.node import Node
from tests.support.imap_doors import Doors
from tests.support.node import ALICE, BOB, PASSWORDS
from tests.support.store import message

WORK = "user/alice@example.test/Work"


def ok(answer: Any) -> Any:
    status, data = answer
    assert status == "OK", answer
    return data


def imaplib_session(doors: Doors) -> None:
    with imaplib.IMAP4_SSL("127.0.0.1", doors.imaps, ssl_context=doors.tls, timeout=10) as alice:
        ok(alice.login(ALICE, PASSWORDS[ALICE]))
        ok(alice.create("Work"))
        ok(alice.setacl("Work", BOB, "lrswite"))
        assert ok(alice.getacl("Work")) == [
            b"Work %b lrswipkxteacd %b lrswited" % (ALICE.encode(), BOB.encode())
        ]
        assert ok(alice.myrights("Work")) == [b"Work lrswipkxteacd"]
        assert ok(alice.setquota(ALICE, "(STORAGE 100 MESSAGE 5)")) == [
            b"%b (STORAGE 0 100 MESSAGE 0 5)" % ALICE.encode()
        ]
        assert ok(alice.getquota(ALICE)) == [b"%b (STORAGE 0 100 MESSAGE 0 5)" % ALICE.encode()]
        roots, quotas = ok(alice.getquotaroot("Work"))
        assert roots == [b"Work %b" % ALICE.encode()]
        assert quotas == [b"%b (STORAGE 0 100 MESSAGE 0 5)" % ALICE.encode()]


def imapclient_session(doors: Doors) -> None:
    bob = imapclient.IMAPClient("127.0.0.1", doors.imaps, ssl_context=doors.tls, timeout=10)
    with bob:
        bob.login(BOB, PASSWORDS[BOB])
        assert bob.namespace().other == (("user/", "/"),)
        names = {name for _, _, name in bob.list_folders("user/", "*")}
        assert WORK in names
        bob.append(WORK, message(1), ("\\Seen",))
        assert bob.select_folder(WORK)[b"READ-WRITE"]
        assert bob.get_flags([1])[1] == (b"\\Seen", b"\\Recent")
        quota = bob.get_quota_root(WORK)[1]
        assert [(one.quota_root, one.resource, one.limit) for one in quota] == [
            (ALICE, "STORAGE", 100),
            (ALICE, "MESSAGE", 5),
        ]
        bob.move([1], "INBOX")
        assert bob.folder_status(WORK, ["MESSAGES"]) == {b"MESSAGES": 0}


async def test_two_accounts_share_a_mailbox(doors: Doors, node: Node) -> None:
    await node.accounts.set_administrator(ALICE, True)
    async with asyncio.timeout(60):
        await asyncio.to_thread(imaplib_session, doors)
        await asyncio.to_thread(imapclient_session, doors)
