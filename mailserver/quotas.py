"""How full an account is: one query now and then, and this process's own arrivals in between."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from mailserver.accounts.values import Account
from mailserver.storage import mailboxes
from mailserver.storage.database import Database

_FRESH = 2.0  # seconds that a figure is believed; other processes' arrivals show after that
_REMEMBERED = 50_000  # accounts per process


@dataclass(slots=True)
class _Known:
    asked_at: float
    used: int  # bytes
    messages: int


class Quotas:
    """What accounts hold, by id. The figures may lag by what other processes stored in 2 s."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[int, _Known] = {}

    async def has_room(self, account: Account, size: int, messages: int = 1) -> bool:
        """May so many `messages`, of `size` bytes together, go in?"""
        if not account.limited:
            return True
        known = await self._figures(account.id)
        return _within(known.used + size, account.quota_bytes) and _within(
            known.messages + messages, account.quota_messages
        )

    async def _figures(self, account_id: int) -> _Known:
        known = self._known.get(account_id)
        if known is not None and self._clock() - known.asked_at < _FRESH:
            return known
        async with self._database.connection() as c:
            used, messages = await mailboxes.usage(c, account_id)
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        known = self._known[account_id] = _Known(self._clock(), used, messages)
        return known

    def added(self, account_id: int, size: int, messages: int = 1) -> None:
        """Count what was just stored here, so that a burst cannot run past the limit."""
        if known := self._known.get(account_id):
            known.used += size
            known.messages += messages


def _within(amount: int, limit: int | None) -> bool:
    return limit is None or amount <= limit
