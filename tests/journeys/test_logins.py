"""Two servers on one database: what changes at one of them counts at the other."""

import contextlib
import imaplib
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server import Server, running

ADDRESS, FIRST, SECOND = "carol@acme.test", "first password", "second password"
STRICT = {
    # nobody is exempt, and an account takes four wrong passwords
    "MAILSERVER__LIMITS__EXEMPT_NETWORKS": '["192.0.2.0/24"]',
    "MAILSERVER__LIMITS__FAILED_LOGINS_PER_ACCOUNT": "4",
    "MAILSERVER__LIMITS__FAILED_LOGIN_DELAY": "0.01",
}


@pytest.fixture
def pair(dsn: str, tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    """Two servers of one database, and an account."""
    options = {"workers": 1, "roles": ("submission", "imap"), "MAILSERVER__DATABASE__DSN": dsn}
    with (
        running(tmp_path / "one", **options, **STRICT) as one,
        running(tmp_path / "two", **options, **STRICT) as two,
    ):
        for command in (
            ("org", "add", "acme"),
            ("domain", "add", "acme.test", "--organization", "acme"),
            ("domain", "activate", "acme.test"),
        ):
            done = one.cli(*command)
            assert done.returncode == 0, done.stderr
        done = one.cli("account", "add", ADDRESS, "--password-stdin", input=FIRST)
        assert done.returncode == 0, done.stderr
        yield one, two


def login(server: Server, password: str) -> str:
    """What IMAP says to a login."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    client = imaplib.IMAP4_SSL("127.0.0.1", server.ports["imaps"], ssl_context=context)
    with contextlib.closing(client.sock):
        try:
            client.login(ADDRESS, password)
        except imaplib.IMAP4.error as error:
            return str(error)
        return "OK"


def test_a_new_password_counts_at_the_other_server_at_once(pair: tuple[Server, Server]) -> None:
    one, two = pair
    for server in pair:
        assert login(server, FIRST) == "OK"  # and is remembered now
    assert one.cli("account", "password", ADDRESS, "--password-stdin", input=SECOND).returncode == 0
    assert "AUTHENTICATIONFAILED" in login(two, FIRST)
    assert login(two, SECOND) == "OK"
    assert one.cli("account", "suspend", ADDRESS).returncode == 0
    assert "AUTHENTICATIONFAILED" in login(two, SECOND)


def test_failures_are_counted_together_and_cleared_by_an_operator(
    pair: tuple[Server, Server],
) -> None:
    one, two = pair
    for number, server in enumerate((one, two, one, two)):
        assert "AUTHENTICATIONFAILED" in login(server, f"wrong password {number}")
    for server in pair:
        assert "UNAVAILABLE" in login(server, FIRST)
    held = {row["subject"]: row for row in two.json("limits", "logins", "list")}
    assert set(held) == {ADDRESS, "127.0.0.0/24"}
    assert held[ADDRESS]["refused"] is True
    assert held["127.0.0.0/24"]["refused"] is False
    assert one.cli("limits", "logins", "clear", ADDRESS).returncode == 0
    for server in pair:
        assert login(server, FIRST) == "OK"
    # now it is known where she is: an attack from elsewhere does not lock her out
    for number, server in enumerate((one, two, one, two)):
        login(server, f"other password {number}")
    assert login(two, FIRST) == "OK"
    assert one.cli("limits", "logins", "clear", "nobody@acme.test").returncode == 1
    assert one.cli("limits", "logins", "clear", "--all").returncode == 0
    assert two.json("limits", "logins", "list") == []
