"""`mailserver limits`: what the server holds against whom."""

from dataclasses import asdict, dataclass
from datetime import datetime

import click

from mailserver.accounts import throttle
from mailserver.cli import common
from mailserver.errors import Refused
from mailserver.settings import Limits, Settings
from mailserver.storage.database import Database
from mailserver.storage.directory import login_failures
from mailserver.storage.directory.login_failures import Failing


@dataclass(slots=True)
class Held:
    """What is held against a subject now."""

    subject: str
    failures: float  # not forgotten yet
    refused: bool  # the next login is refused unseen
    last_at: datetime


def _held(failing: Failing, limits: Limits) -> Held:
    rate = throttle.rate_of(failing.subject, limits)
    level = max(0.0, failing.failures - rate * failing.age)
    full = throttle.full(level, throttle.limit_of(failing.subject, limits))
    return Held(failing.subject, round(level, 1), full, failing.last_at)


@click.group()
def limits() -> None:
    """Who is slowed down or refused for a while."""


@limits.group("logins")
def logins() -> None:
    """Failed logins, counted by client network and by account, on all nodes together."""


@logins.command("list")
@common.json_option
def list_(as_json: bool) -> None:
    """Networks and accounts with failures that are not forgotten yet; the last failure first."""

    async def work(settings: Settings, database: Database) -> list[Held]:
        async with database.connection() as c:
            return [_held(one, settings.limits) for one in await login_failures.listing(c)]

    found = common.run(work)
    columns = ["subject", "failures", "refused", "last_at"]
    common.show([asdict(one) for one in found], columns, as_json=as_json)


@logins.command("clear")
@click.argument("subject", required=False)
@click.option("--all", "everything", is_flag=True, help="All networks and accounts.")
def clear(subject: str | None, everything: bool) -> None:
    """Forget the failures of SUBJECT: an account, a network, or any address in it."""
    if everything is (subject is not None):
        raise click.UsageError("name an account or a network, or say --all")
    named = throttle.subject_of(subject) if subject else None

    async def work(_settings: Settings, database: Database) -> int:
        async with database.connection() as c:
            return await login_failures.clear(c, named)

    cleared = common.run(work)
    if named and not cleared:
        raise Refused(f"{named} has no failed logins", "subject")
    click.echo(f"failed logins of {named or f'{cleared} networks and accounts'} forgotten")
