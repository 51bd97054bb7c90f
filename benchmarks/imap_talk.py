"""IMAP clients by the hundred, in one event loop: they cost little and check every answer."""

import asyncio
import re
import time
from collections.abc import Callable, Coroutine
from typing import Any

from benchmarks.peers import PASSWORD, USER
from benchmarks.smtp_load import trusting

_CONTEXT = trusting()
_LITERAL = re.compile(rb"\{(\d+)\}\r\n")


class Talk(asyncio.Protocol):
    """One connection; `heard` is called with each line that is no answer to a command."""

    def __init__(self, heard: Callable[[bytes], None] | None = None) -> None:
        self._heard = heard
        self._buffer = bytearray()
        self._from = 0  # where the search for the end of the answer goes on
        self._tag = b"*"
        self._number = 0
        self._answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    @classmethod
    async def open(
        cls, port: int, *, tls: bool = True, heard: Callable[[bytes], None] | None = None
    ) -> "Talk":
        """Connected and greeted."""
        loop = asyncio.get_running_loop()
        context = _CONTEXT if tls else None
        _, talk = await loop.create_connection(lambda: cls(heard), "127.0.0.1", port, ssl=context)
        await talk._answer
        return talk

    async def login(self, user: int) -> None:
        await self.command(f"LOGIN {USER.format(user)} {PASSWORD}")

    async def command(self, text: str, content: bytes | None = None) -> bytes:
        """Gives the whole answer; RuntimeError when it is not OK."""
        request = text.encode()
        if content is not None:
            request += b" {%d+}\r\n" % len(content) + content
        return await self.send(request)

    async def send(self, request: bytes) -> bytes:
        self._number += 1
        self._tag = b"t%d" % self._number
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(self._tag + b" " + request + b"\r\n")
        answer = await self._answer
        last = answer[answer.rindex(self._tag + b" ") :]
        if not last.startswith(self._tag + b" OK"):
            raise RuntimeError(f"{request[:80]!r}: {last!r}")
        return answer

    async def idle(self) -> None:
        """IDLE; from here on `heard` is told."""
        self._tag = b"+"
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(b"idle IDLE\r\n")
        await self._answer

    def close(self) -> None:
        self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._answer.done():
            self._answer.set_exception(RuntimeError("the connection was lost"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n", self._from)) >= 0:
            start = self._buffer.rfind(b"\n", 0, end) + 1
            literal = _LITERAL.search(self._buffer, max(start, end - 20), end + 2)
            self._from = end + 2
            if literal is not None and literal.end() == end + 2:
                self._from += int(literal[1])
                continue
            if self._buffer.startswith(self._tag + b" ", start) and not self._answer.done():
                answer = bytes(self._buffer[: self._from])
                del self._buffer[: self._from]
                self._from = 0
                self._answer.set_result(answer)
            elif self._answer.done():
                line = bytes(self._buffer[: self._from])
                del self._buffer[: self._from]
                self._from = 0
                if self._heard is not None:
                    self._heard(line)


async def rate(count: int, work: list[Coroutine[Any, Any, None]]) -> float:
    """How many of `count` things a second are done by `work`, side by side."""
    started = time.perf_counter()
    await asyncio.gather(*work)
    return count / (time.perf_counter() - started)
