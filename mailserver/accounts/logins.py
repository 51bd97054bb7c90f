"""Logging in: whoever knocks at a door, by whatever mechanism, becomes an account or is refused.

Invariants: a login reads the account's row each time, so a changed password, a removed app password
or a suspension counts at once, on every node; only the cost of argon2 is saved by a cache. Refusals
do not tell whether the account exists: not by their words, not by their time, not by SCRAM's salt.
Credentials are never logged nor kept.
"""

import asyncio
import secrets
import ssl
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field

from mailserver import channel_binding, metrics, sasl
from mailserver.accounts.failures import Failures
from mailserver.accounts.passwords import Passwords
from mailserver.accounts.proofs import Proofs
from mailserver.accounts.values import Account
from mailserver.errors import MailError, StorageUnavailable
from mailserver.logs import logger
from mailserver.oauth import BadToken, Issuer
from mailserver.settings import Limits
from mailserver.storage.database import Database

_SHOWN = 254  # characters of a name in the log

log = logger("accounts")

# Sends a challenge and gives the response. What it raises ends the exchange, and goes to the door.
Ask = Callable[[bytes], Awaitable[bytes]]


class LoginFailed(Exception):
    """The client may not come in; `limited`: it was not even looked at, and may try again later."""

    def __init__(self, *, limited: bool) -> None:
        super().__init__("too many failed logins" if limited else "wrong credentials")
        self.limited = limited


@dataclass(slots=True)
class Origin:
    """Where a login comes from."""

    address: str  # IP address of the client, as text
    door: str  # its name in metrics: submission, submissions, imap, imaps
    tls: ssl.SSLObject | None = None  # None: no channel binding

    @property
    def protocol(self) -> str:
        return "imap" if self.door.startswith("imap") else "smtp"


@dataclass(slots=True)
class _Attempt:
    origin: Origin
    mechanism: str
    ask: Ask
    initial: bytes | None  # the response to the first challenge, when the client sent it unasked
    name: str = ""
    password: str = field(default="", repr=False)
    account: Account | None = None


async def _never(_challenge: bytes) -> bytes:
    raise AssertionError("everything is said already")


