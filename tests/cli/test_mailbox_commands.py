"""`mailserver mailbox` and the quotas of `mailserver account`, as an operator types them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mailserver.cli import main

ALICE, BOB = "alice@example.test", "bob@example.test"
Mailserver = Callable[..., Result]


@pytest.fixture
def mailserver(dsn: str) -> Mailserver:
    """Runs `mailserver` with these words on this test's database, which has two accounts."""

    def run(*words: str) -> Result:
        environment = {"MAILSERVER__DATABASE__DSN": dsn}
        return CliRunner().invoke(main, words, env=environment)

    done(run("org", "add", "demo"))
    done(run("domain", "add", "example.test", "--organization", "demo"))
    for address in (ALICE, BOB):
        done(run("account", "add", address, "--generate"))
    return run


def done(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


def facts(result: Result) -> Any:
    return json.loads(done(result))


def test_rights_are_granted_shown_and_revoked(mailserver: Mailserver) -> None:
    names = {one["name"]: one for one in facts(mailserver("mailbox", "list", ALICE, "--json"))}
    assert names["Sent"] == {
        "name": "Sent",
        "messages": 0,
        "unseen": 0,
        "bytes": 0,
        "has_list": False,
        "special_use": "\\Sent",
    }
    done(mailserver("mailbox", "grant", ALICE, "Sent", BOB, "lrc"))
    done(mailserver("mailbox", "grant", ALICE, "Sent", "anyone", "w", "--negative"))
    owner = {"identifier": ALICE, "rights": "lrswipkxteacd", "negative": False}
    assert facts(mailserver("mailbox", "rights", ALICE, "Sent", "--json")) == [
        owner,
        {"identifier": BOB, "rights": "lrkxc", "negative": False},
        {"identifier": "anyone", "rights": "w", "negative": True},
    ]
    assert "bob@example.test" in done(mailserver("mailbox", "rights", ALICE, "Sent"))
    done(mailserver("mailbox", "revoke", ALICE, "Sent", BOB))
    done(mailserver("mailbox", "revoke", ALICE, "Sent", "anyone", "--negative"))
    assert facts(mailserver("mailbox", "rights", ALICE, "Sent", "--json")) == [owner]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("list", "nobody@example.test"), "account nobody@example.test does not exist"),
        (("rights", ALICE, "Nothing"), "has no mailbox Nothing"),
        (("grant", ALICE, "Nothing", BOB, "lr"), "has no mailbox Nothing"),
        (("grant", ALICE, "INBOX", "nobody@example.test", "lr"), "is no account of demo"),
        (("grant", ALICE, "INBOX", BOB, "lrz"), "'z' is no right"),
        (("revoke", "nobody@example.test", "INBOX", BOB), "does not exist"),
    ],
)
def test_what_cannot_be_is_refused(
    mailserver: Mailserver, words: tuple[str, ...], says: str
) -> None:
    result = mailserver("mailbox", *words)
    assert result.exit_code == 1
    assert says in result.stderr
    assert result.stderr.count("\n") == 1


def test_accounts_of_other_organizations_get_no_rights(mailserver: Mailserver) -> None:
    done(mailserver("org", "add", "other"))
    done(mailserver("domain", "add", "other.test", "--organization", "other"))
    done(mailserver("account", "add", "carol@other.test", "--generate"))
    result = mailserver("mailbox", "grant", ALICE, "INBOX", "carol@other.test", "lr")
    assert result.exit_code == 1
    assert "carol@other.test is no account of demo" in result.stderr


def test_quotas_count_messages_too_and_administrators_set_them(mailserver: Mailserver) -> None:
    def shown() -> Any:
        found = facts(mailserver("account", "show", BOB, "--json"))
        names = ("quota_bytes", "quota_messages", "used_messages", "administrator")
        return tuple(found[name] for name in names)

    assert shown() == (None, None, 0, False)
    done(mailserver("account", "quota", BOB, "1M", "--messages", "500"))
    done(mailserver("account", "promote", BOB))
    assert shown() == (2**20, 500, 0, True)
    done(mailserver("account", "quota", BOB, "2M"))  # how many stays
    assert shown() == (2**21, 500, 0, True)
    done(mailserver("account", "quota", BOB, "none", "--messages", "none"))
    done(mailserver("account", "demote", BOB))
    assert shown() == (None, None, 0, False)
    assert mailserver("account", "quota", BOB, "1M", "--messages", "many").exit_code == 2
    assert mailserver("account", "quota", BOB, "1M", "--messages", "0").exit_code == 1
    assert mailserver("account", "quota", "nobody@example.test", "1M").exit_code == 1
