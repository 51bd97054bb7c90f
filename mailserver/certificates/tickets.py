"""Session tickets that every worker can read, so that a client resumes wherever it lands."""

import hashlib
import secrets
import ssl

from mailserver import openssl

# RFC 9325 §3.4, RFC 5077 §5.5: keys are changed regularly. At a change tickets are worth nothing
# any more, and their clients make a full handshake.
_PERIOD = 12 * 3600.0  # seconds
_SECRET = 32  # bytes


def new_ticket_secret() -> bytes:
    """What workers share to have the same keys at the same time; in memory only."""
    return secrets.token_bytes(_SECRET)


class Tickets:
    """The ticket keys of one door's context, those of the present period."""

    def __init__(self, context: ssl.SSLContext, secret: bytes, purpose: str) -> None:
        self._context = context
        self._secret = secret
        self._purpose = purpose
        self._period = -1

    def renew(self, now: float) -> None:
        """Change the keys if `now` (seconds since 1970) lies in another period."""
        period = int(now // _PERIOD)
        if period != self._period:
            self._period = period
            openssl.set_ticket_keys(self._context, ticket_keys(self._secret, self._purpose, period))


def ticket_keys(secret: bytes, purpose: str, period: int) -> bytes:
    """The keys of a period; nothing is learnt from them of those of another."""
    label = f"ticket keys\0{purpose}\0{period}".encode()
    return hashlib.shake_256(secret + label).digest(openssl.TICKET_KEYS)
