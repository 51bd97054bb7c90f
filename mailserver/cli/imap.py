"""`mailserver imap`: capabilities that are not announced to an account or to a program."""

from collections.abc import Collection, Sequence
from dataclasses import asdict

import click

from imap.capabilities import HIDEABLE, MUST_BE_TOLD
from mailserver.accounts import Hiding
from mailserver.accounts.hiding import ANY
from mailserver.cli import common
from mailserver.errors import Refused
from mailserver.settings import Settings
from mailserver.storage.database import Database

_account = click.option("--account", metavar="ADDRESS", help="From this account, by any program.")
_client = click.option(
    "--client",
    metavar="PATTERN",
    help="From programs whose ID has such a name: * and ? stand for others, in any case.",
)
_version = click.option(
    "--version", "version", metavar="PATTERN", help="And such a version.  [default: any or none]"
)


@click.group()
def imap() -> None:
    """What the IMAP server hides from programs that cannot do what they ask for."""


@imap.command("hide")
@click.argument("capabilities", nargs=-1, required=True, metavar="CAPABILITY…")
@_account
@_client
@_version
def hide(
    capabilities: Sequence[str], account: str | None, client: str | None, version: str | None
) -> None:
    """Announce these no more: to an account from its next login, to a program from its next ID."""
    _one_of(account, client, version)
    names = _names(capabilities)

    async def work(_settings: Settings, database: Database) -> None:
        hiding = Hiding(database)
        if account is not None:
            await hiding.hide_from_account(account, names)
        elif client is not None:
            await hiding.hide_from_client(client, version or ANY, names)

    common.run(work)
    click.echo(f"{' '.join(names)} hidden from {_whom(account, client, version)}")


@imap.command("show")
@click.argument("capabilities", nargs=-1, metavar="[CAPABILITY…]")
@_account
@_client
@_version
def show(
    capabilities: Sequence[str], account: str | None, client: str | None, version: str | None
) -> None:
    """Announce these again, or all that were hidden; the patterns as they were given to `hide`."""
    _one_of(account, client, version)
    # Not checked: what an earlier release knew may still be hidden.
    names = {name.upper() for name in capabilities} or None

    async def work(_settings: Settings, database: Database) -> Collection[str]:
        hiding = Hiding(database)
        if account is not None:
            return await hiding.show_account(account, names)
        assert client is not None
        return await hiding.show_client(client, version or ANY, names)

    shown = common.run(work)
    click.echo(f"{' '.join(shown)} announced again to {_whom(account, client, version)}")


@imap.command("list")
@common.json_option
def list_(as_json: bool) -> None:
    """All that is hidden, and from whom."""
    found = common.run(lambda _, database: Hiding(database).list())
    columns = ["capability", "account", "client", "version", "created_at"]
    common.show(
        [{name: asdict(one)[name] for name in columns} for one in found], columns, as_json=as_json
    )


def _one_of(account: str | None, client: str | None, version: str | None) -> None:
    if (account is None) is (client is None):
        raise click.UsageError("name an --account or a --client")
    if version is not None and client is None:
        raise click.UsageError("--version goes with --client")


def _names(capabilities: Sequence[str]) -> list[str]:
    names = sorted({name.upper() for name in capabilities})
    for name in names:
        if name in MUST_BE_TOLD:
            raise Refused(f"{name} cannot be hidden: no client can do without", "capability")
        if name not in HIDEABLE:
            raise Refused(
                f"there is no capability {name}; there is: {' '.join(sorted(HIDEABLE))}",
                "capability",
            )
    return names


def _whom(account: str | None, client: str | None, version: str | None) -> str:
    return account or f"{client} version {version or ANY}"
