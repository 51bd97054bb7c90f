"""The embedded default's first start: an organization, a domain and two accounts to try things.

Their passwords are kept in DATA_DIR/first-run (mode 0600) and printed at each start for as long as
they are right. The file gets its name when the accounts are there: a start that was killed between
is taken up with the same passwords, and what an operator removes later is never made again.
"""

import os
import secrets
import string
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mailserver.accounts import Accounts
from mailserver.accounts.passwords import Passwords
from mailserver.accounts.proofs import Proofs
from mailserver.domains import Domains, Organizations
from mailserver.processes.doors import Place, reachable
from mailserver.settings import Settings
from mailserver.storage.database import Database

_ORGANIZATION, _DOMAIN, _NAMES = "demo", "example.test", ("alice", "bob")
_ALPHABET = string.ascii_letters + string.digits  # safe to paste into a shell or an URL
_LENGTH = 20


@dataclass(slots=True)
class Login:
    """An account to try things with."""

    address: str
    password: str


async def logins(settings: Settings, dsn: str) -> list[Login]:
    """The accounts of the first run whose passwords still hold; makes them on the first start."""
    done, begun = settings.data / "first-run", settings.data / "first-run.new"
    database = await Database.open(dsn, connections=2, timeout=settings.database.timeout)
    try:
        passwords = Passwords()
        if done.exists():
            proofs = Proofs(database, passwords, settings.limits.credential_cache, time.monotonic)
            return [one for one in _read(done) if await proofs.password(one.address, one.password)]
        accounts = Accounts(database, hashing=passwords)
        organizations = Organizations(database)
        if not begun.exists() and await organizations.list():
            return []
        if not begun.exists():
            _write(begun, [Login(f"{name}@{_DOMAIN}", _password()) for name in _NAMES])
        made = _read(begun)
        await _make(organizations, Domains(database), accounts, made)
        begun.rename(done)
        return made
    finally:
        await database.close()


async def _make(
    organizations: Organizations, domains: Domains, accounts: Accounts, wanted: Sequence[Login]
) -> None:
    if all(one.name != _ORGANIZATION for one in await organizations.list()):
        await organizations.add(_ORGANIZATION)
    if all(one.name != _DOMAIN for one in await domains.list()):
        await domains.add(_DOMAIN, _ORGANIZATION, active=True)
    for login in wanted:
        if await accounts.find(login.address) is None:
            await accounts.add(login.address, login.password)


def instructions(
    settings: Settings, places: Sequence[Place], made: Sequence[Login]
) -> Iterator[str]:
    """What to print: the logins, and commands to paste for the doors that are open."""
    for login in made:
        yield f"login {login.address} {login.password}"
    if len(made) < len(_NAMES):
        return
    alice, bob = made
    ports = {place.door: place.port for place in places}
    host = reachable(settings.listen.address)
    if "smtp" in ports:
        yield "send, as another mail server does:"
        yield f"  swaks --server {host}:{ports['smtp']} --from you@example.org --to {bob.address}"
    if "submissions" in ports:
        yield "send, as alice:"
        yield (
            r"  printf 'Subject: hello\r\n\r\nHello Bob\r\n' |"
            f" curl -k smtps://{host}:{ports['submissions']}"
            f" --user {alice.address}:{alice.password}"
            f" --mail-from {alice.address} --mail-rcpt {bob.address} -T -"
        )
    if "submission" in ports:
        yield (
            f"  swaks --server {host}:{ports['submission']} --tls --auth-user {alice.address}"
            f" --auth-password {alice.password} --from {alice.address} --to {bob.address}"
        )
    if "imaps" in ports:
        yield "read, as bob (the newest mail):"
        yield (
            f"  curl -k 'imaps://{host}:{ports['imaps']}/INBOX;MAILINDEX=*'"
            f" --user {bob.address}:{bob.password}"
        )


def _password() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def _read(file: Path) -> list[Login]:
    words = [line.split() for line in file.read_text(encoding="ascii").splitlines()]
    return [Login(address, password) for _, address, password in words]


def _write(file: Path, made: Sequence[Login]) -> None:
    partial = file.with_name(file.name + ".part")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="ascii") as output:
        output.writelines(f"login {one.address} {one.password}\n" for one in made)
        output.flush()
        os.fsync(output.fileno())
    partial.rename(file)
