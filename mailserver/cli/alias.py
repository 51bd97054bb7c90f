"""`mailserver alias`: addresses that lead to others."""

from dataclasses import asdict

import click

from mailserver.cli import common
from mailserver.domains import Aliases


@click.group()
def alias() -> None:
    """Aliases: addresses that lead to others; '*@DOMAIN' is the domain's catch-all."""


@alias.command("add")
@click.argument("address")
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
def add(address: str, targets: tuple[str, ...]) -> None:
    """Make an alias; each TARGET is an address here, which must exist, or elsewhere."""
    made = common.run(
        lambda settings, database: Aliases(database, settings.addresses).add(address, targets)
    )
    click.echo(f"alias {made.address} added")


@alias.command("list")
@click.option("--domain", metavar="NAME", help="Only those of this domain.")
@common.json_option
def list_(domain: str | None, as_json: bool) -> None:
    """All aliases."""
    found = common.run(lambda _, database: Aliases(database).list(domain=domain))
    common.show([asdict(one) for one in found], ["address", "targets"], as_json=as_json)


@alias.command("show")
@click.argument("address")
@common.json_option
def show(address: str, as_json: bool) -> None:
    """One alias."""
    found = common.run(lambda _, database: Aliases(database).find(address))
    common.show_one(asdict(found), as_json=as_json)


@alias.command("remove")
@click.argument("address")
def remove(address: str) -> None:
    """Remove an alias, and its address from the aliases and groups that lead to it."""
    common.run(lambda _, database: Aliases(database).remove(address))
    click.echo(f"alias {address} removed")
