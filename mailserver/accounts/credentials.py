"""Credentials found right lately: argon2 is paid once, not at each login.

Invariants: no password is kept, only its HMAC-SHA-256 under a random key of this process, over
the account's password hash too, so that a changed password is never found here. Only right
credentials are remembered. The same credential is compared once at a time, whoever brings it.
"""

import asyncio
import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from mailserver.accounts.passwords import Passwords
from mailserver.errors import MailError
from mailserver.storage.directory.cache import DirectoryCache

MAX_REMEMBERED = 50_000  # credentials
# Comparisons at the same time, most of which wait: those behind would hear their answer too late.
MAX_WAITING = 500


@dataclass(slots=True)
class Claim:
    """Somebody says to be `address`; `password` is prepared, `password_hash` the directory's."""

    address: str
    domain: str
    password_hash: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(slots=True)
class _Flight:
    comparing: "asyncio.Future[bool]"
    waiting: int = 0


class Credentials:
    """Checks claims; `lifetime` in seconds, `clock` monotonic."""

    def __init__(self, passwords: Passwords, lifetime: float, clock: Callable[[], float]) -> None:
        self._passwords = passwords
        self._lifetime = lifetime
        self._clock = clock
        self._key = os.urandom(32)
        self._right: DirectoryCache[float] = DirectoryCache(MAX_REMEMBERED)  # → when it ends
        self._flights: dict[str, _Flight] = {}

    async def check(self, claim: Claim) -> bool:
        """True when the password is the one that was hashed.

        Raises MailError (454 4.7.0) when there is no room or no memory for a comparison.
        """
        digest = self._digest(claim)
        ends = self._right.get(digest)
        if ends is not None and ends > self._clock():
            return True
        if not await self._compare(digest, claim):
            return False
        # Right for this hash whatever was told meanwhile: the newest generation will do.
        generation, ends = self._right.generation, self._clock() + self._lifetime
        self._right.put(digest, ends, (claim.domain,), generation=generation)
        return True

    def invalidate(self, domain: str) -> None:
        """Forget a domain's credentials; all of them when it is ""."""
        self._right.invalidate(domain)

    async def _compare(self, digest: str, claim: Claim) -> bool:
        flight = self._flights.get(digest)
        if flight is None:
            if len(self._flights) >= MAX_WAITING:
                raise MailError(
                    454, "4.7.0", "Temporary authentication failure", "too many comparisons"
                )
            comparing = self._passwords.comparing(claim.password_hash, claim.password)
            flight = self._flights[digest] = _Flight(comparing)
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.comparing)
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                # A client that went away leaves nothing behind that others must wait for.
                flight.comparing.cancel()
                del self._flights[digest]

    def _digest(self, claim: Claim) -> str:
        # The address too, although the hash is salted: accounts that do not exist share one hash,
        # and comparing them once for all would tell them from those that do.
        words = (claim.address, claim.password_hash, claim.password)
        encoded = [word.encode("utf-8", "surrogatepass") for word in words]
        framed = b"".join([len(word).to_bytes(4, "big") + word for word in encoded])
        return hmac.digest(self._key, framed, "sha256").hex()
