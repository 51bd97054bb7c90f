"""Aliases: addresses that lead to others, here or elsewhere; '*@domain' is the catch-all."""

from collections.abc import Sequence

from mailserver.errors import Refused
from mailserver.mail.addresses import Address, AddressError, normalise_domain, parse_address
from mailserver.storage.database import Connection, Database
from mailserver.storage.directory import addresses, domains
from mailserver.storage.directory.addresses import CATCH_ALL, Alias
from mailserver.storage.directory.spelling import domain_name, local_address, question, split_key

MAX_TARGETS = 500  # of one alias


class Aliases:
    """What operators do to aliases; every refusal is a Refused that names the thing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, address: str, targets: Sequence[str]) -> Alias:
        """Make an alias; a target in one of our domains must exist."""
        local_part, domain = local_address(address)
        leads_to = list(dict.fromkeys(_target(target) for target in targets))
        if not 0 < len(leads_to) <= MAX_TARGETS:
            raise Refused(f"alias {address} needs 1 to {MAX_TARGETS} targets", "targets")
        if f"{local_part}@{domain}" in leads_to:
            raise Refused(f"alias {local_part}@{domain} leads to itself", "targets")
        async with self._database.transaction() as c:
            domain_id = await domains.lock(c, domain)
            if domain_id is None:
                raise Refused(f"domain {domain} does not exist", "address")
            leads_to = await _checked(c, leads_to)
            if not await addresses.claim(c, domain_id, local_part, "alias", leads_to):
                kind = await addresses.find_kind(c, domain_id, local_part)
                taken = "exists already" if kind == "alias" else "is taken by an account"
                raise Refused(f"address {local_part}@{domain} {taken}", "address")
        return await self.find(f"{local_part}@{domain}")

    async def find(self, address: str) -> Alias:
        local_part, domain = local_address(address)
        async with self._database.connection() as c:
            found = await addresses.find_alias(c, domain, local_part)
        if found is None:
            raise _missing(local_part, domain)
        return found

    async def remove(self, address: str) -> None:
        """Remove an alias, and its address from the aliases that lead to it."""
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


def _target(text: str) -> str:
    """A target as it is kept: the local part as written, since elsewhere its case may matter."""
    try:
        address = parse_address(text, smtputf8=True)
        return str(Address(address.local, normalise_domain(address.domain)))
    except AddressError as error:
        raise Refused(f"target {text} is no address: {error}", "targets") from None


async def _checked(c: Connection, targets: Sequence[str]) -> list[str]:
    """The targets, those in our domains in the directory's spelling and known to exist."""
    keys = {target: parse_address(target, smtputf8=True).key for target in targets}
    found = await addresses.look_up(c, map(question, keys.values()))
    checked: dict[str, None] = {}
    for target, key in keys.items():
        entry = found.get(key)
        if split_key(key)[0] == CATCH_ALL and entry is not None:
            raise Refused(f"target {target} is a catch-all, not an address", "targets")
        if entry is not None and entry.matched is None:
            raise Refused(f"target {target} does not exist", "targets")
        checked[target if entry is None else key] = None
    return list(checked)


def _missing(local_part: str, domain: str) -> Refused:
    return Refused(f"alias {local_part}@{domain} does not exist", "address")
