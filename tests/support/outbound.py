"""Mail put into the queue, and what became of it."""

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import cast

from delivery.worker import Worker
from mailserver.ingest import Arrival, Outbound
from mailserver.mail.terms import NO_TERMS, Asked, Terms
from mailserver.node import Node
from mailserver.storage import queue
from tests.support.node import ALICE, inbox

PREFIX = b"Received: from client by mail.example.test; Tue, 24 Nov 2026 04:00:00 +0000\r\n"
CONTENT = (
    b"From: Alice <alice@example.test>\r\nTo: carol@remote.test\r\nSubject: hello\r\n"
    b"Date: Tue, 24 Nov 2026 04:00:00 +0000\r\nMessage-ID: <1@example.test>\r\n\r\n"
    b"Hello\r\n.\r\n"
)
MX = "remote.test. IN MX 10 mx.remote.test.\nmx.remote.test. IN A 127.0.0.2"


async def submit(
    node: Node,
    *recipients: str,
    sender: str = ALICE,
    content: bytes = CONTENT,
    lifetime: float = 86400.0,
    smtputf8: bool = False,
    submitted: bool = True,
    terms: Terms = NO_TERMS,
    asked: Mapping[str, Asked] | None = None,
) -> int:
    """Queue a message that alice submitted, or else one that came for her organization.

    Gives its queue id.
    """
    alice = await node.accounts.find(ALICE)
    assert alice is not None
    outbound = Outbound(
        organization_id=alice.organization_id,
        account_id=alice.id if submitted else None,
        sender=sender,
        recipients=recipients,
        prefix=PREFIX,
        expires_at=datetime.now(UTC) + timedelta(seconds=lifetime),
        smtputf8=smtputf8,
        terms=terms,
        asked=asked,
    )
    receipt = await node.ingest.accept(Arrival(content, outbound=[outbound]))
    return receipt.queue_ids[0]


async def states(node: Node, queue_id: int) -> dict[str, str]:
    """The state of each recipient."""
    async with node.database.connection() as c:
        shown = await queue.shown(c, queue_id)
    assert shown is not None
    return {row["recipient"]: row["state"] for row in shown[1]}


async def reply(node: Node, queue_id: int) -> str:
    """What the first recipient's last attempt came to."""
    async with node.database.connection() as c:
        shown = await queue.shown(c, queue_id)
    assert shown is not None
    return cast(str, shown[1][0]["last_reply"])


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)


async def finished(node: Node, queue_id: int) -> dict[str, str]:
    """The states once nothing waits any more."""

    async def done() -> bool:
        return not set(queue.WAITING) & set((await states(node, queue_id)).values())

    await until(done)
    return await states(node, queue_id)


async def deferred(node: Node, queue_id: int) -> None:
    """Return once a recipient was deferred."""

    async def was() -> bool:
        return "deferred" in (await states(node, queue_id)).values()

    await until(was)


@asynccontextmanager
async def working(node: Node) -> AsyncIterator[Worker]:
    """A running worker, drained at the end."""
    worker = Worker(node)
    running = asyncio.create_task(worker.run())
    try:
        yield worker
        await worker.drain(2)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def parsed(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=email.policy.default)


async def bounces(node: Node, address: str = ALICE, count: int = 1) -> list[EmailMessage]:
    """The reports in an INBOX, once there are `count`."""

    async def there() -> bool:
        return len(await inbox(node, address)) >= count

    await until(there)
    return [parsed(raw) for raw in await inbox(node, address)]


def status_fields(bounce: EmailMessage) -> list[dict[str, str]]:
    """The groups of fields of the machine-readable part (RFC 3464 §2.1)."""
    (part,) = [p for p in bounce.walk() if p.get_content_type() == "message/delivery-status"]
    groups = cast(list[EmailMessage], part.get_payload())
    return [dict(group.items()) for group in groups]
