"""`mailserver org, domain, account, alias` as an operator types them, on a real Postgres."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mailserver.cli import main

PASSWORD = "correct horse"
Mailserver = Callable[..., Result]


@pytest.fixture
def mailserver(dsn: str) -> Mailserver:
    """Runs `mailserver` with these words on this test's database."""

    def run(*words: str, stdin: str | bytes = b"") -> Result:
        environment = {"MAILSERVER__DATABASE__DSN": dsn, "MAILSERVER__HOSTNAME": "mx.host.test"}
        return CliRunner().invoke(main, words, input=stdin, env=environment)

    return run


@pytest.fixture
def example(mailserver: Mailserver) -> None:
    """Organization demo, domain example.test, account alice."""
    done(mailserver("org", "add", "demo"))
    done(mailserver("domain", "add", "example.test", "--organization", "demo"))
    done(add_account(mailserver, "alice@example.test"))


def done(result: Result) -> str:
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return result.stdout


def refused(result: Result) -> str:
    """What a refused request says: one line on stderr, exit 1."""
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("mailserver: ").rstrip("\n")


def facts(result: Result) -> Any:
    return json.loads(done(result))


def add_account(mailserver: Mailserver, address: str, *options: str) -> Result:
    return mailserver("account", "add", address, "--password-stdin", *options, stdin=PASSWORD)


def test_organizations_from_add_to_remove(mailserver: Mailserver) -> None:
    assert "organization acme added" in done(mailserver("org", "add", "acme"))
    assert [one["name"] for one in facts(mailserver("org", "list", "--json"))] == ["acme"]
    assert "acme" in done(mailserver("org", "list"))
    assert facts(mailserver("org", "show", "acme", "--json"))["domains"] == 0
    assert refused(mailserver("org", "add", "acme")) == "organization acme exists already"
    done(mailserver("org", "remove", "acme"))
    assert refused(mailserver("org", "show", "acme")) == "organization acme does not exist"


def test_a_domain_shows_the_records_to_publish(mailserver: Mailserver, example: None) -> None:
    text = done(mailserver("domain", "show", "example.test"))
    assert "example.test. IN MX 10 mx.host.test." in text
    assert 's1._domainkey.example.test. IN TXT "v=DKIM1; k=rsa; p=' in text

    shown = facts(mailserver("domain", "show", "example.test", "--json"))
    assert (shown["name"], shown["state"], shown["accounts"]) == ("example.test", "active", 1)
    assert {"type": "MX", "name": "example.test", "value": "10 mx.host.test."} in shown["records"]
    assert "PRIVATE" not in str(shown)


def test_a_domain_from_pending_to_removed(mailserver: Mailserver, example: None) -> None:
    done(mailserver("domain", "add", "later.test", "--organization", "demo", "--pending"))
    for verb, state in (("", "pending"), ("activate", "active"), ("suspend", "suspended")):
        if verb:
            done(mailserver("domain", verb, "later.test"))
        listed = facts(mailserver("domain", "list", "--organization", "demo", "--json"))
        assert {one["name"]: one["state"] for one in listed}["later.test"] == state
    done(mailserver("domain", "remove", "later.test"))
    assert refused(mailserver("domain", "suspend", "later.test")) == (
        "domain later.test does not exist"
    )
    assert refused(mailserver("domain", "remove", "example.test")) == (
        "domain example.test still has 1 account(s)"
    )
    done(mailserver("domain", "remove", "example.test", "--yes"))
    assert facts(mailserver("account", "list", "--json")) == []


def test_an_account_from_add_to_remove(mailserver: Mailserver, example: None) -> None:
    done(add_account(mailserver, "bob@example.test", "--quota", "10G"))
    bob = facts(mailserver("account", "show", "bob@example.test", "--json"))
    assert (bob["quota_bytes"], bob["used_bytes"], bob["active"]) == (10 * 2**30, 0, True)
    done(mailserver("account", "quota", "bob@example.test", "none"))
    done(mailserver("account", "suspend", "bob@example.test"))
    bob = facts(mailserver("account", "show", "bob@example.test", "--json"))
    assert (bob["quota_bytes"], bob["active"]) == (None, False)
    done(mailserver("account", "activate", "bob@example.test"))
    listed = facts(mailserver("account", "list", "--domain", "example.test", "--json"))
    assert [(one["address"], one["active"]) for one in listed] == [
        ("alice@example.test", True),
        ("bob@example.test", True),
    ]
    done(mailserver("account", "remove", "bob@example.test"))
    assert refused(mailserver("account", "show", "bob@example.test")) == (
        "account bob@example.test does not exist"
    )


