"""OfflineIMAP: an account there and Maildirs here, changed on both sides."""

import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.letters import Letter, maildir
from tests.support.owner import Owner, word_of
from tests.support.programs import require, succeed

_CONFIG = """\
[general]
accounts = all
metadata = {folder}/state
socktimeout = 20

[Account all]
localrepository = near
remoterepository = far

[Repository near]
type = Maildir
localfolders = {folder}/mail

[Repository far]
type = IMAP
remotehost = 127.0.0.1
remoteport = {port}
remoteuser = {user}
remotepass = {password}
ssl = yes
cert_fingerprint = {fingerprint}
usecompression = no
"""


@pytest.fixture(autouse=True, scope="module")
def _installed() -> None:
    require("offlineimap")


@dataclass(slots=True)
class Copy:
    """Maildirs that OfflineIMAP holds equal to an account."""

    owner: Owner
    folder: Path
    config: Path

    def sync(self) -> str:
        return succeed("offlineimap", "-c", self.config, "-o", "-u", "basic")

    def files(self, mailbox: str = "INBOX") -> dict[str, Path]:
        """Messages by word."""
        return {word_of(file.read_bytes()): file for file in maildir(self.folder / mailbox)}

    def snapshot(self) -> dict[str, bytes]:
        return {
            str(file.relative_to(self.folder)): file.read_bytes()
            for file in sorted(self.folder.rglob("*"))
            if file.is_file()
        }


@pytest.fixture
def copy(owner: Owner, tmp_path: Path) -> Copy:
    port = owner.server.ports["imaps"]
    certificate = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", port)))
    config = tmp_path / "offlineimaprc"
    config.write_text(
        _CONFIG.format(
            folder=tmp_path,
            port=port,
            user=owner.address,
            password=owner.password,
            fingerprint=hashlib.sha1(certificate).hexdigest(),
        )
    )
    return Copy(owner, tmp_path / "mail", config)


def test_changes_go_both_ways_and_a_second_run_moves_nothing(copy: Copy) -> None:
    owner = copy.owner
    kept, gone_there, gone_here = owner.letters(3)
    owner.append(Letter(owner.address, owner.address), "Archive", "\\Seen")
    copy.sync()
    assert set(copy.files()) == {kept.word, gone_there.word, gone_here.word}
    # It writes header fields anew, and leaves the text as it is.
    [text] = copy.files()[kept.word].read_bytes().split(b"\n\n", 1)[1:]
    assert text == kept.content.split(b"\r\n\r\n", 1)[1].replace(b"\r\n", b"\n")
    [archived] = copy.files("Archive").values()
    assert archived.name.endswith(":2,S")

    # There: one is flagged, one removed. Here: one is answered, one removed, one new.
    owner.store("INBOX", kept.word, "\\Flagged")
    owner.store("INBOX", gone_there.word, "\\Deleted")
    file = copy.files()[kept.word]
    file.rename(file.parents[1] / "cur" / f"{file.name.split(':')[0]}:2,RS")
    copy.files()[gone_here.word].unlink()
    pushed = Letter(owner.address, owner.address)
    new = copy.folder / "INBOX" / "new" / "1.pushed.here"
    new.write_bytes(pushed.content.replace(b"\r\n", b"\n"))
    copy.sync()
    copy.sync()  # flags of messages that both sides have go one way in each run
    assert owner.flags() == {
        kept.word: {"\\Flagged", "\\Answered", "\\Seen"},
        pushed.word: set(),
    }
    assert set(copy.files()) == {kept.word, pushed.word}
    assert copy.files()[kept.word].name.endswith(":2,FRS")

    before, flags = copy.snapshot(), owner.flags()
    copy.sync()
    assert copy.snapshot() == before
    assert owner.flags() == flags
