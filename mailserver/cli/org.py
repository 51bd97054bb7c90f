"""`mailserver org`: the organizations that own domains."""

from dataclasses import asdict

import click

from mailserver.cli import common
from mailserver.domains import Organizations


@click.group()
def org() -> None:
    """Organizations: the customers that own domains."""


@org.command("add")
@click.argument("name")
def add(name: str) -> None:
    """Make an organization."""
    common.run(lambda _, database: Organizations(database).add(name))
    click.echo(f"organization {name} added")


@org.command("list")
@common.json_option
def list_(as_json: bool) -> None:
    """All organizations."""
    found = common.run(lambda _, database: Organizations(database).list())
    columns = ["name", "domains", "accounts", "contact", "store", "created_at"]
    common.show([asdict(one) for one in found], columns, as_json=as_json)


@org.command("show")
@click.argument("name")
@common.json_option
def show(name: str, as_json: bool) -> None:
    """One organization."""
    found = common.run(lambda _, database: Organizations(database).find(name))
    common.show_one(asdict(found), as_json=as_json)


@org.command("contact")
@click.argument("name")
@click.argument("address", metavar="ADDRESS|none")
def contact(name: str, address: str) -> None:
    """Say who gets mail to postmaster and abuse of its domains where these have neither."""
    chosen = None if address == "none" else address
    common.run(
        lambda settings, database: Organizations(database, settings.addresses).set_contact(
            name, chosen
        )
    )
    click.echo(f"contact of {name} set to {address}")


@org.command("remove")
@click.argument("name")
def remove(name: str) -> None:
    """Remove an organization; refused while it owns a domain."""
    common.run(lambda _, database: Organizations(database).remove(name))
    click.echo(f"organization {name} removed")
