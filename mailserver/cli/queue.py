"""`mailserver queue`: what waits to go out, why, and what came of it."""

from collections.abc import Sequence
from typing import Any

import click

from mailserver.cli import common
from mailserver.errors import Refused
from mailserver.settings import Settings
from mailserver.storage import queue as store
from mailserver.storage.database import Connection, Database
from mailserver.storage.queue import WAITING, State

_COLUMNS = [
    *("id", "recipient", "sender", "state", "attempts", "next_attempt_at", "held_until"),
    "last_reply",
]
_RECIPIENT_COLUMNS = [
    *("recipient", "state", "attempts", "next_attempt_at", "last_attempt_at", "last_host"),
    *("last_reply", "notify", "delay_told_at", "finished_at"),
]

_ID = click.IntRange(min=1, max=2**63 - 1)


@click.group()
def queue() -> None:
    """The outbound queue. ID is a queue id, or the id a client was told with its 250."""


@queue.command("list")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in State]),
    help="Only in this state; may be repeated. Without it: all that wait.",
)
@click.option("--domain", default="", metavar="NAME", help="Only recipients at this domain.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 100_000))
@common.json_option
def list_(states: Sequence[str], domain: str, limit: int, as_json: bool) -> None:
    """Recipients, next due first."""

    async def rows(_: Settings, database: Database) -> list[dict[str, Any]]:
        async with database.connection() as c:
            wanted = [State(state) for state in states] or WAITING
            found = await store.listed(c, states=wanted, domain=domain.lower(), limit=limit)
        return [dict(row) for row in found]

    common.show(common.run(rows), _COLUMNS, as_json=as_json)


@queue.command("show")
@click.argument("number", metavar="ID", type=_ID)
@common.json_option
def show(number: int, as_json: bool) -> None:
    """One message and what came of each recipient."""

    async def facts(_: Settings, database: Database) -> dict[str, Any]:
        async with database.connection() as c:
            found = await store.shown(c, await _existing(c, number))
        if found is None:
            raise _missing(number)
        message, recipients = found
        return {**message, "recipients": [dict(row) for row in recipients]}

    shown = common.run(facts)
    if as_json:
        common.show_one(shown, as_json=True)
        return
    recipients = shown.pop("recipients")
    common.show_one(shown, as_json=False)
    click.echo()
    common.show(recipients, _RECIPIENT_COLUMNS, as_json=False)


@queue.command("retry")
@click.argument("number", metavar="ID", type=_ID, required=False)
@click.option("--domain", default="", metavar="NAME", help="Everybody at this domain.")
@click.option("--all", "every", is_flag=True, help="The whole queue.")
def retry(number: int | None, domain: str, every: bool) -> None:
    """Try waiting recipients now: of one message, of a domain, or all; held ones stay held."""
    if [number is not None, bool(domain), every].count(True) != 1:
        raise click.UsageError("name one of ID, --domain and --all")

    async def made_due(_: Settings, database: Database) -> int:
        async with database.transaction() as c:
            queue_id = None if number is None else await _existing(c, number)
            return await store.retry(c, queue_id=queue_id, domain=domain.lower())

    count = common.run(made_due)
    if number is not None and not count:
        raise Refused(f"message {number} has no recipient that waits and is not held")
    click.echo(f"{count} recipient(s) due now")


@queue.command("remove")
@click.argument("number", metavar="ID", type=_ID)
@click.option("--recipient", default="", metavar="ADDRESS", help="Only this one.")
def remove(number: int, recipient: str) -> None:
    """Take waiting recipients out of the queue; their sender is not told."""

    async def taken_out(_: Settings, database: Database) -> int:
        async with database.transaction() as c:
            return await store.remove(c, await _existing(c, number), recipient=recipient)

    count = common.run(taken_out)
    if not count:
        who = recipient or "recipient"
        raise Refused(f"message {number} has no {who} that waits and is not being attempted")
    click.echo(f"{count} recipient(s) removed")


async def _existing(c: Connection, number: int) -> int:
    queue_id = await store.find(c, number)
    if queue_id is None:
        raise _missing(number)
    return queue_id


def _missing(number: int) -> Refused:
    return Refused(f"message {number} is not in the queue", "id")
