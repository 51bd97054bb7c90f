"""`mailserver account app-password`: secrets for programs, made here and shown once."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TypeVar

import click

from mailserver.accounts.app_passwords import AppPasswords
from mailserver.accounts.passwords import Passwords
from mailserver.cli import common
from mailserver.settings import Settings
from mailserver.storage.database import Database

T = TypeVar("T")


def _run(work: Callable[[AppPasswords], Awaitable[T]]) -> T:
    async def with_passwords(_settings: Settings, database: Database) -> T:
        return await work(AppPasswords(database, Passwords()))

    return common.run(with_passwords)


_name = click.option(
    "--name",
    metavar="N",
    default="mail",
    show_default=True,
    help="The program or device it is for.",
)


@click.group("app-password")
def app_password() -> None:
    """Passwords for single programs, which can be taken back one by one."""


@app_password.command("add")
@click.argument("address")
@_name
def add(address: str, name: str) -> None:
    """Make one and print it, once."""
    secret = _run(lambda passwords: passwords.add(address, name))
    click.echo(f"app password {name} of {address} added")
    click.echo(f"login {address} {secret}")


@app_password.command("list")
@click.argument("address")
@common.json_option
def list_(address: str, as_json: bool) -> None:
    """All of an account, with the day each was last used."""
    found = _run(lambda passwords: passwords.list(address))
    columns = ["name", "created_at", "last_used"]
    common.show([asdict(one) for one in found], columns, as_json=as_json)


@app_password.command("remove")
@click.argument("address")
@_name
def remove(address: str, name: str) -> None:
    """Take one back: it is wrong at once, everywhere."""
    _run(lambda passwords: passwords.remove(address, name))
    click.echo(f"app password {name} of {address} removed")
