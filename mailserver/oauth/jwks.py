"""The issuer's public keys (JWKS, RFC 7517), from a URL or a file.

Invariants: they are read by one login at a time and the others wait for it; not more often than
every `_PAUSE` seconds, whatever tokens say. Keys that were had once stay in use while newer ones
cannot be had.
"""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import aiohttp
import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet, OctKey

from mailserver.errors import MailError
from mailserver.logs import logger
from mailserver.settings import OAuth

_PAUSE = 10.0  # seconds between two readings
_MOST = 1 << 20  # bytes

log = logger("oauth")


class Jwks:
    """The keys of one issuer; `clock` is monotonic, in seconds."""

    def __init__(self, settings: OAuth, clock: Callable[[], float]) -> None:
        self._source = settings.jwks
        self._lifetime = settings.jwks_lifetime
        self._timeout = settings.timeout
        self._clock = clock
        self._keys: KeySet | None = None
        self._read_at = self._tried_at = float("-inf")
        self._reading = asyncio.Lock()

    async def keys(self) -> KeySet:
        """The keys. Raises MailError (454 4.7.0) when there are none."""
        if self._keys is None or self._clock() - self._read_at > self._lifetime:
            await self._read_again(self._keys)
        return self._present()

    async def newer(self, keys: KeySet) -> KeySet:
        """Newer ones than `keys`, where it is time to ask for them."""
        await self._read_again(keys)
        return self._present()

    def _present(self) -> KeySet:
        if self._keys is None:
            raise MailError(454, "4.7.0", "Temporary authentication failure", "no keys of issuer")
        return self._keys

    async def _read_again(self, known: KeySet | None) -> None:
        async with self._reading:
            if self._keys is not known or self._clock() - self._tried_at < _PAUSE:
                return
            self._tried_at = self._clock()
            try:
                self._keys = _key_set(await self._document())
            except (OSError, TimeoutError, ValueError, aiohttp.ClientError) as error:
                log.error("keys of the token issuer not read", source=self._source, cause=error)
                return
            self._read_at = self._clock()

    async def _document(self) -> bytes:
        if "://" not in self._source:
            return await asyncio.to_thread(Path(self._source).read_bytes)
        timeout = aiohttp.ClientTimeout(total=self._timeout)
        # The authorities as they are now; reading them takes too long for the loop.
        trusted = await asyncio.to_thread(ssl.create_default_context)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            # A redirection could lead to where nobody has looked after the keys.
            session.get(self._source, allow_redirects=False, ssl=trusted) as response,
        ):
            if response.status != 200:
                raise ValueError(f"HTTP {response.status}")
            document = b""
            async for piece in response.content.iter_any():
                document += piece
                if len(document) > _MOST:
                    raise ValueError("too large")
            return document


def _key_set(document: bytes) -> KeySet:
    """The public keys of a JWK Set (RFC 7517 §5). Raises ValueError."""
    try:
        found = KeySet.import_key_set(msgspec.json.decode(document))
    except (JoseError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no JWK Set: {type(error).__name__}") from None
    # A shared secret can be no public key; no algorithm that is taken would use it.
    public: list[Key] = [key for key in found if not isinstance(key, OctKey)]
    if not public:
        raise ValueError("no public keys")
    return KeySet(public)
