"""Two people share a mailbox of a running server, and the operator takes it back."""

import imaplib
import ssl
import time
from collections.abc import Callable
from typing import Any

from tests.support.server import Server
from tests.support.store import message

ALICE, BOB = "alice@example.test", "bob@example.test"
WORK = f"user/{ALICE}/Shared"


def client(server: Server, address: str) -> imaplib.IMAP4_SSL:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    opened = imaplib.IMAP4_SSL("127.0.0.1", server.ports["imaps"], ssl_context=context, timeout=20)
    opened.login(address, server.logins[address])
    return opened


def ok(answer: tuple[str, list[Any]]) -> list[Any]:
    status, data = answer
    assert status == "OK", answer
    return data


def operate(server: Server, *words: str) -> None:
    done = server.cli("mailbox", *words)
    assert done.returncode == 0, done.stderr


def soon(happens: Callable[[], bool]) -> None:
    """Wait for what another process has done: its notification takes a moment."""
    deadline = time.monotonic() + 20
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_is_shared_is_used_by_both_and_taken_back(server: Server) -> None:
    with client(server, ALICE) as alice, client(server, BOB) as bob:
        ok(alice.create("Shared"))
        operate(server, "grant", ALICE, "Shared", BOB, "lrsi")
        assert any(WORK.encode() in line for line in ok(bob.list("user/", "*")))
        ok(bob.append(WORK, None, None, message(1)))
        assert ok(alice.select("Shared")) == [b"1"]
        assert ok(bob.select(WORK)) == [b"1"]
        ok(bob.store("1", "+FLAGS", "(\\Seen)"))
        soon(lambda: b"\\Seen" in ok(alice.fetch("1", "FLAGS"))[0])
        operate(server, "grant", ALICE, "Shared", BOB, "lr")
        soon(lambda: b"NOPERM" in bob.store("1", "-FLAGS", "(\\Seen)")[1][-1])
        ok(bob.fetch("1", "FLAGS"))
        operate(server, "revoke", ALICE, "Shared", BOB)
        soon(lambda: bob.fetch("1", "FLAGS")[0] == "NO")
        assert bob.select(WORK)[0] == "NO"
        ok(alice.close())
        ok(alice.delete("Shared"))
