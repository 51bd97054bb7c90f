"""What an exchange asks for, and how it ends when it does not end well.

Values that hold a secret do not show it when printed.
"""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, TypeAlias


class Malformed(Exception):
    """What the client sent is no message of its mechanism; the text says what is wrong."""


class Denied(Exception):
    """The client has not shown that it is who it says to be."""


@dataclass(slots=True)
class Challenge:
    """To be sent; the answer is the client's response, bytes."""

    data: bytes


@dataclass(slots=True)
class PasswordClaim:
    """Is this the password? The answer is a bool."""

    name: str
    password: str = field(repr=False)


@dataclass(slots=True)
class VerifiersWanted:
    """What SCRAM needs of an account; the answer is a `Verifiers`, for unknown names too."""

    name: str


@dataclass(slots=True)
class ProofClaim:
    """The client has proved to know what is behind this StoredKey. Is it still the account's?

    The answer is a bool.
    """

    name: str
    stored_key: bytes = field(repr=False)


@dataclass(slots=True)
class TokenClaim:
    """Is this bearer token good, for `name` where one is given? The answer is a bool."""

    name: str
    token: str = field(repr=False)


Request: TypeAlias = Challenge | PasswordClaim | VerifiersWanted | ProofClaim | TokenClaim
Exchange: TypeAlias = Generator[Request, Any, None]


def response_to(challenge: bytes) -> Generator[Request, Any, bytes]:
    """Send a challenge; gives the response."""
    response: bytes = yield Challenge(challenge)
    return response


def text(octets: bytes) -> str:
    """UTF-8, which every mechanism here speaks. Raises Malformed."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise Malformed("not UTF-8") from None


def same_identity(authorization: str, name: str) -> None:
    """Acting for somebody else (RFC 4422 §3.4.1) is not offered. Raises Denied."""
    if authorization not in ("", name):
        raise Denied
