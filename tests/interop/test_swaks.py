"""swaks, as another mail server on port 25 and as alice on 587 and 465."""

import re
from pathlib import Path

import pytest

from tests.support.letters import ALICE, BOB, Letter, assert_untouched, await_one
from tests.support.programs import require, run
from tests.support.server import Server

STRANGER = "ann@elsewhere.test"


@pytest.fixture(autouse=True, scope="module")
def _installed() -> None:
    require("swaks")


def swaks(
    server: Server, door: str, letter: Letter, folder: Path, *options: str
) -> tuple[int, str]:
    """Send `letter`; gives the exit status and the conversation."""
    file = folder / "data"
    file.write_bytes(letter.content.removesuffix(b"\r\n"))  # swaks puts one before the final dot
    envelope = ("--from", letter.sender, "--to", letter.recipient)
    data = ("--data", f"@{file}", "--helo", "client.test")
    return run("swaks", "--server", f"127.0.0.1:{server.ports[door]}", *envelope, *data, *options)


def as_alice(server: Server, mechanism: str) -> tuple[str, ...]:
    password = server.logins[ALICE]
    return ("--auth", mechanism, "--auth-user", ALICE, "--auth-password", password)


@pytest.mark.parametrize(("options", "keyword"), [((), "ESMTP"), (("-tls",), "ESMTPS")])
def test_mail_from_outside(
    server: Server, tmp_path: Path, options: tuple[str, ...], keyword: str
) -> None:
    letter = Letter(STRANGER, BOB)
    status, said = swaks(server, "smtp", letter, tmp_path, *options)
    assert status == 0, said
    assert re.search(r"^<[-~]  250 2\.0\.0 accepted as \S+$", said, re.MULTILINE)
    assert ("=== TLS started" in said) is ("-tls" in options)
    prefix = assert_untouched(await_one(server, BOB, "SUBJECT", letter.word), letter.content)
    assert prefix.startswith(b"Return-Path: <ann@elsewhere.test>\r\n")
    unfolded = prefix.replace(b"\r\n\t", b" ").decode()
    assert f" with {keyword} id " in unfolded
    assert "Received: from client.test (unknown [127.0.0.1]) by " in unfolded
    assert "Delivered-To: bob@example.test\r\n" in unfolded


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize(("door", "tls"), [("submission", "-tls"), ("submissions", "-tlsc")])
def test_alice_submits(server: Server, tmp_path: Path, door: str, tls: str, mechanism: str) -> None:
    letter = Letter(ALICE, BOB)
    status, said = swaks(server, door, letter, tmp_path, tls, *as_alice(server, mechanism))
    assert status == 0, said
    assert f"~> AUTH {mechanism}" in said
    assert "<~  235 2.7.0 " in said
    prefix = assert_untouched(await_one(server, BOB, "SUBJECT", letter.word), letter.content)
    unfolded = prefix.replace(b"\r\n\t", b" ")
    assert b" with ESMTPSA id " in unfolded
    assert b"127.0.0.1" not in unfolded


@pytest.mark.parametrize(
    ("door", "options", "seen"),
    [
        ("smtp", ("--pipeline",), "with ESMTP id"),
        ("smtp", ("--pipeline", "-tls"), "with ESMTPS id"),
        ("smtp", ("--protocol", "SMTP"), "with SMTP id"),
        ("smtp", ("-tls", "--tls-protocol", "tlsv1_2"), "with ESMTPS id"),
        ("smtp", ("-tls", "--tls-sni", "mail.example.test"), "with ESMTPS id"),
        ("lmtp", ("--protocol", "LMTP"), "with LMTP id"),
    ],
)
def test_other_ways_to_speak(
    server: Server, tmp_path: Path, door: str, options: tuple[str, ...], seen: str
) -> None:
    letter = Letter(STRANGER, BOB)
    status, said = swaks(server, door, letter, tmp_path, *options)
    assert status == 0, said
    prefix = assert_untouched(await_one(server, BOB, "SUBJECT", letter.word), letter.content)
    assert seen in prefix.replace(b"\r\n\t", b" ").decode()


@pytest.mark.parametrize(
    ("door", "sender", "recipient", "options", "answer"),
    [
        ("smtp", STRANGER, "nobody@example.test", (), "550 5.1.1 "),
        ("smtp", STRANGER, "carol@remote.test", (), "550 5.7.1 "),
        ("submission", ALICE, BOB, ("-tls",), "530 5.7.0 "),
        ("submission", ALICE, BOB, (), "530 5.7.0 "),
    ],
)
def test_what_is_refused(
    server: Server,
    tmp_path: Path,
    door: str,
    sender: str,
    recipient: str,
    options: tuple[str, ...],
    answer: str,
) -> None:
    letter = Letter(sender, recipient)
    status, said = swaks(server, door, letter, tmp_path, *options)
    assert status in {23, 24}, said  # swaks: MAIL or RCPT refused
    assert re.search(rf"^<(\*\*|~\*) {re.escape(answer)}", said, re.MULTILINE), said


def test_login_is_not_offered_in_the_clear(server: Server, tmp_path: Path) -> None:
    letter = Letter(ALICE, BOB)
    status, said = swaks(server, "submission", letter, tmp_path, *as_alice(server, "PLAIN"))
    assert status == 28, said  # swaks: AUTH not advertised
    assert server.logins[ALICE] not in said.replace(" ".join(as_alice(server, "PLAIN")), "")
    assert "AUTH PLAIN" not in said


def test_wrong_password(server: Server, tmp_path: Path) -> None:
    letter = Letter(ALICE, BOB)
    wrong = ("--auth", "PLAIN", "--auth-user", ALICE, "--auth-password", "wrong")
    status, said = swaks(server, "submission", letter, tmp_path, "-tls", *wrong)
    assert status == 28, said
    assert "<~* 535 5.7.8 " in said


def test_not_as_somebody_else(server: Server, tmp_path: Path) -> None:
    letter = Letter(BOB, ALICE)
    status, said = swaks(
        server, "submissions", letter, tmp_path, "-tlsc", *as_alice(server, "PLAIN")
    )
    assert status == 23, said
    assert re.search(r"^<~\* 55\d 5\.7\.1 ", said, re.MULTILINE), said
