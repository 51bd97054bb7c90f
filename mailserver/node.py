"""What one process holds: caches and open connections, nothing else. Any node can die."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from mailserver.accounts import Accounts, Hiding, Logins
from mailserver.accounts.passwords import Passwords
from mailserver.certificates import Certificates
from mailserver.dns import Resolver
from mailserver.domains import Domains
from mailserver.ingest import Ingest
from mailserver.oauth import open_issuer
from mailserver.objects import ObjectStore, Scratch, open_store
from mailserver.quotas import Quotas
from mailserver.settings import Settings
from mailserver.sharing import Sharing
from mailserver.storage.blobs import Blobs
from mailserver.storage.board import Board
from mailserver.storage.database import Database
from mailserver.storage.notifications import (
    ANNOTATION,
    DIRECTORY,
    MAILBOX,
    RIGHTS,
    Listener,
    MailboxChanges,
)


class Door(Protocol):
    """A listening server of this process."""

    async def drain(self, timeout: float) -> None:
        """Stop accepting, finish the running commands, say goodbye, close.

        Takes at most `timeout` seconds.
        """


@dataclass(slots=True)
class Node:
    """The parts every door is given."""

    settings: Settings
    database: Database
    listener: Listener
    changes: MailboxChanges
    rights_changes: MailboxChanges  # of access control lists
    annotation_changes: MailboxChanges
    objects: ObjectStore
    blobs: Blobs
    scratch: Scratch  # for messages while they are received or sent
    accounts: Accounts
    logins: Logins
    hiding: Hiding
    domains: Domains
    certificates: Certificates
    quotas: Quotas
    sharing: Sharing
    ingest: Ingest
    resolver: Resolver
    running: list[asyncio.Task[None]]  # the group commit and the listener

    async def supervise(self) -> None:
        """Wait for ever; raises what ended the group commit or the listener: no door works then."""
        ended, _ = await asyncio.wait(self.running, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
        raise RuntimeError("work that never ends has ended")

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        settings: Settings,
        dsn: str,
        *,
        ticket_secret: bytes | None = None,
        board: Board | None = None,
    ) -> AsyncIterator["Node"]:
        """Connect everything; the listener and the group commit run inside the block.

        `ticket_secret` and `board` are shared with the node's other processes.
        """
        certificates = Certificates(settings, ticket_secret=ticket_secret)
        async with AsyncExitStack() as stack:
            database = await Database.open(
                dsn,
                connections=settings.database.connections,
                timeout=settings.database.timeout,
            )
            stack.push_async_callback(database.close)
            objects = open_store(settings)
            stack.push_async_callback(objects.close)
            scratch = Scratch(settings.data / "scratch")
            stack.callback(scratch.close)
            node = cls._assemble(settings, database, objects, scratch, certificates, board)
            stack.push_async_callback(node.resolver.close)
            for work in (node.ingest.run(), node.listener.run()):
                task = asyncio.create_task(work)
                node.running.append(task)
                stack.push_async_callback(_cancelled, task)
            yield node

    @classmethod
    def _assemble(
        cls,
        settings: Settings,
        database: Database,
        objects: ObjectStore,
        scratch: Scratch,
        certificates: Certificates,
        board: Board | None,
    ) -> "Node":
        listener = Listener(database.dsn)
        changes, rights_changes = MailboxChanges(board), MailboxChanges()
        annotation_changes = MailboxChanges()
        passwords = Passwords()
        accounts = Accounts(database, settings.addresses, hashing=passwords)
        issuer = open_issuer(settings.auth.oauth)
        logins = Logins(
            database,
            settings.limits,
            hashing=passwords,
            issuer=issuer,
            mechanisms=settings.auth.mechanisms,
        )
        hiding = Hiding(database)
        domains = Domains(database)
        quotas = Quotas(database)
        listener.subscribe(MAILBOX, changes.heard)
        listener.subscribe(RIGHTS, rights_changes.heard)
        listener.subscribe(ANNOTATION, annotation_changes.heard)
        listener.subscribe(DIRECTORY, accounts.invalidate)
        listener.subscribe(DIRECTORY, logins.invalidate)
        listener.subscribe(DIRECTORY, hiding.invalidate)
        listener.subscribe(DIRECTORY, domains.invalidate)
        return cls(
            settings=settings,
            database=database,
            listener=listener,
            changes=changes,
            rights_changes=rights_changes,
            annotation_changes=annotation_changes,
            objects=objects,
            blobs=Blobs(database, objects, kept=settings.objects.cache_bytes),
            scratch=scratch,
            accounts=accounts,
            logins=logins,
            hiding=hiding,
            domains=domains,
            certificates=certificates,
            quotas=quotas,
            sharing=Sharing(database, accounts, rights_changes),
            ingest=Ingest(
                database,
                objects,
                quotas,
                changes,
                scratch,
                inline_limit=settings.objects.inline_limit,
            ),
            resolver=Resolver(settings.delivery.resolver),
            running=[],
        )


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
