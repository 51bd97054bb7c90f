"""Aliases: addresses that lead to others, here or elsewhere; '*@domain' is the catch-all."""

from collections.abc import Sequence

from mailserver.domains.targets import checked
from mailserver.errors import Refused
from mailserver.settings import Addresses
from mailserver.storage.database import Database
from mailserver.storage.directory import addresses, domains
from mailserver.storage.directory.addresses import Alias
from mailserver.storage.directory.holding import held, taken
from mailserver.storage.directory.spelling import domain_name, kept_address, local_address

MAX_TARGETS = 500  # of one alias


class Aliases:
    """What operators do to aliases; every refusal is a Refused that names the thing."""

    def __init__(self, database: Database, rules: Addresses | None = None) -> None:
        self._database = database
        self._rules = rules or Addresses()

    async def add(self, address: str, targets: Sequence[str]) -> Alias:
        """Make an alias; a target in one of our domains must exist."""
        local_part, domain = local_address(address)
        leads_to = list(dict.fromkeys(kept_address(target, "targets") for target in targets))
        if not 0 < len(leads_to) <= MAX_TARGETS:
            raise Refused(f"alias {address} needs 1 to {MAX_TARGETS} targets", "targets")
        if f"{local_part}@{domain}" in leads_to:
            raise Refused(f"alias {local_part}@{domain} leads to itself", "targets")
        async with self._database.transaction() as c:
            domain_id = await held(c, domain)
            leads_to = await checked(c, leads_to, self._rules.separator, "target")
            if not await addresses.claim(c, domain_id, local_part, "alias", leads_to):
                raise await taken(c, domain_id, local_part, domain, "alias")
        return await self.find(f"{local_part}@{domain}")

    async def find(self, address: str) -> Alias:
        local_part, domain = local_address(address)
        async with self._database.connection() as c:
            found = await addresses.find_alias(c, domain, local_part)
        if found is None:
            raise _missing(local_part, domain)
        return found

    async def remove(self, address: str) -> None:
        """Remove an alias, and its address from whatever leads to it."""
        local_part, domain = local_address(address)
        async with self._database.transaction() as c:
            domain_id = await domains.lock(c, domain)
            if domain_id is None or not await addresses.free(c, domain_id, local_part, "alias"):
                raise _missing(local_part, domain)
            await addresses.forget(c, f"{local_part}@{domain}")

    async def list(self, *, domain: str | None = None) -> Sequence[Alias]:
        """All aliases, or those of one domain, by domain and local part."""
        name = domain_name(domain) if domain else None
        async with self._database.connection() as c:
            return await addresses.aliases(c, name)


def _missing(local_part: str, domain: str) -> Refused:
    return Refused(f"alias {local_part}@{domain} does not exist", "address")
