"""SASL (RFC 4422) without I/O: what SMTP's AUTH and IMAP's AUTHENTICATE have in common.

An exchange is a generator. It yields what it needs, a challenge to be sent or a fact to be looked
up, and is sent the answer; it returns when the client is who it says to be, and raises `Denied` or
`Malformed` otherwise. It knows no socket, no base64 of the outer protocol, no database, no clock.
"""

from mailserver.sasl.exchange import (
    Challenge,
    Denied,
    Exchange,
    Malformed,
    PasswordClaim,
    ProofClaim,
    Request,
    TokenClaim,
    VerifiersWanted,
)
from mailserver.sasl.mechanisms import MECHANISMS, OAUTH, PLUS, Context, begin
from mailserver.sasl.plain import given
from mailserver.sasl.verifier import Verifier, Verifiers, derive

__all__ = [
    "MECHANISMS",
    "OAUTH",
    "PLUS",
    "Challenge",
    "Context",
    "Denied",
    "Exchange",
    "Malformed",
    "PasswordClaim",
    "ProofClaim",
    "Request",
    "TokenClaim",
    "Verifier",
    "Verifiers",
    "VerifiersWanted",
    "begin",
    "derive",
    "given",
]
