"""INPROGRESS (RFC 9585): a client that waits for long is told that its command still runs.

Only between whole responses, and never while a command writes its answer.
"""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from imap.protocol import responses
from imap.protocol.progress import inprogress_code
from imap.protocol.responses import Condition
from imap.session import Session

T = TypeVar("T")

INTERVAL = 10.0  # seconds from the beginning of a command, and between two responses


class Progress:
    """How far a command has come that takes its messages in turn."""

    def __init__(self, session: Session, total: int) -> None:
        self._session = session
        self._total = total
        self._told = time.monotonic()

    async def tell(self, done: int) -> None:
        """`done` messages of the total are looked at; told if it is time again."""
        now = time.monotonic()
        if now - self._told >= INTERVAL:
            self._told = now
            await _tell(self._session, inprogress_code(self._session.tag, done, self._total))


async def while_waiting(session: Session, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which writes nothing; its client hears now and then that it runs."""
    task = asyncio.get_running_loop().create_task(work)
    try:
        while not (await asyncio.wait([task], timeout=INTERVAL))[0]:
            await _tell(session, inprogress_code(session.tag))
    finally:
        if not task.done():
            # The client is gone: nothing goes on for it.
            task.cancel()
            await asyncio.wait([task])
    return task.result()


async def _tell(session: Session, code: bytes) -> None:
    await session.write(responses.untagged(Condition.OK, "Still at it", code))
    session.flush()
