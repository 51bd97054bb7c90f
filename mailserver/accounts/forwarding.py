"""Senders of forwarded mail: rewritten on the way out, understood when mail comes back to them.

Invariant: an address of ours that stands for another is believed only with a right and fresh hash
under a secret of the directory, so that nobody can relay through it but to whom we forwarded for.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from mailserver.logs import logger
from mailserver.mail import srs
from mailserver.mail.addresses import Address, AddressError, normalise_domain, parse_address
from mailserver.storage.database import Connection, Database
from mailserver.storage.directory import replaced_senders, secrets
from mailserver.storage.directory.cache import DirectoryCache
from mailserver.storage.directory.entries import Entry, Kind

log = logger("accounts")


class Forwarding:
    """One process's part in it; `clock` is of the Unix epoch, `lifetime` too is in seconds."""

    def __init__(
        self, database: Database, lifetime: float, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._lifetime = int(lifetime // srs.DAY)
        self._clock = clock
        self._keys: DirectoryCache[list[bytes]] = DirectoryCache(1)

    def invalidate(self, domain: str) -> None:
        """Forget the secrets when `domain`, as told on channel "directory", is ""."""
        self._keys.invalidate(domain)

    async def sender(self, sender: str, domain: str) -> str:
        """What stands for `sender` where `domain`, one of ours, forwards its mail elsewhere.

        The null reverse path stays what it is (RFC 5321 §4.5.5: no bounce may come of a bounce).
        """
        if not sender:
            return ""
        try:
            address, domain = parse_address(sender, smtputf8=True), normalise_domain(domain)
            key, day = await self._secret(), self._day()
            made = srs.rewrite(address, domain, key=key, day=day)
        except AddressError as error:
            log.warning("sender not rewritten", sender=sender, cause=str(error))
            return sender
        if made is None:
            kept = srs.token(address)
            async with self._database.connection() as c:
                await replaced_senders.keep(c, kept.text, str(address))
            made = srs.rewrite_token(kept, domain, key=key, day=day)
        # Only a domain of about 190 octets leaves no room for a token.
        return str(made) if made else sender

    async def unwrap(
        self, c: Connection, asked: Mapping[str, str], found: dict[str, Entry]
    ) -> None:
        """Make those addresses of ours that stand for another lead there, or to nobody.

        `asked`: key → address as written; `found`: key → what the directory has for it.
        """
        for key, written in asked.items():
            if key in found and srs.is_rewritten(key):
                leads_to = await self._original(c, parse_address(written, smtputf8=True).local)
                targets = (leads_to,) if leads_to else ()
                kind = Kind.ALIAS if leads_to else None
                found[key] = replace(found[key], kind=kind, matched=None, targets=targets)

    async def _original(self, c: Connection, local: str) -> str | None:
        try:
            meant = srs.original(
                local, keys=await self._secrets(c), day=self._day(), lifetime=self._lifetime
            )
        except srs.SrsError as error:
            log.info("rewritten sender not taken", local_part=local, cause=str(error))
            return None
        if isinstance(meant, Address):
            return str(meant)
        return await replaced_senders.find(c, meant.text)

    async def _secret(self) -> bytes:
        """The one to sign with; the first one is made when there is none."""
        if remembered := self._keys.get(secrets.SRS):
            return remembered[0]
        async with self._database.transaction() as c:
            if not await self._secrets(c):
                await secrets.generate(c, secrets.SRS)
            return (await self._secrets(c))[0]

    async def _secrets(self, c: Connection) -> list[bytes]:
        """Those that are taken, the newest first."""
        if remembered := self._keys.get(secrets.SRS):
            return remembered
        generation = self._keys.generation
        found = await secrets.values(c, secrets.SRS)
        self._keys.put(secrets.SRS, found, (), generation=generation)
        return found

    def _day(self) -> int:
        return int(self._clock() // srs.DAY)
