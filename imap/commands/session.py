"""The commands about the session itself: RFC 3501 §6.1 and §6.2, ENABLE, ID, NAMESPACE.

Invariants: credentials are taken inside TLS only, and never logged. A failed login is answered
late, so that guessing is slow, unless the client's network is exempt; after a few the session ends.
"""

import asyncio
import base64
import ipaddress
from collections.abc import Sequence

from imap.capabilities import ENABLABLE, MECHANISMS, capabilities
from imap.protocol import responses
from imap.protocol.responses import Condition
from imap.protocol.session import (
    Authenticate,
    Capability,
    Enable,
    Id,
    Login,
    Logout,
    Namespace,
    Noop,
    StartTls,
    encode_id,
    parse_authenticate_response,
)
from imap.session import After, Answer, Channel, Session
from mailserver import metrics
from mailserver.logs import logger

MAX_FAILED_LOGINS = 5  # in one session

log = logger("imap")

_CANCELLED = Answer.bad("AUTHENTICATE cancelled")


def known_capabilities(session: Session) -> tuple[str, ...]:
    return capabilities(authenticated=session.account is not None, secure=session.secure)


async def capability(session: Session, _command: Capability) -> Answer:
    """RFC 3501 §6.1.1"""
    await session.write(responses.capability(known_capabilities(session)))
    return Answer.ok("CAPABILITY completed")


async def noop(_session: Session, _command: Noop) -> Answer:
    """RFC 3501 §6.1.2: the dispatcher tells what is new, as after every command."""
    return Answer.ok("NOOP completed")


async def logout(session: Session, _command: Logout) -> Answer:
    """RFC 3501 §6.1.3: the connection leaves the mailbox when it ends."""
    await session.write(responses.untagged(Condition.BYE, "Logging out"))
    return Answer(Condition.OK, "LOGOUT completed", after=After.CLOSE)


async def starttls(session: Session, _command: StartTls) -> Answer:
    """RFC 3501 §6.2.1"""
    if session.secure:
        return Answer.bad("TLS is on already")
    return Answer(Condition.OK, "Begin TLS negotiation now", after=After.START_TLS)


async def enable(session: Session, command: Enable) -> Answer:
    """RFC 5161 §3.1: unknown names are ignored, told is what this command turned on."""
    wanted = [name for name in command.capabilities if name in ENABLABLE]
    new = [name for name in dict.fromkeys(wanted) if name not in session.enabled]
    session.enabled |= frozenset(new)
    await session.write(responses.enabled(new))
    return Answer.ok("ENABLE completed")


async def id_(session: Session, command: Id) -> Answer:
    """RFC 2971 §3.1"""
    said = {name.decode("ascii", "replace"): value for name, value in command.fields}
    client, version = said.get("name") or b"", said.get("version") or b""
    log.debug("client says it is", peer=session.peer, client=client, version=version)
    await session.write(encode_id({"name": "mailserver"}))
    return Answer.ok("ID completed")


async def namespace(session: Session, _command: Namespace) -> Answer:
    """RFC 2342 §5"""
    await session.write(responses.personal_namespace())
    return Answer.ok("NAMESPACE completed")


# ── logging in ───────────────────────────────────────────────────────────────────────────────


async def login(session: Session, command: Login) -> Answer:
    """RFC 3501 §6.2.3"""
    if not session.secure:
        return _needs_tls()
    return await _verify(session, "LOGIN", command.user, command.password)


async def authenticate(session: Session, command: Authenticate, channel: Channel) -> Answer:
    """RFC 3501 §6.2.2, with SASL-IR (RFC 4959)"""
    if command.mechanism not in MECHANISMS:
        return Answer.no("Unknown mechanism", responses.CANNOT)
    if not session.secure:
        return _needs_tls()
    if command.mechanism == "PLAIN":
        return await _plain(session, command.initial_response, channel)
    return await _login(session, command.initial_response, channel)


async def _plain(session: Session, response: bytes | None, channel: Channel) -> Answer:
    """RFC 4616 §2: message = [authzid] UTF8NUL authcid UTF8NUL passwd"""
    if response is None:
        response = await _ask(channel, b"")
        if response is None:
            return _CANCELLED
    words = response.split(b"\0")
    # Acting for somebody else is not offered: authzid is empty or the same.
    if len(words) != 3 or words[0] not in (b"", words[1]):
        return await _failed(session, words[-2:-1] or [b""])
    return await _verify(session, "AUTHENTICATE", words[1], words[2])


async def _login(session: Session, user: bytes | None, channel: Channel) -> Answer:
    """The mechanism LOGIN, which was never more than a draft: what its clients expect to read."""
    if user is None:
        user = await _ask(channel, b"Username:")
    if user is None:
        return _CANCELLED
    password = await _ask(channel, b"Password:")
    if password is None:
        return _CANCELLED
    return await _verify(session, "AUTHENTICATE", user, password)


async def _ask(channel: Channel, challenge: bytes) -> bytes | None:
    """The client's answer, None if it cancels. Raises ParseError."""
    return parse_authenticate_response(
        await channel.ask(responses.challenge(base64.b64encode(challenge)))
    )


async def _verify(session: Session, verb: str, user: bytes, password: bytes) -> Answer:
    try:
        name, secret = user.decode(), password.decode()
    except UnicodeDecodeError:
        return await _failed(session, [user])
    account = await session.node.accounts.authenticate(name, secret)
    if account is None:
        return await _failed(session, [user])
    session.account = account
    metrics.LOGINS.labels(session.door, "accepted").inc()
    log.info("login", account=account.address, peer=session.peer, door=session.door)
    # RFC 3501 §7.1: in the code of the answer, so that the client need not ask.
    code = responses.capability_code(known_capabilities(session))
    return Answer.ok(f"{verb} completed", code)


async def _failed(session: Session, user: Sequence[bytes]) -> Answer:
    session.failed_logins += 1
    metrics.LOGINS.labels(session.door, "refused").inc()
    name = b"".join(user)[:254].decode("utf-8", "replace")
    log.info("login failed", name=name, peer=session.peer, door=session.door)
    limits = session.node.settings.limits
    if not within(session.peer, limits.exempt_networks):
        await asyncio.sleep(limits.failed_login_delay)
    answer = Answer.no("Wrong name or password", responses.AUTHENTICATIONFAILED)
    if session.failed_logins >= MAX_FAILED_LOGINS:
        await session.write(responses.untagged(Condition.BYE, "Too many failed logins"))
        answer.after = After.CLOSE
    return answer


def _needs_tls() -> Answer:
    # RFC 5530 §3: the client may try again after STARTTLS. No network is exempt: a password in
    # clear text is a mistake of its user also where nobody listens.
    return Answer.no("TLS is needed first", responses.PRIVACYREQUIRED)


def within(peer: str, networks: Sequence[str]) -> bool:
    """True if the address is in one of the networks; one that is no address is in none."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    # A socket of both families shows IPv4 clients as ::ffff:192.0.2.1.
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in ipaddress.ip_network(network) for network in networks)
