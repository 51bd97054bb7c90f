"""`mailserver secret`: what all nodes know and sign with; no secret is ever shown."""

from dataclasses import asdict

import click

from mailserver.cli import common
from mailserver.domains import Secrets


@click.group()
def secret() -> None:
    """Secrets of all nodes: "srs" signs the senders that forwarded mail is given."""


@secret.command("list")
@common.json_option
def list_(as_json: bool) -> None:
    """All secrets by name and age; the first one of a name is used, the others are still taken."""
    found = common.run(lambda _, database: Secrets(database).list())
    columns = ["id", "name", "used", "created_at"]
    common.show([asdict(one) for one in found], columns, as_json=as_json)


@secret.command("rotate")
@click.argument("name")
def rotate(name: str) -> None:
    """Use a new secret from now on; what the older ones signed is taken until they are retired."""
    common.run(lambda _, database: Secrets(database).rotate(name))
    click.echo(f"secret {name} rotated")


@secret.command("retire")
@click.argument("name")
def retire(name: str) -> None:
    """Remove all but the newest: nothing that the older ones signed is taken any more."""
    gone = common.run(lambda _, database: Secrets(database).retire(name))
    click.echo(f"{gone} old secret(s) of {name} removed")
