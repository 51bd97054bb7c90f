"""alice and bob write to each other, and read with two clients each, through different processes.

Which worker has a connection the kernel decides by hash: the tests connect until they have the
workers they want.
"""

import smtplib
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from email.message import EmailMessage
from typing import Any, TypeVar

import imapclient
import pytest

from tests.support.letters import ALICE, BOB, Letter, add_account, parsed, trusting, unique_word
from tests.support.programs import eventually
from tests.support.server import Server

SOON = 1.0  # seconds: the promise for who is in IDLE

C = TypeVar("C")


def worker_of(server: Server, client: socket.socket) -> int:
    """The process that has the other end of a connection."""
    port = client.getsockname()[1]
    for worker in server.workers():
        for connection in worker.net_connections("tcp"):
            if connection.raddr and connection.raddr.port == port:
                return worker.pid
    raise AssertionError("no worker has this connection")


def elsewhere(
    server: Server, connect: Callable[[], C], sock: Callable[[C], socket.socket], pid: int
) -> C:
    """A connection to another worker than `pid`."""
    for _ in range(50):
        client = connect()
        if worker_of(server, sock(client)) != pid:
            return client
        sock(client).close()
    raise AssertionError("fifty connections went to the same worker")


class Mailbox:
    """An account's clients; every one is closed at the end."""

    def __init__(self, server: Server, address: str, password: str) -> None:
        self.server = server
        self.address = address
        self.password = password
        self._open = ExitStack()

    def read(self, folder: str = "INBOX", *, not_on: int = 0) -> imapclient.IMAPClient:
        """A client with `folder` selected, not on the worker `not_on`."""
        client = elsewhere(self.server, self._connect, imapclient.IMAPClient.socket, not_on)
        client.login(self.address, self.password)
        client.select_folder(folder)
        self._open.callback(client.shutdown)
        return client

    def _connect(self) -> imapclient.IMAPClient:
        port = self.server.ports["imaps"]
        return imapclient.IMAPClient("127.0.0.1", port, ssl_context=trusting(), timeout=10)

    def send(self, message: EmailMessage, *, not_on: int = 0) -> None:
        """Submit, not through the worker `not_on`."""

        def connect() -> smtplib.SMTP_SSL:
            port = self.server.ports["submissions"]
            return smtplib.SMTP_SSL("127.0.0.1", port, timeout=10, context=trusting())

        with elsewhere(self.server, connect, lambda client: client.sock, not_on) as client:
            client.login(self.address, self.password)
            client.send_message(message)

    def close(self) -> None:
        self._open.close()


@pytest.fixture
def people(server: Server) -> Iterator[tuple[Mailbox, Mailbox]]:
    """alice and bob."""
    alice, bob = (Mailbox(server, one, server.logins[one]) for one in (ALICE, BOB))
    yield alice, bob
    bob.close()
    alice.close()


@pytest.fixture
def eve(server: Server) -> Iterator[Mailbox]:
    """An account with an empty INBOX."""
    address, password = add_account(server, f"eve-{unique_word()}")
    mailbox = Mailbox(server, address, password)
    yield mailbox
    mailbox.close()


def heard(client: imapclient.IMAPClient, seconds: float = SOON) -> list[Any]:
    """What a client in IDLE is told next."""
    return [line for line in client.idle_check(timeout=seconds) if line[0] != b"OK"]


def hears(client: imapclient.IMAPClient, wanted: Callable[[Any], bool]) -> list[Any]:
    """What a client in IDLE is told until `wanted`, within a second."""
    deadline = time.monotonic() + SOON
    told: list[Any] = []
    while not any(wanted(line) for line in told):
        left = deadline - time.monotonic()
        assert left > 0, f"not heard within {SOON} s, but {told}"
        told += heard(client, left)
    return told


def seen(client: imapclient.IMAPClient) -> list[int]:
    """The UIDs a client knows after asking for news."""
    client.noop()
    return list(client.search("ALL"))


