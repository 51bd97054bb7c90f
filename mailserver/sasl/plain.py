"""The mechanisms that send a password as it is: PLAIN (RFC 4616) and LOGIN. Only inside TLS."""

from mailserver.sasl.exchange import (
    Denied,
    Exchange,
    Malformed,
    PasswordClaim,
    response_to,
    same_identity,
    text,
)

# QUIRKS: LOGIN has no RFC, and some clients know nothing else. What they expect to read:
_USERNAME, _PASSWORD = b"Username:", b"Password:"


# RFC 4616 §2: message = [authzid] UTF8NUL authcid UTF8NUL passwd
def plain() -> Exchange:
    """One message with all of it."""
    words = text((yield from response_to(b""))).split("\0")
    if len(words) != 3:
        raise Malformed("not authzid NUL authcid NUL passwd")
    authorization, name, password = words
    same_identity(authorization, name)
    yield from _check(name, password)


def login() -> Exchange:
    """Name and password, each asked for."""
    name = text((yield from response_to(_USERNAME)))
    password = text((yield from response_to(_PASSWORD)))
    yield from _check(name, password)


def given(name: str, password: str) -> Exchange:
    """What a command of its own has brought, as IMAP's LOGIN does."""
    yield from _check(name, password)


def _check(name: str, password: str) -> Exchange:
    right: bool = yield PasswordClaim(name, password)
    if not right:
        raise Denied