class Logins:
    """One process's way in: by those of the `mechanisms` that can be had here.

    `clock` is monotonic, in seconds.
    """

    def __init__(
        self,
        database: Database,
        limits: Limits,
        *,
        hashing: Passwords,
        issuer: Issuer | None = None,
        mechanisms: Collection[str] = sasl.MECHANISMS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._proofs = Proofs(database, hashing, limits.credential_cache, clock)
        self._failures = Failures(database, limits, clock)
        self._issuer = issuer
        self.mechanisms = tuple(
            mechanism
            for mechanism in sasl.MECHANISMS
            if mechanism in mechanisms
            and (mechanism not in sasl.OAUTH or issuer is not None)
            and (mechanism != sasl.PLUS or channel_binding.supported())
        )

    def invalidate(self, domain: str) -> None:
        """Forget what was verified for `domain`, as told on channel "directory"; "": all."""
        self._proofs.invalidate(domain)

    async def authenticate(
        self, origin: Origin, mechanism: str, ask: Ask, initial: bytes | None = None
    ) -> Account:
        """Carry out an exchange of a mechanism that is offered.

        Raises LoginFailed after the time that a failure costs, sasl.Malformed, StorageUnavailable,
        MailError (454 4.7.0) when it cannot be decided now, and what `ask` raises.
        """
        bindings = {}
        if mechanism == sasl.PLUS and origin.tls is not None:
            bindings = channel_binding.bindings(origin.tls)
        context = sasl.Context(
            offered=self.mechanisms,
            nonce=secrets.token_urlsafe(18),
            bindings=bindings,
            discovery=self._issuer.discovery if self._issuer else "",
        )
        attempt = _Attempt(origin, mechanism, ask, initial)
        return await self._decide(attempt, sasl.begin(mechanism, context))

    async def login(self, origin: Origin, name: str, password: str) -> Account:
        """With a name and a password that came together; raises as `authenticate` does."""
        attempt = _Attempt(origin, "LOGIN", _never, None)
        return await self._decide(attempt, sasl.given(name, password))

    async def _decide(self, attempt: _Attempt, exchange: sasl.Exchange) -> Account:
        origin = attempt.origin
        try:
            account = await self._carry_out(attempt, exchange)
            if not await self._failures.admitted(origin.address, attempt.name):
                # The limit was reached while this one was under way: it is not told that it is
                # right, or many guesses at the same time would be more than the limit.
                raise LoginFailed(limited=True)
        except sasl.Denied:
            raise await self._failed(attempt) from None
        except sasl.Malformed as error:
            self._count(attempt, "malformed", cause=str(error))
            raise
        except LoginFailed:
            self._count(attempt, "limited")
            raise
        except (MailError, StorageUnavailable) as error:
            self._count(attempt, "undecided", cause=str(error))
            raise
        await self._failures.succeeded(origin.address, account)
        metrics.LOGINS.labels(origin.door, attempt.mechanism).inc()
        log.info(
            "login",
            account=account.address,
            client=origin.address,
            door=origin.door,
            mechanism=attempt.mechanism,
        )
        return account

    async def _carry_out(self, attempt: _Attempt, exchange: sasl.Exchange) -> Account:
        try:
            request = next(exchange)
            while True:
                answer = await self._answer(attempt, request)
                try:
                    request = exchange.send(answer)
                except StopIteration:
                    break
        finally:
            exchange.close()
        assert attempt.account is not None
        return attempt.account

    async def _answer(self, attempt: _Attempt, request: sasl.Request) -> object:
        match request:
            case sasl.Challenge(data):
                if attempt.initial is not None:
                    response, attempt.initial = attempt.initial, None
                    return response
                return await attempt.ask(data)
            case sasl.VerifiersWanted(name):
                await self._admit(attempt, name)
                return await self._proofs.verifiers(name)
            case sasl.PasswordClaim(name, password):
                await self._admit(attempt, name)
                attempt.password = password
                attempt.account = await self._proofs.password(name, password)
            case sasl.ProofClaim(name, stored_key):
                attempt.account = await self._proofs.stored_key(name, stored_key)
            case sasl.TokenClaim(name, token):
                # Nobody guesses a signature: only the network counts, and a program that has an
                # old token does not lock its user out.
                await self._admit(attempt, "")
                attempt.account = await self._token(name, token)
        return attempt.account is not None

    async def _admit(self, attempt: _Attempt, name: str) -> None:
        attempt.name = name
        if not await self._failures.admitted(attempt.origin.address, name):
            raise LoginFailed(limited=True)

    async def _token(self, name: str, token: str) -> Account | None:
        assert self._issuer is not None
        try:
            address = await self._issuer.address(token)
        except BadToken as error:
            log.info("token refused", cause=str(error))
            return None
        account = await self._proofs.vouched(address)
        if account is None or (name and not self._proofs.is_named(account, name)):
            log.info("token refused", cause="not of this account", address=address[:_SHOWN])
            return None
        return account

    async def _failed(self, attempt: _Attempt) -> LoginFailed:
        """Count a failure and let its time pass; gives what to raise."""
        client = attempt.origin.address
        price = await self._failures.failed(client, attempt.name, attempt.password)
        self._count(attempt, "limited" if price.limited else "credentials")
        await asyncio.sleep(price.delay)
        return LoginFailed(limited=price.limited)

    def _count(self, attempt: _Attempt, reason: str, cause: str = "") -> None:
        origin = attempt.origin
        metrics.LOGIN_FAILURES.labels(origin.protocol, reason).inc()
        log.info(
            "login failed",
            name=attempt.name[:_SHOWN],
            client=origin.address,
            door=origin.door,
            mechanism=attempt.mechanism,
            reason=reason,
            cause=cause,
        )
