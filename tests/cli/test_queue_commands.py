"""`mailserver queue` as an operator types it, on a real Postgres."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from click.testing import CliRunner, Result

from mailserver.cli import main

Mailserver = Callable[..., Result]

_QUEUE = """
INSERT INTO blob (id, organization_id, size, digest, generation) VALUES (11, 1, 10, '', 1);
INSERT INTO queue_message (id, organization_id, blob_id, prefix, sender, size, expires_at)
VALUES (12, 1, 11, '', 'alice@example.test', 10, now() + interval '5 days');
INSERT INTO queue_recipient (queue_id, recipient, domain, state, attempts, next_attempt_at,
    last_host, last_reply, finished_at)
VALUES
    (12, 'carol@remote.test', 'remote.test', 'deferred', 2, now() + interval '1 hour',
        'mx.remote.test', '451 4.2.1 come back', NULL),
    (12, 'dave@other.test', 'other.test', 'queued', 0, now() + interval '2 hours',
        NULL, NULL, NULL),
    (12, 'erin@other.test', 'other.test', 'delivered', 1, now(), 'mx', '250 ok', now());
"""


@pytest.fixture
def mailserver(dsn: str) -> Mailserver:
    """Runs `mailserver queue` with these words, on a queue of one message to three."""

    async def fill() -> None:
        connection = await asyncpg.connect(dsn)
        await connection.execute(_QUEUE)
        await connection.close()

    def run(*words: str) -> Result:
        environment = {"MAILSERVER__DATABASE__DSN": dsn}
        return CliRunner().invoke(main, ["queue", *words], env=environment)

    asyncio.run(fill())
    return run


def done(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(result: Result) -> str:
    assert result.exit_code == 1, result.output
    return result.stderr.removeprefix("mailserver: ").strip()


def facts(result: Result) -> Any:
    return json.loads(done(result))


def test_list_shows_what_waits_next_due_first(mailserver: Mailserver) -> None:
    listed = facts(mailserver("list", "--json"))
    assert [one["recipient"] for one in listed] == ["carol@remote.test", "dave@other.test"]
    assert (listed[0]["id"], listed[0]["state"], listed[0]["attempts"]) == (12, "deferred", 2)
    text = done(mailserver("list"))
    assert "451 4.2.1 come back" in text
    assert "erin" not in text


def test_list_by_state_and_domain(mailserver: Mailserver) -> None:
    delivered = facts(mailserver("list", "--state", "delivered", "--json"))
    assert [one["recipient"] for one in delivered] == ["erin@other.test"]
    other = facts(mailserver("list", "--domain", "Other.TEST", "--json"))
    assert [one["recipient"] for one in other] == ["dave@other.test"]
    assert (
        facts(mailserver("list", "--limit", "1", "--json"))[0]["recipient"] == "carol@remote.test"
    )
    assert mailserver("list", "--state", "lost").exit_code == 2


@pytest.mark.parametrize("number", ["12", "11"], ids=["queue id", "receipt"])
def test_show_says_what_came_of_each_recipient(mailserver: Mailserver, number: str) -> None:
    shown = facts(mailserver("show", number, "--json"))
    assert (shown["id"], shown["sender"]) == (12, "alice@example.test")
    assert [one["state"] for one in shown["recipients"]] == ["deferred", "queued", "delivered"]
    text = done(mailserver("show", number))
    assert "alice@example.test" in text
    assert "mx.remote.test" in text


def test_retry_makes_recipients_due(mailserver: Mailserver) -> None:
    assert done(mailserver("retry", "12")) == "2 recipient(s) due now\n"
    assert done(mailserver("retry", "--domain", "other.test")) == "1 recipient(s) due now\n"
    assert done(mailserver("retry", "--all")) == "2 recipient(s) due now\n"
    assert mailserver("retry").exit_code == 2
    assert mailserver("retry", "12", "--all").exit_code == 2


def test_remove_takes_recipients_out(mailserver: Mailserver) -> None:
    assert done(mailserver("remove", "12", "--recipient", "dave@other.test")).startswith("1 ")
    assert "dave@other.test" in refused(
        mailserver("remove", "12", "--recipient", "dave@other.test")
    )
    done(mailserver("remove", "12"))
    states = [one["state"] for one in facts(mailserver("show", "12", "--json"))["recipients"]]
    assert states == ["removed", "removed", "delivered"]
    assert "no recipient" in refused(mailserver("retry", "12"))


def test_held_mail_is_shown_as_held_and_stays_so(mailserver: Mailserver, dsn: str) -> None:
    async def hold() -> None:
        connection = await asyncpg.connect(dsn)
        await connection.execute(
            "UPDATE queue_message SET hold_until = '2099-01-01T00:00Z', hold_request = 'for;60'"
        )
        await connection.close()

    asyncio.run(hold())
    assert facts(mailserver("list", "--json"))[0]["held_until"].startswith("2099-01-01")
    assert facts(mailserver("show", "12", "--json"))["held_until"].startswith("2099-01-01")
    assert "2099-01-01" in done(mailserver("list"))
    assert "is not held" in refused(mailserver("retry", "12"))
    assert done(mailserver("retry", "--all")) == "0 recipient(s) due now\n"


@pytest.mark.parametrize("verb", ["show", "retry", "remove"])
def test_what_is_not_there_is_refused(mailserver: Mailserver, verb: str) -> None:
    assert refused(mailserver(verb, "99")) == "message 99 is not in the queue"
