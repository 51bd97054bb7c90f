"""Wrong passwords that were brought before: a program that repeats one guesses nothing.

A phone that was not told the new password tries the old one every minute; it must not use up what
its whole network may fail. No password is kept, only its HMAC under a random key of this process.
"""

import hmac
import os
from collections import OrderedDict
from collections.abc import Callable

_MOST = 10_000


class Repeats:
    """Remembers wrong passwords for `lifetime` seconds; `clock` is monotonic."""

    def __init__(self, lifetime: float, clock: Callable[[], float]) -> None:
        self._lifetime = lifetime
        self._clock = clock
        self._key = os.urandom(32)
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def again(self, account: str, password: str) -> bool:
        """True when it was wrong before; remembered as wrong from now on."""
        words = [word.encode("utf-8", "surrogatepass") for word in (account, password)]
        framed = len(words[0]).to_bytes(4, "big") + b"".join(words)
        digest, now = hmac.digest(self._key, framed, "sha256"), self._clock()
        before = self._until.get(digest, now)
        self._until[digest] = now + self._lifetime
        self._until.move_to_end(digest)
        if len(self._until) > _MOST:
            self._until.popitem(last=False)
        return before > now
