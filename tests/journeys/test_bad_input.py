"""Bad input at the doors of a whole server with one worker: clear errors, the same process, memory.

What a server may not refuse, broken messages, is stored as it is, and IMAP can show it.
"""

import re
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from email import message_from_bytes
from imaplib import IMAP4
from pathlib import Path

import psutil
import pytest

from tests.support.broken_mail import BROKEN
from tests.support.letters import BOB, assert_untouched, found, reading
from tests.support.programs import eventually
from tests.support.server import Server, running
from tests.support.wire import at_imap, connected

LIMIT = 4 << 20  # bytes of a message: settings of this server
MOST = 128 << 20  # bytes that the worker may grow by at its peak, over all of these tests
FLOOD = 1 << 20  # bytes that one client sends without saying anything
CLIENTS = 50  # who do so at the same time


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One worker, so that it is known who has to survive; memory is measured over all tests."""
    settings = {
        "MAILSERVER__SMTP__MAX_MESSAGE_SIZE": str(LIMIT),
        "MAILSERVER__IMAP__MAX_LITERAL": str(LIMIT),
    }
    with running(tmp_path_factory.mktemp("bad") / "var", workers=1, **settings) as started:
        [worker] = started.workers()
        before = worker.memory_info().rss
        yield started
        assert started.workers() == [worker]
        grown = peak(worker) - before
        assert grown < MOST, f"{grown >> 20} MB more at its peak"
        assert started.stop() == 0
        assert not any("Traceback" in line for line in started.output)


def peak(process: psutil.Process) -> int:
    """The most memory that a process ever had, in bytes (proc(5): VmHWM)."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    found_at = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found_at
    return int(found_at[1]) * 1024


@pytest.fixture(autouse=True)
def worker(server: Server) -> Iterator[psutil.Process]:
    """The worker before, the same one after."""
    [before] = server.workers()
    yield before
    assert server.workers() == [before]
    with connected(server.ports["smtp"]) as wire:
        assert wire.until(b"220 ")
    with connected(server.ports["imap"]) as wire:
        assert wire.until(rb"\* OK ")


# ── SMTP ────────────────────────────────────────────────────────────────────────────────────

HELLO = b"EHLO client.test\r\n"
SENDER = b"MAIL FROM:<ann@elsewhere.test>\r\n"
TO_BOB = SENDER + b"RCPT TO:<bob@example.test>\r\n"
ENVELOPE = TO_BOB + b"DATA\r\n"