def test_a_generated_password_is_printed_once_and_logs_in(
    mailserver: Mailserver, example: None
) -> None:
    printed = done(mailserver("account", "add", "bob@example.test", "--generate"))
    _, login = printed.splitlines()
    word, address, password = login.split()
    assert (word, address, len(password)) == ("login", "bob@example.test", 20)
    assert "password" not in done(mailserver("account", "show", "bob@example.test"))


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n", b"\nnot the password\n"])
def test_the_password_is_the_first_line_of_standard_input(
    mailserver: Mailserver, example: None, ending: bytes
) -> None:
    given = "pässwörd".encode() + ending
    done(mailserver("account", "password", "alice@example.test", "--password-stdin", stdin=given))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (b"", "the password has fewer than 8 characters"),
        (b"short\n", "the password has fewer than 8 characters"),
        (b"not UTF-8 \xff\n", "the password is not UTF-8"),
        (b"a tab\tin it\n", "the password has control characters or is too long"),
    ],
)
def test_a_password_that_will_not_do_is_refused(
    mailserver: Mailserver, example: None, given: bytes, reason: str
) -> None:
    words = ("account", "password", "alice@example.test", "--password-stdin")
    assert refused(mailserver(*words, stdin=given)) == reason


@pytest.mark.parametrize(
    "words",
    [
        ("account", "add", "bob@example.test"),  # no terminal to ask on
        ("account", "add", "bob@example.test", "--password-stdin", "--generate"),
        ("account", "add", "bob@example.test", "--generate", "--quota", "plenty"),
        ("account", "quota", "alice@example.test", "0"),
        ("account", "add"),
        ("domain", "add", "other.test"),
        ("alias", "add", "info@example.test"),
        ("account", "add", "bob@example.test", "--password", "on the command line"),
    ],
)
def test_wrong_usage_exits_2_and_changes_nothing(
    mailserver: Mailserver, words: tuple[str, ...]
) -> None:
    assert mailserver(*words).exit_code == 2
    assert facts(mailserver("account", "list", "--json")) == []


@pytest.mark.parametrize(
    ("size", "octets"),
    [("500M", 500 * 2**20), ("10g", 10 * 2**30), ("1GiB", 2**30), ("2TB", 2**41), ("1000", 1000)],
)
def test_a_size_is_a_number_with_a_power_of_1024(
    mailserver: Mailserver, example: None, size: str, octets: int
) -> None:
    done(mailserver("account", "quota", "alice@example.test", size))
    shown = facts(mailserver("account", "show", "alice@example.test", "--json"))
    assert shown["quota_bytes"] == octets


def test_aliases_from_add_to_remove(mailserver: Mailserver, example: None) -> None:
    done(mailserver("alias", "add", "*@example.test", "alice@example.test", "c@elsewhere.test"))
    catch_all = {
        "address": "*@example.test",
        "targets": ["alice@example.test", "c@elsewhere.test"],
    }
    shown = facts(mailserver("alias", "show", "*@example.test", "--json"))
    assert {key: shown[key] for key in catch_all} == catch_all
    listed = done(mailserver("alias", "list", "--domain", "example.test"))
    assert "*@example.test  alice@example.test c@elsewhere.test" in listed
    assert refused(mailserver("alias", "add", "alice@example.test", "c@elsewhere.test")) == (
        "address alice@example.test is taken by an account"
    )
    done(mailserver("alias", "remove", "*@example.test"))
    assert refused(mailserver("alias", "remove", "*@example.test")) == (
        "alias *@example.test does not exist"
    )


def test_an_account_on_a_taken_address_is_refused(mailserver: Mailserver, example: None) -> None:
    done(mailserver("alias", "add", "info@example.test", "alice@example.test"))
    assert refused(add_account(mailserver, "info@example.test")) == (
        "address info@example.test is taken by an alias"
    )
    assert refused(add_account(mailserver, "bob@missing.test")) == (
        "domain missing.test does not exist"
    )
