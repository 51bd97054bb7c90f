"""`mailserver account app-password` and `limits logins` as an operator types them."""

import asyncio
import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from mailserver.cli import main
from mailserver.storage.database import Database
from mailserver.storage.directory import login_failures

ALICE = "alice@example.test"
Mailserver = Callable[..., Result]


@pytest.fixture
def mailserver(dsn: str) -> Mailserver:
    """Runs `mailserver` with these words on a database that has alice."""

    def run(*words: str, stdin: str = "") -> Result:
        return CliRunner().invoke(main, words, input=stdin, env={"MAILSERVER__DATABASE__DSN": dsn})

    for words in (
        ("org", "add", "demo"),
        ("domain", "add", "example.test", "--organization", "demo"),
    ):
        assert run(*words).exit_code == 0
    made = run("account", "add", ALICE, "--password-stdin", stdin="correct horse")
    assert made.exit_code == 0, made.output
    return run


def test_an_app_password_from_add_to_remove(mailserver: Mailserver) -> None:
    added = mailserver("account", "app-password", "add", ALICE, "--name", "phone")
    assert added.exit_code == 0, added.output
    secret = added.stdout.split()[-1]
    listed = mailserver("account", "app-password", "list", ALICE, "--json")
    [phone] = json.loads(listed.stdout)
    assert (phone["name"], phone["last_used"]) == ("phone", None)
    assert secret not in listed.stdout
    again = mailserver("account", "app-password", "add", ALICE, "--name", "phone")
    assert (again.exit_code, again.stderr) == (
        1,
        f"mailserver: {ALICE} has an app password phone\n",
    )
    assert mailserver("account", "app-password", "remove", ALICE, "--name", "phone").exit_code == 0
    gone = mailserver("account", "app-password", "remove", ALICE, "--name", "phone")
    assert gone.exit_code == 1
    assert json.loads(mailserver("account", "app-password", "list", ALICE, "--json").stdout) == []


def test_failed_logins_are_shown_and_cleared(dsn: str, mailserver: Mailserver) -> None:
    async def fail() -> None:
        database = await Database.open(dsn, connections=1, timeout=10)
        async with database.connection() as c:
            for _ in range(10):
                await login_failures.record(c, {ALICE: 0.01, "192.0.2.0/24": 0.05})
        await database.close()

    asyncio.run(fail())
    held = json.loads(mailserver("limits", "logins", "list", "--json").stdout)
    assert {row["subject"]: row["refused"] for row in held} == {
        ALICE: True,
        "192.0.2.0/24": False,
    }
    table = mailserver("limits", "logins", "list").stdout
    assert table.splitlines()[0].split() == ["subject", "failures", "refused", "last_at"]
    assert mailserver("limits", "logins", "clear", "192.0.2.7").exit_code == 0
    assert mailserver("limits", "logins", "clear", "192.0.2.7").exit_code == 1
    assert mailserver("limits", "logins", "clear", "nonsense").exit_code == 1
    assert mailserver("limits", "logins", "clear").exit_code == 2
    assert mailserver("limits", "logins", "clear", ALICE, "--all").exit_code == 2
    assert mailserver("limits", "logins", "clear", "--all").exit_code == 0
    assert json.loads(mailserver("limits", "logins", "list", "--json").stdout) == []
