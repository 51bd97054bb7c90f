"""Facts about what the server needs, for its start, /readyz and `mailserver doctor`."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from mailserver.dns import Problem, Resolver, split_host_port
from mailserver.errors import SettingsError, StorageUnavailable
from mailserver.keys import certificate_facts
from mailserver.mail.addresses import AddressError, parse_address
from mailserver.mail.networks import networks
from mailserver.objects import ObjectStore
from mailserver.settings import OAuth, Settings
from mailserver.storage.migrations import pending
from mailserver.storage.reach import clock, prove

_DEADLINE = 5.0  # seconds for one fact
_CLOCK_SKEW = timedelta(seconds=5)
_RENEWAL = timedelta(days=14)


@dataclass(slots=True)
class Fact:
    """One thing the server needs; `detail` says what is there, or what is wrong and what to do."""

    name: str
    ok: bool
    detail: str


def check_values(settings: Settings) -> None:
    """Raise SettingsError for a value whose type is right and that still cannot be used."""
    for key, texts in (
        ("limits.exempt_networks", settings.limits.exempt_networks),
        ("listen.lmtp_networks", settings.listen.lmtp_networks),
        ("listen.proxy_networks", settings.listen.proxy_networks),
    ):
        try:
            networks(texts)
        except ValueError as error:
            raise SettingsError(f"{key}: {error}") from None
    if settings.listen.lmtp == 25:
        raise SettingsError("listen.lmtp: RFC 2033 §5: LMTP must not be used on port 25")
    if settings.addresses.postmaster:
        try:
            parse_address(settings.addresses.postmaster, smtputf8=True)
        except AddressError as error:
            raise SettingsError(f"addresses.postmaster: {error}") from None
    try:
        Resolver(settings.delivery.resolver)
    except ValueError as error:
        raise SettingsError(f"delivery.resolver: {error}") from None
    for domain, route in settings.delivery.routes.items():
        try:
            split_host_port(route, settings.delivery.smtp_port)
        except ValueError as error:
            raise SettingsError(f"delivery.routes.{domain}: {error}") from None
    if settings.objects.backend == "s3" and not settings.objects.bucket:
        raise SettingsError('objects.bucket: needed with backend = "s3"')
    _check_oauth(settings.auth.oauth)


def _check_oauth(oauth: OAuth) -> None:
    if not oauth.issuer:
        return
    for key in ("audience", "jwks", "claim"):
        if not getattr(oauth, key):
            raise SettingsError(f"auth.oauth.{key}: needed with auth.oauth.issuer")
    url = urlsplit(oauth.jwks)
    local = url.hostname in ("localhost", "127.0.0.1", "::1")
    # Who can change the keys on their way lets himself in.
    if "://" in oauth.jwks and not (url.scheme == "https" or (url.scheme == "http" and local)):
        raise SettingsError("auth.oauth.jwks: an https:// URL, or a file")
    if "://" not in oauth.jwks and not Path(oauth.jwks).is_file():
        raise SettingsError(f"auth.oauth.jwks: {oauth.jwks}: no such file")


async def postgres(dsn: str) -> list[Fact]:
    """Whether Postgres answers and has the whole schema: facts "postgres" and "migrations"."""
    try:
        async with asyncio.timeout(_DEADLINE):
            await prove(dsn)
            missing = await pending(dsn)
    except (StorageUnavailable, TimeoutError) as error:
        reason = str(error) or f"no answer in {_DEADLINE:.0f} seconds"
        away = Fact("postgres", False, f"{reason}; is it running, is database.dsn right?")
        return [away, Fact("migrations", False, "unknown while Postgres is away")]
    answers = Fact("postgres", True, "answers")
    if missing:
        names = ", ".join(f"{item.stream} {item.number:04d}" for item in missing)
        return [answers, Fact("migrations", False, f"missing {names}; run `mailserver migrate`")]
    return [answers, Fact("migrations", True, "complete")]


async def object_store(objects: ObjectStore) -> Fact:
    """Whether the object store answers."""
    return await _answers("objects", objects.check(), "see [objects] in the settings")


def notifications(connected: bool) -> Fact:
    """Whether this process hears what the others change."""
    detail = "connected" if connected else "no connection to Postgres; it is tried again by itself"
    return Fact("notifications", connected, detail)


async def clocks_agree(dsn: str, now: datetime) -> Fact:
    """Whether this machine's clock is Postgres's: retries and leases compare the two."""
    try:
        difference = abs(await clock(dsn) - now)
    except StorageUnavailable:
        return Fact("clock", False, "unknown while Postgres is away")
    if difference > _CLOCK_SKEW:
        seconds = f"{difference.total_seconds():.0f} seconds"
        return Fact("clock", False, f"{seconds} away from Postgres's; run an NTP client on both")
    return Fact("clock", True, "agrees with Postgres's")


def certificate(file: Path, hostname: str, now: datetime) -> Fact:
    """Whether the primary certificate can be read, is for `hostname` and lasts."""
    try:
        names, end = certificate_facts(file.read_bytes())
    except OSError as error:
        return Fact("certificate", False, f"{file}: {error.strerror}; see [tls] in the settings")
    except ValueError:
        return Fact("certificate", False, f"{file}: holds no PEM certificate")
    wildcard = "*." + hostname.partition(".")[2]
    if not {hostname, wildcard} & names:
        held = ", ".join(sorted(names))
        return Fact("certificate", False, f"{file}: is for {held}, not for hostname {hostname}")
    if end - now < _RENEWAL:
        return Fact("certificate", False, f"{file}: ends {end:%Y-%m-%d}; renew it, send SIGHUP")
    return Fact("certificate", True, f"for {hostname} until {end:%Y-%m-%d}")


async def resolver(asked: Resolver) -> Fact:
    """Whether the DNS resolver answers; that a name does not exist is an answer."""
    if await asked.mx(".") is Problem.TEMPORARY:
        return Fact("dns", False, "the resolver does not answer; see delivery.resolver")
    return Fact("dns", True, "the resolver answers")


async def _answers(name: str, proof: Awaitable[None], advice: str) -> Fact:
    try:
        async with asyncio.timeout(_DEADLINE):
            await proof
    except TimeoutError:
        return Fact(name, False, f"no answer in {_DEADLINE:.0f} seconds; {advice}")
    except StorageUnavailable as error:
        return Fact(name, False, f"{error}; {advice}")
    return Fact(name, True, "answers")
