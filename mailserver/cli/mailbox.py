"""`mailserver mailbox`: what accounts have, and who else may use it."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TypeVar

import click

from mailserver.accounts import Accounts
from mailserver.cli import common
from mailserver.settings import Settings
from mailserver.sharing import Sharing
from mailserver.storage.database import Database
from mailserver.storage.notifications import MailboxChanges

T = TypeVar("T")

_negative = click.option(
    "--negative", is_flag=True, help="The entry that takes rights away (-IDENTIFIER)."
)


def _run(work: Callable[[Sharing], Awaitable[T]]) -> T:
    async def with_sharing(_settings: Settings, database: Database) -> T:
        return await work(Sharing(database, Accounts(database), MailboxChanges()))

    return common.run(with_sharing)


@click.group()
def mailbox() -> None:
    """Mailboxes, and who may use those of others.

    Rights are letters: l look up, r read, s mark as seen, w change other flags, i insert,
    p (of no use here), k make mailboxes below, x delete and rename, t mark as deleted, e expunge,
    a change these rights. IDENTIFIER is the address of an account of the same organization, or
    `anyone`: everybody in it.
    """


@mailbox.command("list")
@click.argument("address")
@common.json_option
def list_(address: str, as_json: bool) -> None:
    """The mailboxes of an account."""
    found = _run(lambda sharing: sharing.mailboxes(address))
    columns = ["name", "messages", "unseen", "bytes", "has_list"]
    rows = [{name: asdict(one)[name] for name in (*columns, "special_use")} for one in found]
    common.show(rows, columns, as_json=as_json)


@mailbox.command("rights")
@click.argument("address")
@click.argument("name", metavar="MAILBOX")
@common.json_option
def rights(address: str, name: str, as_json: bool) -> None:
    """Who may do what in a mailbox."""
    found = _run(lambda sharing: sharing.listing(address, name))
    columns = ["identifier", "rights", "negative"]
    common.show([asdict(one) for one in found], columns, as_json=as_json)


@mailbox.command("grant")
@click.argument("address")
@click.argument("name", metavar="MAILBOX")
@click.argument("identifier")
@click.argument("letters", metavar="RIGHTS")
@_negative
def grant(address: str, name: str, identifier: str, letters: str, negative: bool) -> None:
    """Let IDENTIFIER do this in a mailbox, and nothing else; sessions see it at once."""
    _run(lambda sharing: sharing.grant(address, name, identifier, letters, negative=negative))
    click.echo(f"rights of {identifier} in {name} of {address} set")


@mailbox.command("revoke")
@click.argument("address")
@click.argument("name", metavar="MAILBOX")
@click.argument("identifier")
@_negative
def revoke(address: str, name: str, identifier: str, negative: bool) -> None:
    """Remove the entry of IDENTIFIER."""
    _run(lambda sharing: sharing.grant(address, name, identifier, "", negative=negative))
    click.echo(f"rights of {identifier} in {name} of {address} removed")
