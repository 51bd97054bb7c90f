"""`mailserver migrate`: bring the database to this release's schema."""

import asyncio

import click

from mailserver.cli import common
from mailserver.storage.migrations import migrate as apply
from mailserver.storage.migrations import pending
from mailserver.storage.reach import prove


@click.command()
@click.option("--check", is_flag=True, help="Only list what is missing; exit 1 when something is.")
@common.json_option
def migrate(check: bool, as_json: bool) -> None:
    """Apply the migrations that the database lacks; safe while servers run."""
    with common.postgres(common.settings(), create=not check) as dsn:
        asyncio.run(prove(dsn))
        found = asyncio.run(pending(dsn) if check else apply(dsn))
    rows = [{"stream": item.stream, "number": item.number, "name": item.name} for item in found]
    if rows or as_json:
        common.show(rows, ["stream", "number", "name"], as_json=as_json)
    else:
        click.echo("nothing is missing")
    if check and rows:
        raise SystemExit(1)
