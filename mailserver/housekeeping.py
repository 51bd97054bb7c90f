"""What runs beside the doors, in one process of all nodes: folding, packs, retention, indexing."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from mailserver.accounts.failures import HOME
from mailserver.errors import StorageUnavailable
from mailserver.indexing import Indexer
from mailserver.logs import logger
from mailserver.node import Node
from mailserver.storage import packs, retention
from mailserver.storage.directory import login_failures, login_networks, replaced_senders
from mailserver.storage.folding import fold_one
from mailserver.storage.notifications import MAILBOX
from mailserver.storage.packs import pack_one
from mailserver.storage.retention import Swept
from mailserver.storage.singleton import singleton

_FOLDING = 0x666F6C64  # advisory locks
_RETENTION = 0x73776570
_INDEXING = 0x696E6478
_FOLD_EVERY = 2.0  # seconds
_SWEEP_EVERY = 60.0
_INDEX_AGAIN = 5.0
_TRIM_EVERY = 86_400.0

log = logger("housekeeping")


async def fold(node: Node) -> None:
    """Fold mailboxes' events into their rows, then pack what is worth it, for ever."""
    await singleton(node.database.dsn, _FOLDING, lambda: _every(_FOLD_EVERY, _fold_all, node))


async def retain(node: Node) -> None:
    """Remove what the retention settings say, for ever."""
    await singleton(node.database.dsn, _RETENTION, lambda: _sweep_for_ever(node))


async def index(node: Node) -> None:
    """Keep the text index, for ever; nothing where it is turned off."""
    if not node.settings.search.index:
        return
    indexer = Indexer(node.database, node.blobs, node.settings.search.text_limit)
    node.listener.subscribe(MAILBOX, indexer.heard)
    await singleton(node.database.dsn, _INDEXING, lambda: _lasting(indexer))


async def sweep(node: Node, now: datetime) -> int:
    """One pass of retention as of `now`; gives how many messages went."""
    expunged = now - timedelta(seconds=node.settings.retention.expunged)
    finished = now - timedelta(seconds=node.settings.delivery.keep_finished)
    # A bounce may come as long after the last mail as its sender's address is good for.
    await replaced_senders.sweep(
        node.database, now - timedelta(seconds=node.settings.addresses.srs_lifetime)
    )
    await packs.sweep(node.database, expunged)
    total = 0
    for step, moment in (
        (retention.sweep_messages, expunged),
        (retention.sweep_queue, finished),
    ):
        while (swept := await step(node.database, moment)).messages:
            total += swept.messages
            await _remove_objects(node, swept)
    return total


async def forget_logins(node: Node, now: datetime) -> None:
    """Forget failed logins that count no more, and networks that an owner has left."""
    window = timedelta(seconds=node.settings.limits.failed_login_window)
    async with node.database.connection() as c:
        await login_failures.forget(c, now - window)
        await login_networks.forget(c, (now - HOME).date())


async def _sweep_for_ever(node: Node) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(_every(_SWEEP_EVERY, _sweep_now, node))
        group.create_task(_every(_TRIM_EVERY, _trim, node))


async def _sweep_now(node: Node) -> None:
    await forget_logins(node, datetime.now(UTC))
    if total := await sweep(node, datetime.now(UTC)):
        log.info("removed what was expunged or done", messages=total)


async def _trim(node: Node) -> None:
    await retention.trim_events(node.database)


async def _fold_all(node: Node) -> None:
    while await fold_one(node.database):
        pass
    while await pack_one(node.database):
        pass


async def _remove_objects(node: Node, swept: Swept) -> None:
    for key in swept.objects:
        await node.objects.delete(key)


async def _lasting(indexer: Indexer) -> None:
    while True:
        try:
            await indexer.run()
        except StorageUnavailable as error:
            log.warning("indexing waits", cause=str(error))
        await asyncio.sleep(_INDEX_AGAIN)


async def _every(seconds: float, work: Callable[[Node], Awaitable[None]], node: Node) -> None:
    while True:
        try:
            await work(node)
        except StorageUnavailable as error:
            log.warning("housekeeping waits", cause=str(error))
        await asyncio.sleep(seconds)
