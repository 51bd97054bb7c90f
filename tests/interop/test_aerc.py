"""aerc on a terminal: it lists, opens, flags, moves, deletes, and hears of new mail."""

from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.owner import Owner, word_of
from tests.support.programs import eventually, require
from tests.support.terminal import terminal

_ACCOUNTS = """\
[there]
source = imaps://{user}:{password}@localhost:{port}
from = <{address}>
default = INBOX
cache-headers = false
"""
_CONFIG = """\
[general]
unsafe-accounts-conf = true
[ui]
sort = arrival
[filters]
text/plain = cat
"""


@pytest.fixture(autouse=True, scope="module")
def _installed() -> None:
    require("aerc", "tmux")


def test_opens_flags_moves_and_deletes(owner: Owner, tmp_path: Path) -> None:
    kept, moved, deleted = owner.letters(3)
    folder = tmp_path / "aerc"
    folder.mkdir()
    (folder / "accounts.conf").write_text(
        _ACCOUNTS.format(
            user=quote(owner.address, safe=""),
            password=quote(owner.password),
            address=owner.address,
            port=owner.server.ports["imaps"],
        )
    )
    (folder / "accounts.conf").chmod(0o600)
    (folder / "aerc.conf").write_text(_CONFIG)
    environment = (
        f"XDG_CONFIG_HOME={tmp_path}",
        f"XDG_CACHE_HOME={tmp_path}",
        f"XDG_DATA_HOME={tmp_path}",
        f"XDG_RUNTIME_DIR={tmp_path}",
        f"SSL_CERT_FILE={owner.server.data / 'tls' / 'self-signed.pem'}",
    )
    with terminal(tmp_path, "env", *environment, "aerc") as screen:
        shown = screen.wait_for(kept.word, moved.word, deleted.word, "Archive")
        # By the order on the screen, whatever it is.
        words = sorted((kept.word, moved.word, deleted.word), key=shown.index)

        def go_to(word: str) -> None:
            screen.type(f":select {words.index(word)}", "Enter")

        go_to(kept.word)
        screen.type(":flag", "Enter")
        eventually(lambda: owner.flags()[kept.word] == {"\\Flagged"})
        go_to(moved.word)
        screen.type(":move Archive", "Enter")
        eventually(lambda: len(owner.read("Archive")) == 1)
        words.remove(moved.word)
        go_to(deleted.word)
        screen.type(":delete", "Enter")
        eventually(lambda: [word_of(message) for message in owner.read()] == [kept.word])
        [arriving] = owner.letters(1)
        screen.wait_for(arriving.word)
        words.append(arriving.word)
        go_to(kept.word)
        screen.type(":view", "Enter")
        screen.wait_for("Grüße aus Köln")
        screen.type(":quit", "Enter")
        assert screen.status() == 0
    assert [word_of(message) for message in owner.read("Archive")] == [moved.word]
    assert set(owner.flags()) == {kept.word, arriving.word}
