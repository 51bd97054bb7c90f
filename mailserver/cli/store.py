"""`mailserver store`: what is kept of the mail beside the mail itself."""

import sys

import click

from mailserver.accounts.accounts import existing
from mailserver.cli import common
from mailserver.errors import Refused
from mailserver.indexing import Indexer
from mailserver.objects import open_store
from mailserver.settings import Settings
from mailserver.storage import text_packs
from mailserver.storage.blobs import Blobs
from mailserver.storage.database import Database


@click.group()
def store() -> None:
    """What is kept of the mail beside the mail itself."""


@store.command("index")
@common.json_option
def index(as_json: bool) -> None:
    """How far the text index is, and what it takes."""

    async def work(_settings: Settings, database: Database) -> dict[str, int]:
        async with database.connection() as c:
            return await text_packs.summary(c)

    common.show_one(common.run(work), as_json=as_json)


@store.command("reindex")
@click.argument("address", required=False)
def reindex(address: str | None) -> None:
    """Make the text index anew, of the account ADDRESS or of all; safe while servers run.

    Searches stay exact meanwhile: they read what is not indexed.
    """

    async def work(settings: Settings, database: Database) -> tuple[int, int]:
        if not settings.search.index:
            raise Refused("search.index is off: searches would not ask the index", "index")
        chosen = await _mailboxes(database, address)
        objects = open_store(settings)
        try:
            blobs = Blobs(database, objects)
            indexer = Indexer(database, blobs, settings.search.text_limit)
            return len(chosen), await _anew(database, indexer, chosen)
        finally:
            await objects.close()

    count, messages = common.run(work)
    click.echo(f"{messages} messages in {count} mailboxes indexed")


async def _mailboxes(database: Database, address: str | None) -> list[int]:
    async with database.connection() as c:
        account = await existing(c, address) if address is not None else None
        return await text_packs.mailboxes(c, account.id if account else None)


async def _anew(database: Database, indexer: Indexer, chosen: list[int]) -> int:
    total = 0
    # On stderr, so that stdout has the result alone; nothing where nobody looks.
    with click.progressbar(length=len(chosen), label="mailboxes", file=sys.stderr) as bar:
        for mailbox_id in chosen:
            async with database.connection() as c:
                await text_packs.forget(c, mailbox_id)
            total += await indexer.index(mailbox_id)
            bar.update(1)
    return total
