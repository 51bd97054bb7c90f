"""Changes gather for a moment, then a session is woken once and asks for all of them."""

import asyncio
from collections.abc import Callable

_GATHER = 0.1  # seconds that changes gather before they are told together
_RETRY = 1.0  # seconds until storage that was away is asked again


class Gathering:
    """`ripe`: there is something to tell."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.ripe = False
        self._wake = wake
        self._timer: asyncio.TimerHandle | None = None

    def heard(self) -> None:
        """Something changed."""
        self._schedule(_GATHER)

    def retry(self) -> None:
        """Storage was away: wake again, later."""
        self._schedule(_RETRY)

    def take(self) -> None:
        """It is being told."""
        self.ripe = False

    def close(self) -> None:
        """Wake no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.ripe = False

    def _schedule(self, seconds: float) -> None:
        if self._timer is None and not self.ripe:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._ripen)

    def _ripen(self) -> None:
        self._timer = None
        self.ripe = True
        self._wake()
