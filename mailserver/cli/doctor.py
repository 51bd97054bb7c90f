"""`mailserver doctor`: what is well, what is wrong and what to do about it."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import click

from mailserver import certificates, health
from mailserver.cli import common
from mailserver.dns import Resolver
from mailserver.embedded.lock import AlreadyRunning, data_lock
from mailserver.errors import Refused, SettingsError
from mailserver.health import Fact
from mailserver.objects import open_store
from mailserver.processes import listening
from mailserver.processes.doors import Place, places, wait_for_greeting
from mailserver.settings import ROLES, Settings

_GREETING_TIMEOUT = 5.0  # seconds


@click.command()
@common.json_option
def doctor(as_json: bool) -> None:
    """Look at everything the server needs; exit 1 when something is wrong."""
    facts = _facts()
    if as_json:
        common.show([asdict(fact) for fact in facts], [], as_json=True)
    else:
        for fact in facts:
            click.echo(f"{'ok   ' if fact.ok else 'wrong'}  {fact.name}: {fact.detail}")
    if not all(fact.ok for fact in facts):
        raise SystemExit(1)


def _facts() -> list[Fact]:
    try:
        settings = common.settings()
        health.check_values(settings)
    except SettingsError as error:
        return [Fact("settings", False, str(error))]
    return [
        Fact("settings", True, f"read, data directory {settings.data.absolute()}"),
        *_database(settings),
        *asyncio.run(_components(settings)),
        *asyncio.run(_ports(settings, running=_running(settings))),
    ]


def _running(settings: Settings) -> bool:
    """Whether a server has this data directory."""
    if not settings.data.exists():
        return False
    try:
        with data_lock(settings.data):
            return False
    except AlreadyRunning:
        return True


def _database(settings: Settings) -> list[Fact]:
    try:
        with common.postgres(settings) as dsn:
            return asyncio.run(_postgres(dsn))
    except (Refused, SettingsError) as error:
        return [Fact("postgres", False, str(error))]


async def _postgres(dsn: str) -> list[Fact]:
    facts = await health.postgres(dsn)
    return [*facts, await health.clocks_agree(dsn, datetime.now(UTC))]


async def _components(settings: Settings) -> list[Fact]:
    objects = open_store(settings)
    try:
        stored = await health.object_store(objects)
    finally:
        await objects.close()
    chain, _ = certificates.primary_files(settings)
    return [
        stored,
        health.certificate(chain, settings.hostname, datetime.now(UTC)),
        await health.resolver(Resolver(settings.delivery.resolver)),
    ]


async def _ports(settings: Settings, *, running: bool) -> Sequence[Fact]:
    """Each port greets, or is free for a server that does not run."""
    return [await _port(place, running=running) for place in places(settings.listen, ROLES)]


async def _port(place: Place, *, running: bool) -> Fact:
    name = f"port {place.port} ({place.door})"
    try:
        if running:
            await wait_for_greeting(place, timeout=_GREETING_TIMEOUT)
            return Fact(name, True, "answers")
        listening.close(await asyncio.to_thread(listening.bind, [place], 1))
        return Fact(name, True, "free; the server does not run")
    except SettingsError as error:
        advice = "see the server's log" if running else "end what has it, or choose another"
        return Fact(name, False, f"{error}; {advice}")
