"""`mailserver imap` as an operator types it."""

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from mailserver.cli import main

ALICE = "alice@example.test"
Mailserver = Callable[..., Result]


@pytest.fixture
def mailserver(dsn: str) -> Mailserver:
    """Runs `mailserver` with these words on a database that has alice."""

    def run(*words: str, stdin: str = "") -> Result:
        return CliRunner().invoke(main, words, input=stdin, env={"MAILSERVER__DATABASE__DSN": dsn})

    assert run("org", "add", "demo").exit_code == 0
    assert run("domain", "add", "example.test", "--organization", "demo").exit_code == 0
    made = run("account", "add", ALICE, "--password-stdin", stdin="correct horse")
    assert made.exit_code == 0, made.output
    return run


def hidden(mailserver: Mailserver) -> list[tuple[str, ...]]:
    rows = json.loads(mailserver("imap", "list", "--json").stdout)
    columns = ("capability", "account", "client", "version")
    return [tuple(row[name] for name in columns) for row in rows]


def test_what_is_hidden_is_listed_until_it_is_shown(mailserver: Mailserver) -> None:
    done = mailserver("imap", "hide", "idle", "MOVE", "--account", ALICE)
    assert (done.exit_code, done.stdout) == (0, f"IDLE MOVE hidden from {ALICE}\n")
    assert mailserver("imap", "hide", "IDLE", "--account", ALICE).exit_code == 0  # is already
    outlook = ("--client", "*Outlook*", "--version", "16.*")
    assert mailserver("imap", "hide", "AUTH=PLAIN", *outlook).exit_code == 0
    assert mailserver("imap", "hide", "IDLE", "--client", "old").exit_code == 0
    assert hidden(mailserver) == [
        ("IDLE", ALICE, None, None),
        ("MOVE", ALICE, None, None),
        ("AUTH=PLAIN", None, "*outlook*", "16.*"),
        ("IDLE", None, "old", "*"),
    ]
    table = mailserver("imap", "list").stdout.splitlines()
    assert table[0].split() == ["capability", "account", "client", "version", "created_at"]
    assert len(table) == 5

    shown = mailserver("imap", "show", "IDLE", "--account", ALICE)
    assert shown.stdout == f"IDLE announced again to {ALICE}\n"
    assert mailserver("imap", "show", "--account", ALICE).exit_code == 0
    assert mailserver("imap", "show", *outlook).exit_code == 0
    assert mailserver("imap", "show", "--client", "OLD").exit_code == 0
    assert hidden(mailserver) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("hide", "IMAP4rev1", "--account", ALICE), "IMAP4REV1 cannot be hidden"),
        (("hide", "STARTTLS", "--client", "x"), "STARTTLS cannot be hidden"),
        (("hide", "TELEPATHY", "--account", ALICE), "there is no capability TELEPATHY"),
        (("hide", "IDLE", "--account", "x@example.test"), "account x@example.test does not exist"),
        (("hide", "IDLE", "--account", "nonsense"), "nonsense"),
        (("hide", "IDLE", "--client", ""), "the pattern of a client"),
        (("hide", "IDLE", "--client", "x" * 101), "the pattern of a client"),
        (("hide", "IDLE", "--client", "x", "--version", "a\nb"), "the pattern of a version"),
        (("show", "IDLE", "--account", ALICE), f"not hidden from {ALICE}: IDLE"),
        (("show", "--client", "x"), "nothing is hidden from x version *"),
    ],
)
def test_a_refusal_names_what_is_wrong(
    mailserver: Mailserver, words: tuple[str, ...], said: str
) -> None:
    done = mailserver("imap", *words)
    assert (done.exit_code, done.stdout) == (1, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert hidden(mailserver) == []


@pytest.mark.parametrize(
    "words",
    [
        ("hide", "IDLE"),
        ("hide", "--account", ALICE),
        ("hide", "IDLE", "--account", ALICE, "--client", "x"),
        ("hide", "IDLE", "--account", ALICE, "--version", "1"),
        ("show", "IDLE"),
    ],
)
def test_a_rule_is_for_an_account_or_for_a_program(
    mailserver: Mailserver, words: tuple[str, ...]
) -> None:
    assert mailserver("imap", *words).exit_code == 2
