"""fetchmail: mail of one account goes on by SMTP to another, here on the same server."""

from pathlib import Path

import pytest

from tests.support.owner import Owner
from tests.support.programs import require, run

_CONFIG = """\
poll 127.0.0.1 protocol imap port {port}
    user "{user}" password "{password}" {options}
    smtphost 127.0.0.1/{smtp} smtpname "{receiver}"
    folder {folder}
    ssl no sslcertck
"""
_NOTHING_NEW = 1


@pytest.fixture(autouse=True, scope="module")
def _installed() -> None:
    require("fetchmail")


def fetch(owner: Owner, receiver: Owner, home: Path, folder: str, options: str = "") -> int:
    """Run it; gives its exit status."""
    config = home / "fetchmailrc"
    config.write_text(
        _CONFIG.format(
            port=owner.server.ports["imaps"],
            user=owner.address,
            password=owner.password,
            options=options,
            receiver=receiver.address,
            smtp=owner.server.ports["smtp"],
            folder=folder,
        )
    )
    config.chmod(0o600)
    status, said = run(
        *("fetchmail", "-f", config, "--pidfile", home / "pid", "--nosyslog", "-v"),
        FETCHMAILHOME=str(home),
    )
    assert status in (0, _NOTHING_NEW), said
    return status


def test_mail_goes_on_once_kept_or_deleted(owner: Owner, tmp_path: Path) -> None:
    receiver = Owner.make(owner.server)
    letters = owner.letters(2)
    assert fetch(owner, receiver, tmp_path, "INBOX", "keep") == 0
    taken = receiver.read()
    assert [text(message) for message in taken] == [text(letter.content) for letter in letters]
    assert owner.flags() == {letter.word: {"\\Seen"} for letter in letters}
    assert fetch(owner, receiver, tmp_path, "INBOX", "keep") == _NOTHING_NEW
    assert receiver.read() == taken

    owner.append(letters[0], "Archive")
    assert fetch(owner, receiver, tmp_path, "Archive") == 0
    assert owner.read("Archive") == []
    assert len(receiver.read()) == 3


def text(message: bytes) -> bytes:
    return message.split(b"\r\n\r\n", 1)[1]
