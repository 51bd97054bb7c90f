"""AUTH (RFC 4954): the mechanisms PLAIN (RFC 4616) and LOGIN, and what a failed login costs.

Invariants: credentials are never logged nor kept. A failure is answered late, so that guessing is
slow, unless the client's network is exempt; after `policy.MAX_FAILED_LOGINS` the session ends.
"""

import asyncio
import base64
import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiosmtpd.smtp import AuthResult

from mailserver import metrics
from mailserver.accounts import Accounts
from mailserver.errors import MailError, StorageUnavailable
from mailserver.logs import logger
from mailserver.mail.networks import networks, within
from mailserver.settings import Limits
from smtp import policy, replies
from smtp.client import Client

if TYPE_CHECKING:
    from smtp.session import Session

MECHANISMS = ("PLAIN", "LOGIN")
# QUIRKS: LOGIN was never more than a draft, and some clients know nothing else. What they expect
# to read:
_USERNAME, _PASSWORD = b"Username:", b"Password:"

log = logger("smtp")


@dataclass(slots=True)
class Credentials:
    """Who somebody says to be."""

    name: str
    password: str = field(repr=False)


def parse_plain(response: bytes) -> Credentials | None:
    """`message = [authzid] UTF8NUL authcid UTF8NUL passwd`; None: not that.

    Acting for somebody else is not offered: authzid is empty or the same (RFC 4616 §2).
    """
    try:
        authzid, name, password = response.decode().split("\0")
    except ValueError:  # UnicodeDecodeError too
        return None
    return Credentials(name, password) if authzid in ("", name) else None


def decode_base64(text: bytes) -> bytes | None:
    """RFC 4954 §4: base64 without anything else; "=" is the empty initial response."""
    if text == b"=":
        return b""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None


class Logins:
    """The mechanisms, as aiosmtpd calls them; they write what AuthResult cannot say."""

    def __init__(self, accounts: Accounts, limits: Limits, door: str) -> None:
        self._accounts = accounts
        self._delay = limits.failed_login_delay
        self._exempt = networks(limits.exempt_networks)
        self._door = door

    async def plain(self, session: "Session", arguments: list[str]) -> AuthResult:
        """AUTH PLAIN [initial-response]."""
        response = await self._response(session, arguments, b"")
        if response is None:
            return _answered()
        credentials = parse_plain(response)
        if credentials is None:
            session.say(replies.BAD_SASL)
            return _answered()
        return await self._verify(session, credentials)

    async def login(self, session: "Session", arguments: list[str]) -> AuthResult:
        """AUTH LOGIN [name]."""
        name = await self._response(session, arguments, _USERNAME)
        if name is None:
            return _answered()
        password = await session.challenge(_PASSWORD)
        if password is None:
            return _answered()
        try:
            credentials = Credentials(name.decode(), password.decode())
        except UnicodeDecodeError:
            session.say(replies.BAD_SASL)
            return _answered()
        return await self._verify(session, credentials)

    async def _response(
        self, session: "Session", arguments: list[str], challenge: bytes
    ) -> bytes | None:
        """The initial response, or the one to `challenge`; None: refused already."""
        if len(arguments) < 2:
            return await session.challenge(challenge)
        response = decode_base64(arguments[1].encode("utf-8", "surrogateescape"))
        if response is None:
            session.say(replies.BAD_BASE64)
        return response

    async def _verify(self, session: "Session", credentials: Credentials) -> AuthResult:
        client = session.client
        try:
            account = await self._accounts.authenticate(credentials.name, credentials.password)
        except StorageUnavailable as error:
            log.error("login not decided", client=client.address, cause=str(error))
            session.say(replies.LOGIN_UNDECIDED)
            return _answered()
        except MailError as error:
            log.error("login not decided", client=client.address, cause=str(error))
            session.say(replies.refusal(error))
            return _answered()
        if account is None:
            await self._failed(session, client, credentials.name)
            return _answered()
        client.account = account
        metrics.LOGINS.labels(self._door, "accepted").inc()
        log.info("login", account=account.address, client=client.address, door=self._door)
        return AuthResult(success=True)

    async def _failed(self, session: "Session", client: Client, name: str) -> None:
        client.failed_logins += 1
        metrics.LOGINS.labels(self._door, "refused").inc()
        log.info("login failed", name=name[:254], client=client.address, door=self._door)
        if not within(client.address, self._exempt):
            await asyncio.sleep(self._delay)
        session.say(policy.failed_login(client.failed_logins))


def _answered() -> AuthResult:
    """No success, and the reply is written."""
    return AuthResult(success=False, handled=True)
