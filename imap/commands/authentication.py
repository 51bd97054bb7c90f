"""LOGIN and AUTHENTICATE: the outer side of a SASL exchange, base64 in continuations.

Invariants: credentials are taken inside TLS only, and never logged. After a few failures the
session ends; what each of them costs, and whether the client may come in, `mailserver.accounts`
says.
"""

import base64
from collections.abc import Awaitable

from imap.commands.session import known_capabilities
from imap.protocol import responses
from imap.protocol.responses import Condition
from imap.protocol.session import Authenticate, Login, parse_authenticate_response
from imap.session import After, Answer, Channel, Session
from mailserver import sasl
from mailserver.accounts import Account, LoginFailed, Origin

MAX_FAILED_LOGINS = 5  # in one session


class Cancelled(Exception):
    """The client has given an exchange up, by `*`."""


async def login(session: Session, command: Login) -> Answer:
    """RFC 3501 §6.2.3"""
    if not session.secure:
        return _needs_tls()
    try:
        name, password = command.user.decode(), command.password.decode()
    except UnicodeDecodeError:
        return Answer.bad("Name and password are UTF-8")
    origin = Origin(session.peer, session.door)
    return await _outcome(session, "LOGIN", session.node.logins.login(origin, name, password))


async def authenticate(session: Session, command: Authenticate, channel: Channel) -> Answer:
    """RFC 3501 §6.2.2, with SASL-IR (RFC 4959)"""
    logins = session.node.logins
    if command.mechanism not in logins.mechanisms:
        return Answer.no("Unknown mechanism", responses.CANNOT)
    if not session.secure:
        return _needs_tls()

    async def ask(challenge: bytes) -> bytes:
        line = await channel.ask(responses.challenge(base64.b64encode(challenge)))
        response = parse_authenticate_response(line)
        if response is None:
            raise Cancelled
        return response

    origin = Origin(session.peer, session.door, channel.ssl_object)
    work = logins.authenticate(origin, command.mechanism, ask, command.initial_response)
    return await _outcome(session, "AUTHENTICATE", work)


async def _outcome(session: Session, verb: str, work: Awaitable[Account]) -> Answer:
    try:
        account = await work
    except Cancelled:
        return Answer.bad("AUTHENTICATE cancelled")
    except sasl.Malformed:
        return Answer.bad("Cannot decode credentials")
    except LoginFailed as error:
        return await _failed(session, limited=error.limited)
    session.hidden |= await session.node.hiding.from_account(account.id)
    session.account = account
    # RFC 3501 §7.1: in the code of the answer, so that the client need not ask.
    code = responses.capability_code(known_capabilities(session))
    return Answer.ok(f"{verb} completed", code)


async def _failed(session: Session, *, limited: bool) -> Answer:
    session.failed_logins += 1
    if limited:
        # RFC 5530 §3: temporary; AUTHENTICATIONFAILED would make programs ask for another password.
        answer = Answer.no("Too many failed logins, try again later", responses.UNAVAILABLE)
    else:
        answer = Answer.no("Wrong name or password", responses.AUTHENTICATIONFAILED)
    if session.failed_logins >= MAX_FAILED_LOGINS:
        await session.write(responses.untagged(Condition.BYE, "Too many failed logins"))
        answer.after = After.CLOSE
    return answer


def _needs_tls() -> Answer:
    # RFC 5530 §3: the client may try again after STARTTLS. No network is exempt: a password in
    # clear text is a mistake of its user also where nobody listens.
    return Answer.no("TLS is needed first", responses.PRIVACYREQUIRED)
