"""curl, which speaks SMTP and IMAP: what it sends is what it reads back."""

import re
from pathlib import Path

import pytest

from tests.support.letters import ALICE, BOB, Letter, assert_untouched
from tests.support.programs import require, run, succeed
from tests.support.server import Server


@pytest.fixture(autouse=True, scope="module")
def _installed() -> None:
    require("curl")


class Curl:
    """curl as one account."""

    def __init__(self, server: Server, address: str) -> None:
        self.ports = server.ports
        self.address = address
        self.login = ("--user", f"{address}:{server.logins[address]}")

    def imaps(self, path: str, *options: str) -> str:
        url = f"imaps://127.0.0.1:{self.ports['imaps']}/{path}"
        return succeed("curl", "-sSk", *self.login, url, *options)

    def read(self, path: str, file: Path, *options: str) -> bytes:
        """What an URL names, octet for octet."""
        self.imaps(path, "--output", str(file), *options)
        return file.read_bytes()

    def number(self, word: str, mailbox: str = "INBOX") -> int:
        """The sequence number of the one message with `word` in its subject."""
        found = self.imaps(mailbox, "--request", f"SEARCH SUBJECT {word}")
        matched = re.fullmatch(r"\* SEARCH (\d+)\r\n", found)
        assert matched, found
        return int(matched[1])


@pytest.fixture
def bob(server: Server) -> Curl:
    return Curl(server, BOB)


@pytest.fixture
def alice(server: Server) -> Curl:
    return Curl(server, ALICE)


def send(letter: Letter, file: Path, url: str, *options: str) -> tuple[int, str]:
    envelope = ("--mail-from", letter.sender, "--mail-rcpt", letter.recipient)
    return run("curl", "-sSk", url, *envelope, "--upload-file", file, *options)


def test_from_outside_and_back(bob: Curl, tmp_path: Path) -> None:
    for options in ([], ["--ssl-reqd"]):
        letter = Letter("ann@elsewhere.test", BOB)
        url = f"smtp://127.0.0.1:{bob.ports['smtp']}/client.test"
        status, said = send(letter, letter.write(tmp_path), url, *options)
        assert status == 0, said
        number = bob.number(letter.word)
        stored = bob.read(f"INBOX;MAILINDEX={number}", tmp_path / "read")
        assert_untouched(stored, letter.content)


@pytest.mark.parametrize("door", ["submission", "submissions"])
def test_alice_submits_and_bob_reads(alice: Curl, bob: Curl, tmp_path: Path, door: str) -> None:
    letter = Letter(ALICE, BOB)
    scheme = "smtps" if door == "submissions" else "smtp"
    url = f"{scheme}://127.0.0.1:{alice.ports[door]}"
    file = letter.write(tmp_path)
    status, said = send(letter, file, url, "--ssl-reqd", *alice.login)
    assert status == 0, said
    stored = bob.read(f"INBOX;MAILINDEX={bob.number(letter.word)}", tmp_path / "read")
    assert_untouched(stored, letter.content)


def test_unknown_recipient_and_wrong_password(alice: Curl, tmp_path: Path) -> None:
    letter = Letter("ann@elsewhere.test", "nobody@example.test")
    file = letter.write(tmp_path)
    status, said = send(letter, file, f"smtp://127.0.0.1:{alice.ports['smtp']}")
    assert (status, "RCPT failed: 550" in said) == (55, True), said
    wrong = ("--user", f"{ALICE}:wrong")
    status, said = run("curl", "-sSk", *wrong, f"imaps://127.0.0.1:{alice.ports['imaps']}/INBOX")
    assert status == 67, said  # CURLE_LOGIN_DENIED


def test_append_then_sections_and_ranges(alice: Curl, tmp_path: Path) -> None:
    letter = Letter(ALICE, BOB)
    alice.imaps("Drafts", "--upload-file", str(letter.write(tmp_path)))
    number = alice.number(letter.word, "Drafts")
    assert alice.read(f"Drafts;MAILINDEX={number}", tmp_path / "whole") == letter.content
    header, _, text = letter.content.partition(b"\r\n\r\n")
    at = f"Drafts;MAILINDEX={number};SECTION="
    assert alice.read(f"{at}TEXT", tmp_path / "text") == text
    assert alice.read(f"{at}HEADER", tmp_path / "header") == header + b"\r\n\r\n"
    assert alice.read(f"{at}1", tmp_path / "part") == text


def test_a_mailbox_in_the_clear_only_after_starttls(bob: Curl) -> None:
    url = f"imap://127.0.0.1:{bob.ports['imap']}/"
    status, said = run("curl", "-sSk", *bob.login, url)
    assert status != 0, said
    said = succeed("curl", "-sSk", "--ssl-reqd", *bob.login, url)
    names = set(re.findall(r'^\* LIST \([^)]*\) "/" (\S+)\r?$', said, re.MULTILINE))
    assert {"INBOX", "Drafts", "Sent", "Trash"} <= names


def test_flags_and_expunge(alice: Curl, tmp_path: Path) -> None:
    letter = Letter(ALICE, ALICE)
    alice.imaps("", "--request", "CREATE Curl")
    alice.imaps("Curl", "--upload-file", str(letter.write(tmp_path)))
    said = alice.imaps("Curl", "--request", "STORE 1 +FLAGS.SILENT (\\Flagged $Work)")
    said = alice.imaps("Curl", "--request", "FETCH 1 FLAGS")
    assert {"\\Flagged", "$Work"} <= set(re.findall(r"[\\$]\w+", said))
    alice.imaps("Curl", "--request", "STORE 1 +FLAGS (\\Deleted)")
    assert "* 1 EXPUNGE" in alice.imaps("Curl", "--request", "EXPUNGE")
    alice.imaps("", "--request", "DELETE Curl")
