"""mutt on a terminal: it reads, hears of new mail, files, deletes, and sends."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.letters import (
    ALICE,
    BOB,
    Letter,
    await_one,
    found,
    maildir,
    parsed,
    reading,
)
from tests.support.mutt import configure
from tests.support.programs import eventually, require, succeed
from tests.support.server import Server
from tests.support.terminal import terminal


@pytest.fixture(autouse=True, scope="module")
def _installed() -> None:
    require("mutt", "tmux")


@pytest.fixture
def mailbox(server: Server, request: pytest.FixtureRequest) -> Iterator[str]:
    """A new mailbox of bob's."""
    name = request.node.name.removeprefix("test_")
    with reading(server, BOB) as client:
        assert client.create(name)[0] == "OK"
    yield name
    with reading(server, BOB) as client:
        assert client.delete(name)[0] == "OK"


def append(server: Server, mailbox: str, letter: Letter) -> None:
    with reading(server, BOB) as client:
        assert client.append(mailbox, "", "", letter.content)[0] == "OK"


def flags(server: Server, mailbox: str) -> list[str]:
    with reading(server, BOB) as client:
        client.select(mailbox, readonly=True)
        return [line.decode() for line in client.fetch("1:*", "(FLAGS)")[1] if line]


def open_index(config: Path, mailbox: str, *keys: str) -> tuple[str | Path, ...]:
    return ("mutt", "-n", "-F", config, "-f", f"={mailbox}", *keys)


def test_reads_and_files_every_byte(server: Server, tmp_path: Path, mailbox: str) -> None:
    letter = Letter("ann@elsewhere.test", BOB)
    append(server, mailbox, letter)
    config = configure(tmp_path, server, BOB)
    with terminal(tmp_path, *open_index(config, mailbox)) as screen:
        screen.wait_for(letter.word, "ann@elsewhere", "1 N ")
        screen.type("Enter")
        screen.wait_for("Grüße aus Köln, 100 % wörtlich", ".dots at the beginning")
        screen.type("C")
        screen.wait_for("Copy to mailbox")
        screen.type("C-u", str(tmp_path / "copy"), "Enter")
        eventually(lambda: maildir(tmp_path / "copy"))
        screen.type("q", "q")  # the pager, the index
        assert screen.status() == 0
    [file] = maildir(tmp_path / "copy")
    assert without_notes(file.read_bytes()) == letter.content.replace(b"\r\n", b"\n")
    assert "\\Seen" in flags(server, mailbox)[0]


def without_notes(message: bytes) -> bytes:
    """Without what mutt notes about a message it has shown."""
    return re.sub(
        rb"^(X-Status|Status|Content-Length|Lines): .*\n", b"", message, flags=re.MULTILINE
    )


def test_new_mail_appears_and_deleted_mail_goes(
    server: Server, tmp_path: Path, mailbox: str
) -> None:
    first, second = Letter(ALICE, BOB), Letter(ALICE, BOB)
    append(server, mailbox, first)
    config = configure(tmp_path, server, BOB)
    with terminal(tmp_path, *open_index(config, mailbox)) as screen:
        screen.wait_for(first.word)
        append(server, mailbox, second)
        screen.wait_for(first.word, second.word, "Msgs:2")
        screen.type("D")
        screen.wait_for("Delete messages matching")
        screen.type(f"~s {first.word}", "Enter")
        screen.wait_for("Del:1")
        screen.type("$")
        screen.wait_for("Msgs:1")
        screen.type("q")
        assert screen.status() == 0
    with reading(server, BOB) as client:
        assert found(client, mailbox, "ALL") == [second.content]


def test_sends_and_keeps_a_copy(server: Server, tmp_path: Path) -> None:
    word = Letter(ALICE, BOB).word
    config = configure(tmp_path, server, ALICE)
    attached = tmp_path / "table.bin"
    attached.write_bytes(bytes(range(256)) * 40)
    succeed(
        *("mutt", "-n", "-F", config, "-s", f"{word} für Bob", "-a", attached, "--", BOB),
        input="Grüße\n.\nAlice\n".encode(),
    )
    message = parsed(await_one(server, BOB, "SUBJECT", word))
    assert message["Subject"] == f"{word} für Bob"
    body = message.get_body()
    assert body is not None
    assert body.get_content() == "Grüße\r\n.\r\nAlice\r\n"
    assert [part.get_content() for part in message.iter_attachments()] == [attached.read_bytes()]
    with reading(server, ALICE) as client:
        assert len(found(client, "Sent", "SUBJECT", word)) == 1
