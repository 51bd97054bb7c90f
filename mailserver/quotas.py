"""How full an account is: one query now and then, and this process's own arrivals in between."""

import time
from collections.abc import Callable

from mailserver.storage import mailboxes
from mailserver.storage.database import Database

_FRESH = 2.0  # seconds that a figure is believed; other processes' arrivals show after that
_REMEMBERED = 50_000  # accounts per process


class Quotas:
    """Used bytes by account id. The figure may lag by what other processes stored in 2 s."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._used: dict[int, tuple[float, int]] = {}

    async def has_room(self, account_id: int, quota_bytes: int | None, size: int) -> bool:
        """May `size` more bytes go in? `quota_bytes` None: no limit."""
        if quota_bytes is None:
            return True
        return await self.used(account_id) + size <= quota_bytes

    async def used(self, account_id: int) -> int:
        """Bytes stored in all mailboxes of the account."""
        known = self._used.get(account_id)
        if known is not None and self._clock() - known[0] < _FRESH:
            return known[1]
        async with self._database.connection() as c:
            used = await mailboxes.usage(c, account_id)
        if len(self._used) >= _REMEMBERED:
            self._used.clear()
        self._used[account_id] = (self._clock(), used)
        return used

    def added(self, account_id: int, size: int) -> None:
        """Count what was just stored here, so that a burst cannot run past the limit."""
        if known := self._used.get(account_id):
            self._used[account_id] = (known[0], known[1] + size)
