"""`mailserver group`: addresses whose mail goes to members, and who may write to them."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TypeVar

import click

from mailserver.cli import common
from mailserver.domains import Groups
from mailserver.storage.directory.entries import Posting

T = TypeVar("T")

_posting = click.Choice([one.value for one in Posting])


def _run(work: Callable[[Groups], Awaitable[T]]) -> T:
    return common.run(lambda settings, database: work(Groups(database, settings.addresses)))


@click.group()
def group() -> None:
    """Groups: addresses whose mail goes to all members; bounces go to the owners."""


@group.command("add")
@click.argument("address")
@click.argument("members", nargs=-1, metavar="[MEMBER]...")
@click.option(
    "--posting", type=_posting, default="members", show_default=True, help="Who may write to it."
)
@click.option("--owner", "owners", multiple=True, metavar="ADDRESS", help="Who answers for it.")
def add(address: str, members: tuple[str, ...], posting: str, owners: tuple[str, ...]) -> None:
    """Make a group; each MEMBER is an address here, which must exist, or elsewhere."""
    made = _run(
        lambda groups: groups.add(address, members, posting=Posting(posting), owners=owners)
    )
    click.echo(f"group {made.address} added, {made.posting} may post")


@group.command("list")
@click.option("--domain", metavar="NAME", help="Only those of this domain.")
@common.json_option
def list_(domain: str | None, as_json: bool) -> None:
    """All groups."""
    found = _run(lambda groups: groups.list(domain=domain))
    columns = ["address", "posting", "owners", "members"]
    common.show([asdict(one) for one in found], columns, as_json=as_json)


@group.command("show")
@click.argument("address")
@common.json_option
def show(address: str, as_json: bool) -> None:
    """One group."""
    common.show_one(asdict(_run(lambda groups: groups.find(address))), as_json=as_json)


@group.command("set")
@click.argument("address")
@click.option("--posting", type=_posting, help="Who may write to it.")
@click.option(
    "--owner", "owners", multiple=True, metavar="ADDRESS", help="Instead of those it has."
)
def set_(address: str, posting: str | None, owners: tuple[str, ...]) -> None:
    """Change who may post or who answers for a group."""
    if posting is None and not owners:
        raise click.UsageError("give --posting or --owner")
    chosen = Posting(posting) if posting else None
    _run(lambda groups: groups.set(address, posting=chosen, owners=owners or None))
    click.echo(f"group {address} changed")


@group.command("remove")
@click.argument("address")
def remove(address: str) -> None:
    """Remove a group, and its address from the aliases and groups that lead to it."""
    _run(lambda groups: groups.remove(address))
    click.echo(f"group {address} removed")


@group.group("member")
def member() -> None:
    """Who is in a group."""


@member.command("add")
@click.argument("address")
@click.argument("members", nargs=-1, required=True, metavar="MEMBER...")
def add_members(address: str, members: tuple[str, ...]) -> None:
    """Take in members."""
    _run(lambda groups: groups.add_members(address, members))
    click.echo(f"{len(members)} member(s) added to {address}")


@member.command("remove")
@click.argument("address")
@click.argument("members", nargs=-1, required=True, metavar="MEMBER...")
def remove_members(address: str, members: tuple[str, ...]) -> None:
    """Take members out."""
    _run(lambda groups: groups.remove_members(address, members))
    click.echo(f"{len(members)} member(s) removed from {address}")
