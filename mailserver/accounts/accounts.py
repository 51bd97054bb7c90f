"""The accounts of all domains: resolving addresses, and what operators do to accounts.

Invariant: resolutions are cached and dropped when their domains are told to have changed; an answer
that such a telling overtook is never cached.
"""

import os
from collections.abc import Sequence
from functools import partial

from mailserver.accounts import passwords
from mailserver.accounts.forwarding import Forwarding
from mailserver.accounts.passwords import Passwords
from mailserver.accounts.posting import may_post
from mailserver.accounts.resolving import expanded
from mailserver.accounts.values import ELSEWHERE, Account, Group, Resolution, account_of
from mailserver.errors import Refused
from mailserver.mail.addresses import Address, AddressError, parse_address
from mailserver.mail.srs import is_rewritten
from mailserver.settings import Addresses
from mailserver.storage import mailboxes
from mailserver.storage.database import Connection, Database
from mailserver.storage.directory import accounts as rows
from mailserver.storage.directory import addresses
from mailserver.storage.directory.accounts import AccountRow, ScramRow
from mailserver.storage.directory.cache import DirectoryCache
from mailserver.storage.directory.entries import Posting
from mailserver.storage.directory.holding import held, taken
from mailserver.storage.directory.spelling import local_address, split_key

MAX_KNOWN = 50_000  # resolutions remembered that lead somewhere
# Kept apart and few, so that guessing at addresses drives out no resolution that is of use.
MAX_UNKNOWN = 5_000
_SALT = 16  # bytes, of SCRAM


