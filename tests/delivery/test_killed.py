"""Workers killed with -9 at random moments: nothing is lost, little is sent twice."""

import asyncio
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from mailserver.node import Node
from mailserver.settings import Delivery
from mailserver.storage.queue import WAITING
from tests.support.dns_server import DnsServer
from tests.support.node import open_node, settings_for
from tests.support.outbound import MX, submit, until
from tests.support.remote_mx import remote_mx

_MESSAGES = 300
_KILLS = 6
_CONNECTIONS = 5

_WORKER = """
import asyncio, sys
import msgspec, uvloop
from delivery.worker import Worker
from mailserver.node import Node
from mailserver.settings import Settings

async def main():
    settings = msgspec.json.decode(sys.argv[1], type=Settings)
    async with Node.open(settings, sys.argv[2]) as node:
        await Worker(node).run()

uvloop.run(main())
"""


@asynccontextmanager
async def killed(arguments: Sequence[str]) -> AsyncIterator[None]:
    """A worker process that is killed at the end of the block."""
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments)
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def waiting(node: Node) -> int:
    found: int = await node.database.fetchval(
        "SELECT count(*) FROM queue_recipient WHERE state = ANY ($1::text[])", list(WAITING)
    )
    return found


async def test_killed_workers_lose_nothing(
    dsn: str, tmp_path: Path, delivery: Delivery, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    short = msgspec.structs.replace(delivery, lease=1.0, batch=20, connections=_CONNECTIONS)
    settings = settings_for(tmp_path, delivery=short)
    arguments = ("-c", _WORKER, msgspec.json.encode(settings).decode(), dsn)
    kills = 0
    with remote_mx("127.0.0.2", smtp_port) as mx:
        async with open_node(dsn, settings) as node:
            await asyncio.gather(*(submit(node, f"r{n}@remote.test") for n in range(_MESSAGES)))
            while kills < _KILLS and await waiting(node):
                before = len(mx.received)

                async def begun(before: int = before) -> bool:
                    return len(mx.received) > before

                async with killed(arguments):
                    await until(begun)
                    await asyncio.sleep(random.uniform(0, 0.05))
                kills += 1

            async def done() -> bool:
                return not await waiting(node)

            async with killed(arguments):
                await until(done, 60)
            states = await node.database.fetch("SELECT state FROM queue_recipient")
    assert {row["state"] for row in states} == {"delivered"}
    copies = Counter(mx.recipients)
    assert len(copies) == _MESSAGES
    # Twice only what was under way when its worker died: one message on each connection.
    assert len(mx.recipients) - _MESSAGES <= kills * _CONNECTIONS
    assert kills == _KILLS
