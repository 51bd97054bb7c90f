"""Domains: making, suspending and removing them, and the keys they sign with."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from mailserver.errors import Refused
from mailserver.keys import Algorithm, generate_dkim_key
from mailserver.storage import mailboxes
from mailserver.storage.database import Connection, Database
from mailserver.storage.directory import accounts, addresses, dkim_keys, domains, organizations
from mailserver.storage.directory.cache import DirectoryCache
from mailserver.storage.directory.dkim_keys import DkimKey
from mailserver.storage.directory.domains import Domain, DomainState
from mailserver.storage.directory.spelling import domain_name

# RFC 8463 §3: sign with both, since not every verifier knows Ed25519.
SELECTORS = {"s1": Algorithm.RSA, "s2": Algorithm.ED25519}
MAX_SIGNERS = 5_000  # domains whose keys are remembered


@dataclass(slots=True)
class SigningKey:
    """What a domain signs with; `private_key` is PKCS#8 PEM."""

    domain: str
    selector: str
    algorithm: Algorithm
    private_key: bytes = field(repr=False)


class Domains:
    """One process's view of all domains; every refusal is a Refused that names the thing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._signers: DirectoryCache[tuple[SigningKey, ...]] = DirectoryCache(MAX_SIGNERS)

    def invalidate(self, domain: str) -> None:
        """Forget what was made from `domain`, a name as told on channel "directory"; "": all."""
        self._signers.invalidate(domain)

    async def signing_keys(self, domain: str) -> tuple[SigningKey, ...]:
        """The active keys of a domain (lower-case A-labels), by selector; () where none signs."""
        remembered = self._signers.get(domain)
        if remembered is not None:
            return remembered
        generation = self._signers.generation
        async with self._database.connection() as c:
            found = await dkim_keys.signing(c, domain)
        signers = tuple(
            SigningKey(domain, key.selector, Algorithm(key.algorithm), key.private_key)
            for key in found
        )
        self._signers.put(domain, signers, (domain,), generation=generation)
        return signers

    async def add(self, name: str, organization: str, *, active: bool = True) -> Domain:
        """Make a domain with its DKIM keys; it carries mail at once, or waits as pending."""
        name = domain_name(name)
        keys = await _new_keys()
        async with self._database.transaction() as c:
            organization_id = await organizations.lock(c, organization)
            if organization_id is None:
                raise Refused(f"organization {organization} does not exist", "organization")
            await _add(c, name, organization_id, _first_state(active), keys)
        return await self.find(name)

    async def add_alias(self, name: str, of: str, *, active: bool = True) -> Domain:
        """Make another name of a domain, of the same organization: it signs with keys of its own,
        and each of its addresses is the one of the same name in that domain."""
        name, of = domain_name(name), domain_name(of)
        keys = await _new_keys()
        async with self._database.transaction() as c:
            domain_id = await domains.lock(c, of)
            home = await domains.find(c, of)
            if domain_id is None or home is None:
                raise _missing(of)
            if home.alias_of:
                raise Refused(f"domain {of} is itself another name of {home.alias_of}", "of")
            state = _first_state(active)
            await _add(c, name, home.organization_id, state, keys, alias_of=domain_id)
        return await self.find(name)

    async def find(self, name: str) -> Domain:
        name = domain_name(name)
        async with self._database.connection() as c:
            found = await domains.find(c, name)
        if found is None:
            raise _missing(name)
        return found

    async def keys(self, name: str) -> Sequence[DkimKey]:
        """All DKIM keys of a domain, active or not."""
        async with self._database.connection() as c:
            return await dkim_keys.listing(c, domain_name(name))

    async def set_state(self, name: str, state: DomainState) -> None:
        """Suspend a domain, which refuses its logins and its mail, or take it up again."""
        name = domain_name(name)
        async with self._database.transaction() as c:
            if not await domains.set_state(c, name, state):
                raise _missing(name)

    async def remove(self, name: str, *, with_accounts: bool = False) -> None:
        """Remove a domain with its aliases, groups and keys; `with_accounts`: and all mail in them,
        its other names, and what leads to it from other domains."""
        name = domain_name(name)
        async with self._database.transaction() as c:
            domain_id = await domains.lock(c, name, alone=True)
            if domain_id is None:
                raise _missing(name)
            account_ids = await accounts.ids(c, domain_id)
            others = await domains.aliases(c, domain_id)
            referring = await addresses.referring(c, domain_id)
            if not with_accounts:
                _check_unused(name, len(account_ids), [other for _, other in others], referring)
            for target in {target for _, target in referring}:
                await addresses.forget(c, target)
            for account_id in account_ids:
                await mailboxes.delete_all(c, account_id)
            for other_id, _ in others:
                await domains.remove(c, other_id)
            await domains.remove(c, domain_id)

    async def remove_alias(self, name: str) -> None:
        """Remove another name of a domain."""
        name = domain_name(name)
        async with self._database.transaction() as c:
            domain_id = await domains.lock(c, name, alone=True)
            if domain_id is None or await domains.alias_of(c, domain_id) is None:
                raise Refused(f"domain alias {name} does not exist", "domain")
            await domains.remove(c, domain_id)

    async def list(self, *, organization: str | None = None) -> Sequence[Domain]:
        """All domains, or those of one organization, by name."""
        async with self._database.connection() as c:
            return await domains.listing(c, organization)


def _first_state(active: bool) -> DomainState:
    return DomainState.ACTIVE if active else DomainState.PENDING


Keys = list[tuple[str, Algorithm, bytes]]  # selector, algorithm, PKCS#8 PEM


async def _new_keys() -> Keys:
    return [
        (selector, algorithm, await asyncio.to_thread(generate_dkim_key, algorithm))
        for selector, algorithm in SELECTORS.items()
    ]


async def _add(
    c: Connection,
    name: str,
    organization_id: int,
    state: DomainState,
    keys: Keys,
    *,
    alias_of: int | None = None,
) -> None:
    domain_id = await domains.add(c, name, organization_id, state, alias_of=alias_of)
    if domain_id is None:
        raise Refused(f"domain {name} exists already", "domain")
    for selector, algorithm, private_key in keys:
        await dkim_keys.add(c, domain_id, selector, algorithm, private_key)


def _check_unused(
    name: str, accounts: int, others: Sequence[str], referring: Sequence[tuple[str, str]]
) -> None:
    if accounts:
        raise Refused(f"domain {name} still has {accounts} account(s)", "domain")
    if others:
        raise Refused(f"domain {name} still has other names: {', '.join(others)}", "domain")
    if referring:
        address, target = referring[0]
        more = f", one of {len(referring)}" if len(referring) > 1 else ""
        raise Refused(f"{address} leads to {target}{more}", "domain")


def _missing(name: str) -> Refused:
    return Refused(f"domain {name} does not exist", "domain")