class Accounts:
    """One process's view of all accounts."""

    def __init__(
        self,
        database: Database,
        rules: Addresses | None = None,
        *,
        hashing: Passwords | None = None,
    ) -> None:
        self._database = database
        self._rules = rules or Addresses()
        self.forwarding = Forwarding(database, self._rules.srs_lifetime)
        self._passwords = hashing or Passwords()
        self._known: DirectoryCache[Resolution] = DirectoryCache(MAX_KNOWN)
        self._unknown: DirectoryCache[Resolution] = DirectoryCache(MAX_UNKNOWN)
        self._elsewhere: DirectoryCache[Resolution] = DirectoryCache(MAX_UNKNOWN)  # by domain

    def invalidate(self, domain: str) -> None:
        """Forget what was made from `domain`, a name as told on channel "directory"; "": all."""
        for cache in (self._known, self._unknown, self._elsewhere):
            cache.invalidate(domain)
        self.forwarding.invalidate(domain)

    async def find(self, address: str) -> Account | None:
        """The account of exactly this address, suspended or not."""
        row = await find_row(self._database, address)
        return account_of(row) if row else None

    # ── resolving ───────────────────────────────────────────────────────────────────────────

    def resolve_cached(self, address: Address) -> Resolution | None:
        """What `resolve` would say, if that is remembered."""
        key = address.key
        return (
            self._known.get(key) or self._unknown.get(key) or self._elsewhere.get(split_key(key)[1])
        )

    async def resolve(self, address: Address) -> Resolution:
        """Where the address leads: aliases and groups followed, sub-addressing, catch-all and
        rewritten senders understood.

        Raises StorageUnavailable, and MailError (451 4.3.5) when aliases go too far.
        """
        if remembered := self.resolve_cached(address):
            return remembered
        key = address.key
        generation = self._known.generation
        async with self._database.connection() as c:
            unwrap = partial(self.forwarding.unwrap, c)
            expansion = await expanded(c, key, str(address), self._rules, unwrap)
        resolution = expansion.resolution
        if is_rewritten(key) and resolution.local:
            return resolution  # of an age that ends
        if not resolution.local:
            cache, key = self._elsewhere, split_key(key)[1]
            # One shared value: a server sends to very many domains that are not its own.
            resolution = resolution if resolution.suspended else ELSEWHERE
        else:
            cache = self._known if resolution.known else self._unknown
        cache.put(key, resolution, expansion.domains, generation=generation)
        return resolution

    async def owns(self, account: Account, address: Address) -> bool:
        """True when this account may send as the address: mail to it reaches the account."""
        resolution = await self.resolve(address)
        return any(one.id == account.id for one in resolution.accounts)

    async def may_post(self, group: Group, account: Account | None, sender: Address | None) -> bool:
        """May mail go to the group? `account`: who is known to send it; `sender`: the reverse path.

        Without an account the reverse path is what anybody can write: it counts only where the
        settings say so.
        """
        if group.posting is Posting.ANYONE:
            return True
        accounts: tuple[Account, ...] = (account,) if account else ()
        believed = ""
        if account is None and sender is not None and self._rules.trust_envelope_sender:
            accounts, believed = (await self.resolve(sender)).accounts, sender.key
        return may_post(
            group.posting,
            group.organization_id,
            accounts,
            believed,
            await self.resolve(group.mailbox),
            await self.resolve(group.owner),
        )

    # ── what operators do ───────────────────────────────────────────────────────────────────

    async def add(self, address: str, password: str, *, quota_bytes: int | None = None) -> Account:
        """Make an account with its mailboxes; it can log in when this returns."""
        local_part, domain = local_address(address)
        _check_quota(quota_bytes, "bytes")
        prepared = passwords.acceptable(password)
        password_hash = await self._passwords.hash(prepared)
        scram = await self._scram(prepared)
        async with self._database.transaction() as c:
            domain_id = await held(c, domain)
            if local_part == addresses.CATCH_ALL:
                raise Refused(f"{address} is the catch-all: it can be an alias only", "address")
            if not await addresses.claim(c, domain_id, local_part, "account"):
                raise await taken(c, domain_id, local_part, domain, "account")
            account_id = await rows.add(c, domain_id, local_part, password_hash, quota_bytes, scram)
            await mailboxes.create_defaults(c, account_id)
            return account_of(await existing(c, f"{local_part}@{domain}"))

    async def remove(self, address: str) -> None:
        """Remove an account and all its mail, and its address from the aliases that lead to it."""
        async with self._database.transaction() as c:
            row = await existing(c, address)
            await mailboxes.delete_all(c, row.id)
            await rows.remove(c, row.id)
            await addresses.free(c, row.domain_id, row.local_part, "account")
            await addresses.forget(c, f"{row.local_part}@{row.domain}")

    async def set_password(self, address: str, password: str) -> None:
        """From now on only this password is right, on every node."""
        prepared = passwords.acceptable(password)
        password_hash = await self._passwords.hash(prepared)
        async with self._database.connection() as c:
            row = await existing(c, address)
        verifier = await self._passwords.verifier(prepared, row.scram_salt, row.scram_iterations)
        async with self._database.transaction() as c:
            # The salt of an account stays: its app passwords share it.
            await rows.set_password(c, row.id, password_hash, verifier.encoded)

    async def _scram(self, prepared: str) -> ScramRow:
        salt, iterations = os.urandom(_SALT), self._passwords.iterations
        verifier = await self._passwords.verifier(prepared, salt, iterations)
        return ScramRow(salt, iterations, verifier.encoded)

    async def set_quota(
        self, address: str, quota_bytes: int | None, quota_messages: int | None = None
    ) -> None:
        """Bytes and messages the account may keep; None: no limit."""
        _check_quota(quota_bytes, "bytes")
        _check_quota(quota_messages, "messages")
        async with self._database.transaction() as c:
            row = await existing(c, address)
            await rows.set_quota(c, row.id, quota_bytes, quota_messages)

    async def set_administrator(self, address: str, administrator: bool) -> None:
        """Whether the account may set the quotas of its organization, by IMAP's SETQUOTA."""
        async with self._database.transaction() as c:
            row = await existing(c, address)
            await rows.set_administrator(c, row.id, administrator)

    async def set_active(self, address: str, active: bool) -> None:
        """Suspend an account, which refuses its logins and its mail, or take it up again."""
        async with self._database.transaction() as c:
            row = await existing(c, address)
            await rows.set_state(c, row.id, "active" if active else "suspended")

    async def usage(self, account: Account) -> tuple[int, int]:
        """Bytes and messages that the account's mailboxes hold."""
        async with self._database.connection() as c:
            return await mailboxes.usage(c, account.id)

    async def list(
        self, *, domain: str | None = None, organization: str | None = None
    ) -> Sequence[Account]:
        """All accounts, or those of a domain or organization, by domain and local part."""
        async with self._database.connection() as c:
            return [account_of(row) for row in await rows.listing(c, domain, organization)]


async def find_row(database: Database, address: str) -> AccountRow | None:
    """The directory's row of exactly this address."""
    try:
        local_part, domain = split_key(parse_address(address, smtputf8=True).key)
    except AddressError:
        return None
    async with database.connection() as c:
        return await rows.find(c, domain, local_part)


async def existing(c: Connection, address: str) -> AccountRow:
    """The row of an account that an operator names. Raises Refused."""
    local_part, domain = local_address(address)
    row = await rows.find(c, domain, local_part)
    if row is None:
        raise Refused(f"account {local_part}@{domain} does not exist", "address")
    return row


def _check_quota(limit: int | None, unit: str) -> None:
    if limit is not None and not 0 < limit < 2**63:
        raise Refused(f"a quota of {limit} {unit} is not possible", "quota")
