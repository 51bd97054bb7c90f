"""Whether what somebody shows belongs to an account that may log in: password, SCRAM key, token.

Invariant: each answer reads the directory anew; what is remembered is only that a password and a
hash belong together (`credentials`), which no change of the directory makes untrue.
"""

import hmac
from collections.abc import Callable

from mailserver import sasl
from mailserver.accounts import app_passwords, passwords
from mailserver.accounts.accounts import find_row
from mailserver.accounts.credentials import Claim, Credentials
from mailserver.accounts.passwords import Passwords
from mailserver.accounts.values import Account, account_of
from mailserver.logs import logger
from mailserver.mail.addresses import AddressError, parse_address
from mailserver.storage.database import Database
from mailserver.storage.directory import accounts as rows
from mailserver.storage.directory import app_passwords as app_rows
from mailserver.storage.directory.accounts import AccountRow
from mailserver.storage.directory.secrets import secret

_SALT = 16  # bytes

log = logger("accounts")


class Proofs:
    """Checks them; `lifetime` of a remembered password in seconds, `clock` monotonic."""

    def __init__(
        self,
        database: Database,
        hashing: Passwords,
        lifetime: float,
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._passwords = hashing
        self._credentials = Credentials(hashing, lifetime, clock)
        self._salting: bytes | None = None

    def invalidate(self, domain: str) -> None:
        """Forget the credentials of a domain; all of them when it is ""."""
        self._credentials.invalidate(domain)

    # ── passwords ────────────────────────────────────────────────────────────────────────────

    async def password(self, name: str, password: str) -> Account | None:
        """The account whose password this is, its own or one of its app passwords.

        None: wrong, unknown or suspended, all after the same time. Raises StorageUnavailable, and
        MailError (454 4.7.0) when there is no memory to hash with.
        """
        row = await find_row(self._database, name)
        if row and app_passwords.looks_like_one(password) and await self._is_app(row, password):
            return _admitted(row)
        prepared = passwords.prepare(password)
        claim = Claim(
            address=name,
            domain=row.domain if row else "",
            password_hash=row.password_hash if row else self._passwords.nobody,
            password=prepared or "",
        )
        right = await self._credentials.check(claim)
        if row is None or prepared is None or not right:
            return None
        if row.scram_verifier is None or self._passwords.outdated(row.password_hash):
            await self._renew(row, prepared)
        return _admitted(row)

    async def _is_app(self, row: AccountRow, password: str) -> bool:
        async with self._database.connection() as c:
            return await app_rows.use(c, row.id, secret_hash=app_passwords.hashed(password))

    async def _renew(self, row: AccountRow, prepared: str) -> None:
        """Keep the password as it is kept today, now that it is known."""
        new = await self._passwords.hash(prepared)
        verifier = await self._passwords.verifier(prepared, row.scram_salt, row.scram_iterations)
        async with self._database.connection() as c:
            await rows.renew(c, row.id, row.password_hash, new, verifier.encoded)

    # ── SCRAM ────────────────────────────────────────────────────────────────────────────────

    async def verifiers(self, name: str) -> sasl.Verifiers:
        """What SCRAM needs; for an unknown name with a salt that is the same each time."""
        row = await find_row(self._database, name)
        if row is None:
            return sasl.Verifiers(await self._salt_of_nobody(name), self._passwords.iterations)
        async with self._database.connection() as c:
            stored = await app_rows.verifiers(c, row.id)
        if row.scram_verifier is not None:
            stored.append(row.scram_verifier)
        known = tuple(map(sasl.Verifier.decoded, stored))
        return sasl.Verifiers(row.scram_salt, row.scram_iterations, known)

    async def stored_key(self, name: str, stored_key: bytes) -> Account | None:
        """The account, if the key that a client has proved to know is (still) one of its own."""
        row = await find_row(self._database, name)
        if row is None:
            return None
        own = sasl.Verifier.decoded(row.scram_verifier or b"").stored_key
        if not hmac.compare_digest(own, stored_key):
            async with self._database.connection() as c:
                if not await app_rows.use(c, row.id, stored_key=stored_key):
                    return None
        return _admitted(row)

    async def _salt_of_nobody(self, name: str) -> bytes:
        if self._salting is None:
            async with self._database.connection() as c:
                self._salting = await secret(c, "scram")
        spelled = _key(name).encode("utf-8", "surrogatepass")
        return hmac.digest(self._salting, spelled, "sha256")[:_SALT]

    # ── tokens ───────────────────────────────────────────────────────────────────────────────

    async def vouched(self, address: str) -> Account | None:
        """The account of an address that somebody we believe has named."""
        row = await find_row(self._database, address)
        return _admitted(row) if row else None

    def is_named(self, account: Account, name: str) -> bool:
        """True when `name` is the account's address, however it is spelled."""
        return _key(name) == _key(account.address)


def _admitted(row: AccountRow) -> Account | None:
    account = account_of(row)
    if not account.active:
        log.info("login refused, suspended", account=account.address)
        return None
    return account


def _key(name: str) -> str:
    """The one spelling of an address; a name that is none stays as it is."""
    try:
        return parse_address(name, smtputf8=True).key
    except AddressError:
        return name
