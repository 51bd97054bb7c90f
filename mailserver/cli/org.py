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
    columns = ["name", "domains", "accounts", "store", "created_at"]
    common.show([asdict(one) for one in found], columns, as_json=as_json)


@org.command("show")
@click.argument("name")
@common.json_option
def show(name: str, as_json: bool) -> None:
    """One organization."""
    found = common.run(lambda _, database: Organizations(database).find(name))
    common.show_one(asdict(found), as_json=as_json)


@org.command("remove")
@click.argument("name")
def remove(name: str) -> None:
    """Remove an organization; refused while it owns a domain."""
    common.run(lambda _, database: Organizations(database).remove(name))
    click.echo(f"organization {name} removed")