def note(sender: str, recipient: str, subject: str, text: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, recipient, subject
    message["Message-ID"] = f"<{unique_word()}@letters.test>"
    message.set_content(text)
    return message


def test_alice_writes_bob_hears_and_answers(people: tuple[Mailbox, Mailbox]) -> None:
    alice, bob = people
    subject = unique_word()
    at_bob = bob.read()
    worker = worker_of(bob.server, at_bob.socket())
    before = at_bob.folder_status("INBOX", ["MESSAGES"])[b"MESSAGES"]

    at_bob.idle()
    question = note(ALICE, BOB, subject, "are you there?")
    alice.send(question, not_on=worker)
    told = hears(at_bob, lambda line: line[1:] == (b"EXISTS",))
    assert (before + 1, b"EXISTS") in told
    at_bob.idle_done()

    [uid] = at_bob.search(["UNSEEN", "SUBJECT", subject])
    found = at_bob.fetch(uid, ["BODY[]"])[uid]
    received = parsed(found[b"BODY[]"])
    assert received.get_content() == "are you there?\r\n"
    answer = note(BOB, str(received["From"]), f"Re: {subject}", "yes")
    answer["In-Reply-To"] = received["Message-ID"]

    at_alice = alice.read()
    at_alice.idle()
    bob.send(answer, not_on=worker_of(alice.server, at_alice.socket()))
    hears(at_alice, lambda line: line[1:] == (b"EXISTS",))
    at_alice.idle_done()
    at_bob.add_flags(uid, ["\\Answered"])

    [reply] = at_alice.search(["HEADER", "In-Reply-To", str(question["Message-ID"])])
    envelope = at_alice.fetch(reply, ["ENVELOPE"])[reply][b"ENVELOPE"]
    assert envelope.subject == f"Re: {subject}".encode()
    assert envelope.in_reply_to == str(question["Message-ID"]).encode()
    assert parsed(at_alice.fetch(reply, ["BODY[]"])[reply][b"BODY[]"]).get_content() == "yes\r\n"
    flags = at_bob.get_flags(uid)[uid]
    assert {b"\\Seen", b"\\Answered"} <= set(flags)


def test_two_clients_of_one_mailbox_see_each_other(eve: Mailbox) -> None:
    phone = eve.read()
    laptop = eve.read(not_on=worker_of(eve.server, phone.socket()))
    letters = [Letter(eve.address, eve.address) for _ in range(5)]
    phone.idle()
    for letter in letters:
        laptop.append("INBOX", letter.content)
    hears(phone, lambda line: line == (5, b"EXISTS"))

    # A flag: the phone is told the message's number and its flags.
    laptop.noop()
    laptop.add_flags(laptop.search(["SUBJECT", letters[1].word]), ["\\Flagged", "Work"])
    told = hears(phone, lambda line: line[1:2] == (b"FETCH",))
    [flags] = [line[2] for line in told if line[1:2] == (b"FETCH",) and line[0] == 2]
    assert set(flags[flags.index(b"FLAGS") + 1]) >= {b"\\Flagged", b"Work"}

    # A move: number 3 goes, what was 4 is 3 from now on.
    laptop.move(laptop.search(["SUBJECT", letters[2].word]), "Archive")
    assert (3, b"EXPUNGE") in hears(phone, lambda line: line[1:] == (b"EXPUNGE",))
    phone.idle_done()

    # Now the laptop sleeps, and the phone deletes what is number 3 there: the old 4.
    laptop.idle()
    fourth = phone.search(["SUBJECT", letters[3].word])
    phone.use_uid = False
    assert phone.search(["SUBJECT", letters[3].word]) == [3]
    phone.use_uid = True
    phone.delete_messages(fourth)
    phone.expunge()
    assert (3, b"EXPUNGE") in hears(laptop, lambda line: line[1:] == (b"EXPUNGE",))
    laptop.idle_done()

    left = [letters[0].content, letters[1].content, letters[4].content]
    for client in (phone, laptop):
        uids = client.search("ALL")
        assert uids == [1, 2, 5]
        found = client.fetch(uids, ["BODY.PEEK[]"])
        assert [found[uid][b"BODY[]"] for uid in uids] == left
        assert client.folder_status("INBOX", ["MESSAGES"])[b"MESSAGES"] == 3
    laptop.select_folder("Archive")
    [moved] = laptop.fetch(laptop.search("ALL"), ["BODY.PEEK[]"]).values()
    assert moved[b"BODY[]"] == letters[2].content


def test_both_clients_change_at_once_and_agree(eve: Mailbox) -> None:
    phone = eve.read()
    laptop = eve.read(not_on=worker_of(eve.server, phone.socket()))
    for _ in range(30):
        laptop.append("INBOX", Letter(eve.address, eve.address).content)
    phone.noop()
    for uid in range(1, 31):
        # Neither has heard of the other's last change when it makes its own.
        phone.add_flags(uid, ["\\Seen"] if uid % 2 else ["\\Answered"], silent=True)
        laptop.add_flags(uid, ["\\Flagged"], silent=True)
        if uid % 3 == 0:
            phone.delete_messages(uid, silent=True)
        if uid % 10 == 0:
            laptop.expunge()
    kept = [uid for uid in range(1, 31) if uid % 3]
    for client in (phone, laptop):
        eventually(lambda client=client: seen(client) == kept, SOON)
        for uid, flags in client.get_flags(kept).items():
            wanted = {b"\\Flagged", b"\\Seen" if uid % 2 else b"\\Answered"}
            assert set(flags) - {b"\\Recent"} == wanted
