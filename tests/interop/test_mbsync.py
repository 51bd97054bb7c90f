"""mbsync (isync): a mailbox there and a Maildir here, changed on both sides."""

import imaplib
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.letters import (
    Letter,
    add_account,
    assert_untouched,
    found,
    maildir,
    reading,
)
from tests.support.programs import require, succeed
from tests.support.server import Server

CONFIG = """\
IMAPAccount there
Host 127.0.0.1
Port {port}
User {user}
Pass "{password}"
SSLType IMAPS
SystemCertificates no
CertificateFile {certificate}

IMAPStore far
Account there

MaildirStore near
Path {folder}/
Inbox {folder}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
Sync All
SyncState *
"""


@pytest.fixture(autouse=True, scope="module")
def _installed() -> None:
    require("mbsync")


@dataclass(slots=True)
class Copy:
    """A Maildir that mbsync holds equal to an account."""

    server: Server
    address: str
    password: str
    folder: Path
    config: Path

    def sync(self) -> str:
        return succeed("mbsync", "--verbose", "--config", self.config, "--all")

    def read(self, mailbox: str) -> list[bytes]:
        with reading(self.server, self.address, self.password) as client:
            return found(client, mailbox, "ALL")

    def flags(self, mailbox: str) -> dict[str, set[str]]:
        """Flags by subject, without \\Recent."""
        with reading(self.server, self.address, self.password) as client:
            subjects = [_subject(message) for message in found(client, mailbox, "ALL")]
            lines = client.fetch("1:*", "(FLAGS)")[1]
        flags = [{flag.decode() for flag in imaplib.ParseFlags(line)} for line in lines]
        return {word: one - {"\\Recent"} for word, one in zip(subjects, flags, strict=True)}

    def files(self, mailbox: str) -> dict[str, Path]:
        """Messages of the Maildir by subject."""
        files = maildir(self.folder / mailbox)
        return {_subject(file.read_bytes()): file for file in files}

    def deliver(self, mailbox: str, letter: Letter) -> None:
        """Put a new message into the Maildir, as a mail program does."""
        name = f"1.{letter.word}.here"
        new = self.folder / mailbox / "new" / name
        new.write_bytes(letter.content.replace(b"\r\n", b"\n"))

    def mark(self, mailbox: str, subject: str, info: str) -> None:
        """Set the flags of a message of the Maildir."""
        file = self.files(mailbox)[subject]
        file.rename(file.parents[1] / "cur" / f"{file.name.split(':')[0]}:2,{info}")


def _subject(message: bytes) -> str:
    return message.split(b"\nSubject: ", 1)[1].split()[0].decode()


def unmarked(message: bytes) -> bytes:
    """Without the field by which mbsync finds what it copied."""
    return re.sub(rb"^X-TUID: .*\n", b"", message, flags=re.MULTILINE)


def content(file: Path) -> bytes:
    """A message of the Maildir as it was there, with CR LF."""
    return unmarked(file.read_bytes()).replace(b"\n", b"\r\n")


@pytest.fixture
def copy(server: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Copy]:
    """A new account and an empty folder."""
    address, password = add_account(server, request.node.name.replace("_", "-")[5:45])
    folder = tmp_path / "mail"
    folder.mkdir()
    config = tmp_path / "mbsyncrc"
    config.write_text(
        CONFIG.format(
            port=server.ports["imaps"],
            user=address,
            password=password,
            certificate=server.data / "tls" / "self-signed.pem",
            folder=folder,
        )
    )
    yield Copy(server, address, password, folder, config)
    shutil.rmtree(folder)


def append(copy: Copy, mailbox: str, letter: Letter, flags: str = "") -> None:
    with reading(copy.server, copy.address, copy.password) as client:
        assert client.append(mailbox, flags, "", letter.content)[0] == "OK"


def test_whole_account_comes_down_unchanged(copy: Copy) -> None:
    read, unread, archived = (Letter("ann@elsewhere.test", copy.address) for _ in range(3))
    append(copy, "INBOX", read, "\\Seen")
    append(copy, "INBOX", unread)
    append(copy, "Archive", archived)
    copy.sync()
    here = copy.files("INBOX")
    assert set(here) == {read.word, unread.word}
    assert content(here[read.word]) == read.content
    assert content(here[unread.word]) == unread.content
    assert here[read.word].name.endswith(":2,S")
    assert ":2," not in here[unread.word].name or here[unread.word].name.endswith(":2,")
    assert set(copy.files("Archive")) == {archived.word}
    boxes = {folder.name for folder in copy.folder.iterdir()}
    assert {"INBOX", "Archive", "Drafts", "Sent", "Trash"} <= boxes


def test_delivered_mail_comes_down_with_its_prefix(copy: Copy, tmp_path: Path) -> None:
    require("curl")
    letter = Letter("ann@elsewhere.test", copy.address)
    url = f"smtp://127.0.0.1:{copy.server.ports['smtp']}"
    envelope = ("--mail-from", letter.sender, "--mail-rcpt", letter.recipient)
    succeed("curl", "-sS", url, *envelope, "--upload-file", letter.write(tmp_path))
    copy.sync()
    assert_untouched(content(copy.files("INBOX")[letter.word]), letter.content)


def test_changes_go_both_ways(copy: Copy) -> None:
    kept, gone_there, gone_here, pushed = (Letter(copy.address, copy.address) for _ in range(4))
    for letter in (kept, gone_there, gone_here):
        append(copy, "INBOX", letter)
    copy.sync()
    assert set(copy.files("INBOX")) == {kept.word, gone_there.word, gone_here.word}

    # There: one is flagged, one is removed. Here: one is answered, one is removed, one is new.
    with reading(copy.server, copy.address, copy.password) as client:
        client.select("INBOX")
        client.store("1", "+FLAGS", "(\\Flagged)")
        client.store("2", "+FLAGS", "(\\Deleted)")
        client.expunge()
    copy.mark("INBOX", kept.word, "RS")
    copy.files("INBOX")[gone_here.word].unlink()
    copy.deliver("INBOX", pushed)
    copy.sync()

    assert copy.flags("INBOX") == {
        kept.word: {"\\Flagged", "\\Answered", "\\Seen"},
        pushed.word: set(),
    }
    assert set(copy.files("INBOX")) == {kept.word, pushed.word}
    assert copy.files("INBOX")[kept.word].name.endswith(":2,FRS")
    assert unmarked(copy.read("INBOX")[1]) == pushed.content

    # A new mailbox on each side.
    (copy.folder / "Here").mkdir()
    for box in ("cur", "new", "tmp"):
        (copy.folder / "Here" / box).mkdir()
    with reading(copy.server, copy.address, copy.password) as client:
        assert client.create("There")[0] == "OK"
    copy.sync()
    assert (copy.folder / "There" / "cur").is_dir()
    assert copy.read("Here") == []


def test_second_run_moves_nothing(copy: Copy) -> None:
    for _ in range(5):
        append(copy, "INBOX", Letter(copy.address, copy.address), "\\Flagged")
    copy.sync()
    before = snapshot(copy.folder)
    flags = copy.flags("INBOX")
    copy.sync()
    assert snapshot(copy.folder) == before
    assert copy.flags("INBOX") == flags
    assert len(copy.read("INBOX")) == 5


def snapshot(folder: Path) -> dict[str, bytes]:
    """All files of the Maildir and mbsync's state."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
