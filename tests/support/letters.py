"""Letters with a word that finds them again, and how they are found in a mailbox of a server."""

import email.parser
import email.policy
import re
import ssl
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from imaplib import IMAP4_SSL
from pathlib import Path

from tests.support.programs import eventually
from tests.support.server import Server

ALICE, BOB, CAROL = "alice@example.test", "bob@example.test", "carol@remote.test"

# What we may write before a message (RFC 5321 §4.4).
_TRACE = {b"Return-Path", b"Delivered-To", b"Authentication-Results", b"Received", b"Received-SPF"}
_PASSWORD = "correct horse of a test"


def unique_word() -> str:
    """A word that stands nowhere else."""
    return f"w{uuid.uuid4().hex[:12]}"


@dataclass(slots=True)
class Letter:
    """A message that survives only where nobody touches its bytes; `word` is in its subject."""

    sender: str
    recipient: str
    word: str = field(default_factory=unique_word)

    @property
    def content(self) -> bytes:
        """CR LF lines: dots at their beginning, blanks at their end, 8 bits, 998 octets."""
        return "\r\n".join(
            (
                f"From: <{self.sender}>",
                f"To: <{self.recipient}>",
                f"Subject: {self.word}",
                "  on  two lines",
                "Date: Tue, 24 Nov 2026 04:00:00 +0000",
                f"Message-ID: <{self.word}@letters.test>",
                "MIME-Version: 1.0",
                "Content-Type: text/plain; charset=utf-8",
                "Content-Transfer-Encoding: 8bit",
                "x-lower:no blank",
                "",
                ".",
                "..",
                ".dots at the beginning",
                "blanks at the end \t ",
                "Grüße aus Köln, 100 % wörtlich",
                "From here on an mbox would change it",
                "x" * 998,
                "",
                "",
                "",
            )
        ).encode()

    def write(self, folder: Path) -> Path:
        """Its bytes as a file."""
        file = folder / f"{self.word}.eml"
        file.write_bytes(self.content)
        return file


def assert_untouched(stored: bytes, sent: bytes) -> bytes:
    """`stored` is `sent` after trace fields of ours; gives those."""
    assert stored.endswith(sent), stored.decode(errors="replace")
    prefix = stored[: len(stored) - len(sent)]
    assert prefix.startswith(b"Return-Path: <")
    names = re.findall(rb"^([^\s:]+):", prefix, re.MULTILINE)
    assert b"Received" in names
    assert set(names) <= _TRACE
    assert prefix.endswith(b"\r\n")
    assert re.search(rb"(?<!\r)\n", prefix) is None
    return prefix


def add_account(server: Server, name: str) -> tuple[str, str]:
    """A new account of example.test; gives its address and password."""
    address = f"{name}@example.test"
    done = server.cli("account", "add", address, "--password-stdin", input=f"{_PASSWORD}\n")
    assert done.returncode == 0, done.stderr
    return address, _PASSWORD


def trusting() -> ssl.SSLContext:
    """For clients that take the self-signed certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@contextmanager
def reading(server: Server, address: str, password: str | None = None) -> Iterator[IMAP4_SSL]:
    """A session of Python's IMAP client, logged in."""
    port = server.ports["imaps"]
    with IMAP4_SSL("127.0.0.1", port, ssl_context=trusting(), timeout=30) as client:
        client.login(address, password or server.logins[address])
        yield client


def found(client: IMAP4_SSL, mailbox: str, *criteria: str) -> list[bytes]:
    """The messages of a mailbox that a search finds, whole, in order; leaves flags as they are."""
    assert client.select(mailbox, readonly=True)[0] == "OK"
    numbers = client.search(None, *criteria)[1][0].split()
    if not numbers:
        return []
    lines = client.fetch(b",".join(numbers).decode(), "(BODY.PEEK[])")[1]
    return [line[1] for line in lines if isinstance(line, tuple)]


def await_one(
    server: Server, address: str, *criteria: str, password: str | None = None, seconds: float = 20.0
) -> bytes:
    """The message of the INBOX that a search finds, as soon as there is one; one and no more."""

    def look() -> list[bytes]:
        with reading(server, address, password) as client:
            return found(client, "INBOX", *criteria)

    messages = eventually(look, seconds)
    assert len(messages) == 1
    return messages[0]


def parsed(message: bytes) -> EmailMessage:
    """As Python's e-mail parser sees it; no defect anywhere."""
    policy = email.policy.default.clone(raise_on_defect=True)
    return email.parser.BytesParser(EmailMessage, policy=policy).parsebytes(message)


def maildir(folder: Path) -> Sequence[Path]:
    """The messages of a Maildir."""
    return sorted(file for box in ("new", "cur") for file in (folder / box).glob("*"))
