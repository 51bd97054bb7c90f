"""What a server keeps of a password for SCRAM-SHA-256 (RFC 5802 §3, RFC 7677): it can check a
client's proof with it, and a thief of it cannot log in, only guess."""

import hashlib
import hmac
from dataclasses import dataclass, field

# A guess costs a thief this much, and so does a login each client. RFC 7677 §4 asks for 4,096 at
# least; the clients of Cyrus SASL take 65,536 at most.
ITERATIONS = 60_000


@dataclass(slots=True)
class Verifier:
    """StoredKey and ServerKey of one password."""

    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    @property
    def encoded(self) -> bytes:
        """Both, 64 bytes, to be stored."""
        return self.stored_key + self.server_key

    @classmethod
    def decoded(cls, stored: bytes) -> "Verifier":
        """From what was `encoded`."""
        return cls(stored[:32], stored[32:])


@dataclass(slots=True)
class Verifiers:
    """One salt, and what was derived with it from each password that is right for the account.

    They share it because the server names the salt before it learns which of them the client has.
    """

    salt: bytes
    iterations: int
    known: tuple[Verifier, ...] = ()


def derive(password: str, salt: bytes, iterations: int) -> Verifier:
    """Slow on purpose: not for an event loop. `password` is prepared (RFC 8265 §4)."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    return from_salted(salted)


def from_salted(salted_password: bytes) -> Verifier:
    """RFC 5802 §3: ClientKey, StoredKey and ServerKey."""
    client_key = hmac.digest(salted_password, b"Client Key", "sha256")
    server_key = hmac.digest(salted_password, b"Server Key", "sha256")
    return Verifier(hashlib.sha256(client_key).digest(), server_key)


def matching(known: tuple[Verifier, ...], auth_message: bytes, proof: bytes) -> Verifier | None:
    """The verifier of the password that `proof` was made with; all are looked at."""
    found = None
    for verifier in known:
        signature = hmac.digest(verifier.stored_key, auth_message, "sha256")
        client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=False))
        if hmac.compare_digest(hashlib.sha256(client_key).digest(), verifier.stored_key):
            found = verifier
    return found


def server_signature(verifier: Verifier, auth_message: bytes) -> bytes:
    """What shows the client that the server knows the password too."""
    return hmac.digest(verifier.server_key, auth_message, "sha256")
