"""`mailserver account`: who may log in; a password is never an argument, since `ps` shows those."""

import re
import secrets
import string
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import BinaryIO, TypeVar

import click

from mailserver.accounts import Account, Accounts
from mailserver.cli import common
from mailserver.cli.app_password import app_password
from mailserver.errors import Refused
from mailserver.settings import Settings
from mailserver.storage.database import Database

T = TypeVar("T")
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_ALPHABET = string.ascii_letters + string.digits  # safe to paste into a shell or an URL
_GENERATED = 20  # characters: 119 bits


def _bytes(size: str | None) -> int | None:
    """A number with K, M, G or T (powers of 1024) as bytes; None, "none": no limit."""
    if size is None or size.lower() == "none":
        return None
    found = re.fullmatch(r"([0-9]{1,15})([KMGT]?)(?:I?B)?", size.upper())
    if found is None or not int(found[1]):
        raise click.BadParameter(f"{size} is no size: 500M, 10G or none")
    return int(found[1]) * _UNITS[found[2]]


def _run(work: Callable[[Accounts], Awaitable[T]]) -> T:
    async def with_accounts(_settings: Settings, database: Database) -> T:
        return await work(Accounts(database))

    return common.run(with_accounts)


_password_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input."
)
_generate = click.option("--generate", is_flag=True, help="Make a password and print it, once.")


def _password(password_stdin: bool, generate: bool) -> str:
    if password_stdin and generate:
        raise click.UsageError("--password-stdin and --generate exclude each other")
    if generate:
        return "".join(secrets.choice(_ALPHABET) for _ in range(_GENERATED))
    if password_stdin:
        return _first_line(sys.stdin.buffer)
    if not sys.stdin.isatty():
        raise click.UsageError("no terminal to ask on: use --password-stdin or --generate")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def _first_line(stream: BinaryIO) -> str:
    """The first line without its end: UTF-8 whatever the locale, as clients will send it."""
    try:
        return stream.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise Refused("the password is not UTF-8", "password") from None


@click.group()
def account() -> None:
    """Accounts: who may log in and has mailboxes."""


account.add_command(app_password)


@account.command("add")
@click.argument("address")
@click.option("--quota", metavar="SIZE", help="500M, 10G; without it: no limit.")
@_password_stdin
@_generate
def add(address: str, quota: str | None, password_stdin: bool, generate: bool) -> None:
    """Make an account with its mailboxes."""
    quota_bytes = _bytes(quota)
    password = _password(password_stdin, generate)
    made = _run(lambda accounts: accounts.add(address, password, quota_bytes=quota_bytes))
    click.echo(f"account {made.address} added")
    if generate:
        click.echo(f"login {made.address} {password}")


@account.command("list")
@click.option("--domain", metavar="NAME", help="Only those of this domain.")
@click.option("--organization", metavar="ORG", help="Only those that it owns.")
@common.json_option
def list_(domain: str | None, organization: str | None, as_json: bool) -> None:
    """All accounts."""
    found = _run(lambda accounts: accounts.list(domain=domain, organization=organization))
    columns = ["address", "organization", "quota_bytes", "active"]
    common.show([asdict(one) for one in found], columns, as_json=as_json)


@account.command("show")
@click.argument("address")
@common.json_option
def show(address: str, as_json: bool) -> None:
    """One account, with what its mailboxes hold."""

    async def work(accounts: Accounts) -> tuple[Account, int, int]:
        found = await accounts.find(address)
        if found is None:
            raise Refused(f"account {address} does not exist", "address")
        return found, *(await accounts.usage(found))

    found, used, messages = _run(work)
    record = {**asdict(found), "used_bytes": used, "used_messages": messages}
    common.show_one(record, as_json=as_json)


@account.command("password")
@click.argument("address")
@_password_stdin
@_generate
def password(address: str, password_stdin: bool, generate: bool) -> None:
    """Set a new password; the old one is wrong at once, everywhere."""
    new = _password(password_stdin, generate)
    _run(lambda accounts: accounts.set_password(address, new))
    click.echo(f"password of {address} changed")
    if generate:
        click.echo(f"login {address} {new}")


@account.command("suspend")
@click.argument("address")
def suspend(address: str) -> None:
    """Refuse its logins and its mail until it is activated again."""
    _run(lambda accounts: accounts.set_active(address, False))
    click.echo(f"account {address} suspended")


@account.command("activate")
@click.argument("address")
def activate(address: str) -> None:
    """Take a suspended account up again."""
    _run(lambda accounts: accounts.set_active(address, True))
    click.echo(f"account {address} activated")


@account.command("quota")
@click.argument("address")
@click.argument("size")
@click.option("--messages", metavar="COUNT", help="Also how many messages: 10000, none.")
def quota(address: str, size: str, messages: str | None) -> None:
    """Set how much its mailboxes may hold: 500M, 10G, none."""
    quota_bytes = _bytes(size)
    if messages is not None and messages.lower() != "none" and not messages.isdecimal():
        raise click.BadParameter(f"{messages} is no count: 10000 or none")

    async def work(accounts: Accounts) -> None:
        found = await accounts.find(address)
        kept = found.quota_messages if found else None
        if messages is not None:
            kept = int(messages[:20]) if messages.isdecimal() else None
        await accounts.set_quota(address, quota_bytes, kept)

    _run(work)
    click.echo(f"quota of {address} set")


@account.command("promote")
@click.argument("address")
def promote(address: str) -> None:
    """Make it an administrator: it sets the quotas of its organization by IMAP."""
    _run(lambda accounts: accounts.set_administrator(address, True))
    click.echo(f"account {address} is an administrator")


@account.command("demote")
@click.argument("address")
def demote(address: str) -> None:
    """Make it an account like the others again."""
    _run(lambda accounts: accounts.set_administrator(address, False))
    click.echo(f"account {address} is no administrator")


@account.command("remove")
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(address: str, yes: bool) -> None:
    """Remove an account and all its mail."""
    if not yes and sys.stdin.isatty():
        click.confirm(f"Remove {address} and all its mail?", abort=True)
    _run(lambda accounts: accounts.remove(address))
    click.echo(f"account {address} removed")