AT_SMTP = {
    "line of 1 MB": (b"NOOP " + b"x" * FLOOD + b"\r\n", rb"500 5\.5\.[26] "),
    "NUL": (b"NO\0OP\r\n", rb"50[01] 5\.5\.[0-9] "),
    "bare LF": (b"NOOP\nNOOP\r\n", rb"50[01] 5\.5\.[0-9] "),
    "bare CR": (b"NOOP \rNOOP\r\n", rb"(50[01]|250) "),
    "larger than allowed, as it says": (
        HELLO + b"MAIL FROM:<ann@elsewhere.test> SIZE=%d\r\n" % (LIMIT + 1),
        rb"552 5\.3\.4 ",
    ),
    "larger than allowed": (
        HELLO + ENVELOPE + b"x" * 76 * 1024 + (b"y" * 998 + b"\r\n") * (LIMIT // 1000) + b".\r\n",
        rb"552 5\.3\.4 ",
    ),
    "mail before hello": (ENVELOPE, rb"503 5\.5\.1 "),
    "unknown command": (HELLO + b"XYZZY\r\n", rb"500 5\.5\.[12] "),
    "8 bits in a mailbox name": (HELLO + b"MAIL FROM:<\xff\xfe@x.test>\r\n", rb"55?[0-9]+ 5\."),
    "UTF-8 without SMTPUTF8": (
        HELLO + "MAIL FROM:<grüße@elsewhere.test>\r\n".encode(),
        rb"5[05][0-9] 5\.[0-9]\.[0-9] ",
    ),
    "bare LF in a message": (
        HELLO + ENVELOPE + b"Subject: x\r\n\r\nline\n.\nMAIL FROM:<a@b.test>\r\n.\r\n",
        rb"5[05][0-9] 5\.[0-9]\.[0-9]+ ",
    ),
    "bytes of no protocol": (bytes(range(128, 256)) * 100 + b"\r\n", rb"500 "),
    "8 bits in a recipient": (
        HELLO + SENDER + b"RCPT TO:<\xff@example.test>\r\n",
        rb"553 5\.6\.7 ",
    ),
    "chunk before hello": (b"BDAT 6 LAST\r\nQUIT\r\n", rb"503 5\.5\.1 "),
    "chunk without recipient": (HELLO + SENDER + b"BDAT 6\r\nQUIT\r\n", rb"503 5\.5\.1 "),
    "chunk that is last of something else": (
        HELLO + TO_BOB + b"BDAT 6 FIRST\r\nQUIT\r\n",
        rb"501 5\.5\.4 ",
    ),
    "chunk larger than allowed": (
        HELLO + TO_BOB + b"BDAT %d LAST\r\n" % (LIMIT + 1) + b"x" * (LIMIT + 1),
        rb"552 5\.3\.4 ",
    ),
    "chunks larger than allowed": (
        HELLO + TO_BOB + (b"BDAT %d\r\n" % FLOOD + b"x" * FLOOD) * 5 + b"BDAT 0 LAST\r\n",
        rb"552 5\.3\.4 ",
    ),
    "bare LF in a chunk": (
        HELLO + TO_BOB + b"BDAT 14 LAST\r\nx\n.\nMAIL FROM:",
        rb"550 5\.6\.11 ",
    ),
    "DATA among chunks": (HELLO + TO_BOB + b"BDAT 2\r\nx\rDATA\r\n", rb"503 5\.5\.1 "),
    "DATA of binary content": (
        HELLO + TO_BOB.replace(b">", b"> BODY=BINARYMIME", 1) + b"DATA\r\n",
        rb"503 5\.5\.1 ",
    ),
}


@pytest.mark.parametrize("name", AT_SMTP)
def test_smtp_says_what_is_wrong(server: Server, name: str) -> None:
    sent, wanted = AT_SMTP[name]
    with connected(server.ports["smtp"]) as wire:
        assert wire.until(b"220 ")
        wire.send(sent)
        assert wire.until(wanted), wire.got
        # The session goes on: nothing of what was sent is taken for a command.
        wire.send(b"NOOP\r\nQUIT\r\n")
        assert wire.until(b"250 2")
        assert wire.until(b"221 ")


def test_smtp_ends_with_who_says_nothing_but_nonsense(server: Server) -> None:
    with connected(server.ports["smtp"]) as wire:
        assert wire.until(b"220 ")
        wire.send(bytes(range(256)) * 100)
        assert wire.until(b"421 ")
        assert wire.until(b"never said") == b""


ANOTHER_PROTOCOL = {
    "TLS": (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", rb"554 5\.5\.1 "),
    "HTTP": (b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", rb"554 5\.5\.1 "),
    "chunk without a size": (b"BDAT\r\nMAIL FROM:<a@b.test>\r\n", rb"501 5\.5\.4 "),
    "chunk of a size that is none": (b"BDAT -1\r\nMAIL FROM:<a@b.test>\r\n", rb"501 5\.5\.4 "),
    "chunk that nobody reads": (b"BDAT 99999999999 LAST\r\n" + b"x" * FLOOD, rb"421 4\.3\.0 "),
}


@pytest.mark.parametrize("door", ["smtp", "lmtp"])
@pytest.mark.parametrize("name", ANOTHER_PROTOCOL)
def test_smtp_ends_where_nobody_knows_what_follows(server: Server, door: str, name: str) -> None:
    sent, wanted = ANOTHER_PROTOCOL[name]
    with connected(server.ports[door]) as wire:
        assert wire.until(b"220 ")
        wire.send(sent)
        assert wire.until(wanted), wire.got
        assert wire.until(b"never said") == b""


@pytest.mark.parametrize(("door", "hello"), [("smtp", b"EHLO"), ("lmtp", b"LHLO")])
def test_a_flood_of_recipients_is_stopped_at_the_limit(
    server: Server, door: str, hello: bytes
) -> None:
    with connected(server.ports[door]) as wire:
        wire.send(hello + b" client.test\r\n" + SENDER)
        assert wire.until(rb"250 2\.1\.0 ")
        for first in range(0, 100_000, 1000):
            wire.send(b"RCPT TO:<bob@example.test>\r\n" * 1000 + b"NOOP\r\n")
            if first < 1000:
                assert wire.until(rb"250 2\.1\.5 ")
            else:
                assert wire.until(rb"452 4\.5\.3 ")
            assert wire.until(rb"250 2\.0\.0 ")
        wire.send(b"QUIT\r\n")
        assert wire.until(b"221 ")


def test_clients_that_vanish_in_a_chunk_leave_nothing(server: Server) -> None:
    for _ in range(CLIENTS):
        with connected(server.ports["smtp"]) as wire:
            wire.send(HELLO + TO_BOB + b"BDAT %d LAST\r\n" % LIMIT + b"x" * FLOOD)
            # no FIN but RST
            wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    eventually(lambda: not list((server.data / "scratch").iterdir()))


def test_smtp_lines_without_an_end_are_not_kept(server: Server) -> None:
    with ExitStack() as stack:
        for _ in range(CLIENTS):
            wire = stack.enter_context(connected(server.ports["smtp"]))
            assert wire.until(b"220 ")
            wire.send(b"x" * 2 * FLOOD)


@pytest.mark.parametrize("name", BROKEN)
def test_broken_message_by_smtp_is_stored_as_it_is(server: Server, name: str) -> None:
    message = BROKEN[name]
    with connected(server.ports["smtp"]) as wire:
        wire.send(HELLO + ENVELOPE)
        assert wire.until(b"354 ")
        wire.send(message.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        assert wire.until(rb"250 2\.0\.0 "), wire.got
    with reading(server, BOB) as client:
        stored = found(client, "INBOX", "HEADER", "Message-ID", f"<{name}@")[-1]
    # RFC 3501 §9: IMAP has no way to tell a NUL in a literal
    assert_untouched(stored, message.replace(b"\0", b"\x80"))


def test_binary_content_can_be_read(server: Server) -> None:
    binary = bytes(range(256)) * 4 + b"\n.\n\r"
    message = b"Subject: binary\r\nContent-Transfer-Encoding: binary\r\n\r\n" + binary
    with connected(server.ports["smtp"]) as wire:
        wire.send(HELLO + TO_BOB.replace(b">", b"> BODY=BINARYMIME", 1))
        wire.send(b"BDAT %d LAST\r\n" % len(message) + message)
        assert wire.until(rb"250 2\.0\.0 "), wire.got
    with reading(server, BOB) as client:
        [stored] = found(client, "INBOX", "SUBJECT", "binary")
        assert client.search(None, "BODY", "nowhere")[0] == "OK"
    # RFC 3501 §9: a literal holds no NUL, and so what has some is kept in base64
    assert b"\0" not in stored
    assert message_from_bytes(stored).get_payload(decode=True) == binary


# ── IMAP ────────────────────────────────────────────────────────────────────────────────────


AT_IMAP = {
    "line of 1 MB": (b"a NOOP " + b"x" * FLOOD + b"\r\n", rb"(a|\*) (BAD|NO) "),
    "NUL": (b"a NO\0OP\r\n", rb"(a|\*) BAD "),
    "NUL in a string": (b'a SELECT "IN\0BOX"\r\n', rb"(a|\*) BAD "),
    "bare LF": (b"a NOOP\nb NOOP\r\n", rb"(a|\*) (BAD|OK) "),
    "unknown command": (b"a XYZZY\r\n", rb"a BAD "),
    "no tag": (b"NOOP\r\n", rb"(\*|NOOP) BAD "),
    "tag of 1 KB": (b"a" * 1024 + b" XYZZY\r\n", rb"(a+|\*) BAD "),
    "8 bits in a mailbox name": (b'a CREATE "\xff\xfe"\r\n', rb"a (BAD|NO) "),
    "8 bits in an atom": (b"a CREATE \xff\xfe\r\n", rb"(a|\*) (BAD|NO) "),
    "broken modified UTF-7": (b'a CREATE "&&&-"\r\n', rb"a (BAD|NO) "),
    "literal larger than allowed": (b"a APPEND INBOX {%d}\r\n" % (LIMIT + 1), rb"a (NO|BAD) "),
    "literal of 20 digits": (b"a APPEND INBOX {99999999999999999999}\r\n", rb"a (NO|BAD) "),
    "literal in place of a command": (b"a {5}\r\n", rb"a BAD |\+ "),
    "parentheses 10,000 deep": (
        b"a SEARCH " + b"(" * 10_000 + b"ALL" + b")" * 10_000 + b"\r\n",
        rb"a BAD ",
    ),
    "NOT 10,000 times": (b"a SEARCH " + b"NOT " * 10_000 + b"ALL\r\n", rb"a (BAD|OK) "),
    "sets of everything": (b"a FETCH " + b"1:*," * 10_000 + b"1 FLAGS\r\n", rb"a (BAD|OK|NO) "),
    "a million ranges": (b"a FETCH " + b"1:2," * 1_000_000 + b"1 FLAGS\r\n", rb"(a|\*) BAD "),
    "search of 100 levels": (
        b"a SEARCH " + b"(" * 100 + b"ALL" + b")" * 100 + b"\r\n",
        rb"a OK ",
    ),
    "search of 102 levels": (
        b"a SEARCH " + b"(" * 102 + b"ALL" + b")" * 102 + b"\r\n",
        rb"a BAD ",
    ),
    "list of 1,000 levels": (
        b"a FETCH 1 " + b"(" * 1_000 + b"FLAGS" + b")" * 1_000 + b"\r\n",
        rb"a BAD ",
    ),
    "number too large": (b"a UID FETCH 99999999999999 FLAGS\r\n", rb"a BAD "),
    "bytes of no protocol": (bytes(range(14, 256)) * 100 + b"\r\n", rb"(\S+) (BAD|NO) "),
}


@pytest.mark.parametrize("name", AT_IMAP)
def test_imap_says_what_is_wrong(server: Server, name: str) -> None:
    sent, wanted = AT_IMAP[name]
    with at_imap(server, login=True) as wire:
        wire.send(sent)
        answer = wire.until(wanted)
        assert answer, wire.got
        if answer.startswith(b"+ "):
            wire.send(b"12345\r\n")
        wire.send(b"z NOOP\r\n")
        assert wire.until(b"z OK ")


BEFORE_LOGIN = {
    "literal before login": (b"a LOGIN {100000}\r\n", rb"a (BAD|NO) "),
    "literal+ before login": (b"a LOGIN {100000+}\r\n" + b"x" * 100_000, rb"(a|\*) (BAD|NO|BYE) "),
    "message before login": (b"a APPEND INBOX {%d}\r\n" % LIMIT, rb"a (BAD|NO) "),
    "line of 1 MB before login": (b"a LOGIN " + b"x" * FLOOD + b"\r\n", rb"(a|\*) (BAD|BYE) "),
    "command before login": (b"a SELECT INBOX\r\n", rb"a BAD |a NO "),
    "another protocol": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", rb"(GET|\*) (BAD|BYE) "),
}


@pytest.mark.parametrize("name", BEFORE_LOGIN)
def test_imap_before_login(server: Server, name: str) -> None:
    sent, wanted = BEFORE_LOGIN[name]
    with at_imap(server, login=False) as wire:
        wire.send(sent)
        assert wire.until(wanted), wire.got


@pytest.mark.parametrize(
    "beginning", [b"", b"a NOOP ", b"a LOGIN {999999999+}\r\n", b"a APPEND INBOX {999999999+}\r\n"]
)
def test_imap_input_that_never_ends_is_not_kept(server: Server, beginning: bytes) -> None:
    with ExitStack() as stack:
        for number in range(CLIENTS):
            wire = stack.enter_context(at_imap(server, login=number % 2 == 0))
            wire.send(beginning + b"x" * 2 * FLOOD)


@pytest.mark.parametrize("name", BROKEN)
def test_broken_message_can_be_shown(server: Server, name: str) -> None:
    message = BROKEN[name]
    with reading(server, BOB) as client:
        client.create("Broken")
        if name == "nul":  # RFC 3501 §9: a literal is of CHAR8, which leaves NUL out
            with pytest.raises(IMAP4.error, match="NUL"):
                client.append("Broken", "", "", message)
            return
        status, answer = client.append("Broken", "", "", message)
        assert status == "OK", answer
        assert found(client, "Broken", "HEADER", "Message-ID", f"<{name}@") == [message]
        [exists] = client.select("Broken")[1]
        number = exists.decode()
        parts = "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE)"
        lines = client.fetch(number, parts)[1]
        shown = b"".join(b"".join(line) if isinstance(line, tuple) else line for line in lines)
        assert b" BODYSTRUCTURE (" in shown
        assert b"RFC822.SIZE %d" % len(message) in shown
        for section in ("HEADER", "TEXT", "1", "1.MIME", "HEADER.FIELDS (SUBJECT CC X-FIELD)"):
            assert client.fetch(number, f"(BODY.PEEK[{section}])")[0] == "OK"
        assert client.search(None, "TEXT", "innermost")[0] == "OK"
        status, answer = client.store(number, "+FLAGS", "(\\Flagged)")
        assert status == "OK", answer
