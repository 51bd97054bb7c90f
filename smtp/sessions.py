"""The open connections of one door, and whose turn it is where several receive much."""

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smtp.connection import Connection


class Sessions:
    """The open connections of one door."""

    def __init__(self) -> None:
        self._open: set[Connection] = set()
        self._none = asyncio.Event()
        self._none.set()
        self._gulping: deque[Connection] = deque()

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> "Iterator[Connection]":
        return iter(tuple(self._open))

    def __contains__(self, connection: object) -> bool:
        return connection in self._open

    def add(self, connection: "Connection") -> None:
        self._open.add(connection)
        self._none.clear()

    def discard(self, connection: "Connection") -> None:
        self._open.discard(connection)
        if not self._open:
            self._none.set()

    def let_read_on(self, connection: "Connection") -> None:
        """Let `connection`, which has stopped reading, read on when it is its turn.

        libuv reads up to 32 times 256 KB from one socket before it looks at the next. So that some
        sessions with large messages do not hold up all others, those take turns: one piece of one
        of them in each turn of the event loop.
        """
        self._gulping.append(connection)
        if len(self._gulping) == 1:
            connection.loop.call_soon(self._next_turn)

    def _next_turn(self) -> None:
        connection = self._gulping.popleft()
        if self._gulping:
            connection.loop.call_soon(self._next_turn)
        connection.read_on()

    async def all_gone(self) -> None:
        """Wait until none is open."""
        await self._none.wait()
