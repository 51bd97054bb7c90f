"""The HTTP door: uvicorn on an inherited socket, inside the worker's own loop."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from mailserver.api.application import application
from mailserver.node import Node


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the worker decides when to stop."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.accepting.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpDoor:
    """A running HTTP server."""

    def __init__(self, server: _Server, serving: asyncio.Task[None]) -> None:
        self._server = server
        self._serving = serving

    async def drain(self, timeout: float) -> None:
        """Stop accepting, answer what was asked, close; at most `timeout` seconds."""
        self._server.should_exit = True
        done, _ = await asyncio.wait([self._serving], timeout=timeout)
        if not done:
            self._serving.cancel()
            await asyncio.wait([self._serving])


async def serve(node: Node, sock: socket.socket) -> HttpDoor:
    """Answer HTTP on the listening `sock`; accepts when this returns."""
    config = uvicorn.Config(
        application(node.database, node.listener, node.objects),
        loop="none",
        http="h11",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=max(1, int(node.settings.drain_timeout)),
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[sock]), name="http")
    accepting = asyncio.create_task(server.accepting.wait())
    await asyncio.wait([serving, accepting], return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        accepting.cancel()
        await serving
    return HttpDoor(server, serving)
