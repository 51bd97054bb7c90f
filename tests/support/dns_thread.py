"""The DNS server of the tests beside code that blocks: in a thread with a loop of its own."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.dns_server import DnsServer, serve_dns


@contextmanager
def dns_beside() -> Iterator[DnsServer]:
    """A running server; records are added before they are asked for."""
    ready = threading.Event()
    servers: list[DnsServer] = []
    loop = asyncio.new_event_loop()
    end = asyncio.Event()

    async def serve() -> None:
        async with serve_dns() as server:
            servers.append(server)
            ready.set()
            await end.wait()

    def work() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert ready.wait(10)
        yield servers[0]
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(10)
