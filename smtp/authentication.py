"""AUTH (RFC 4954): the outer side of a SASL exchange, base64 in lines and replies.

Invariant: after `policy.MAX_FAILED_LOGINS` failures the session ends; what each of them costs, and
whether the client may come in, `mailserver.accounts` says.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mailserver import sasl
from mailserver.accounts import LoginFailed, Logins, Origin
from mailserver.errors import StorageUnavailable
from mailserver.logs import logger
from smtp import policy, replies
from smtp.replies import Reply

if TYPE_CHECKING:
    from smtp.session import Session

log = logger("smtp")


class Unanswered(Exception):
    """A challenge got no response; `reply` says what came instead."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.text)
        self.reply = reply


async def authenticate(
    session: "Session", logins: Logins, mechanism: str, arguments: Sequence[str]
) -> Reply:
    """Carry out AUTH with a mechanism that is offered; `arguments`: the initial response, if any.

    After a positive reply `session.client.account` is set. Raises MailError.
    """
    client = session.client
    try:
        initial = response(arguments[0].encode("utf-8", "replace")) if arguments else None
        origin = Origin(client.address, session.service.door, session.ssl_object)
        client.account = await logins.authenticate(origin, mechanism, session.challenge, initial)
    except Unanswered as error:
        return error.reply
    except sasl.Malformed:
        return replies.BAD_SASL
    except LoginFailed as error:
        client.failed_logins += 1
        return policy.failed_login(client.failed_logins, limited=error.limited)
    except StorageUnavailable as error:
        log.error("login not decided", client=client.address, cause=str(error))
        return replies.LOGIN_UNDECIDED
    return replies.LOGGED_IN


def response(text: bytes) -> bytes:
    """What stands in a line of the client's (RFC 4954 §4). Raises Unanswered."""
    if text == b"*":
        raise Unanswered(replies.LOGIN_CANCELLED)
    if text == b"=":  # the empty initial response
        return b""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise Unanswered(replies.BAD_BASE64) from None
