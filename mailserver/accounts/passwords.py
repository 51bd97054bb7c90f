"""Passwords: how they are spelled, hashed and compared; never kept, never logged.

argon2id at the parameters of RFC 9106 §4 (second choice: 64 MiB), in threads of its own, at most
one per core at a time, so that a flood of logins leaves the loop and the memory alone.
"""

import asyncio
import base64
import os
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import argon2
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from mailserver import sasl
from mailserver.errors import MailError, Refused
from mailserver.sasl.verifier import ITERATIONS

MIN_LENGTH = 8  # characters, NIST SP 800-63B §5.1.1.1
MAX_LENGTH = 1024  # octets


def prepare(password: str) -> str | None:
    """The password as it is hashed: profile OpaqueString of RFC 8265 §4.2; None if it is none."""
    if not password.isascii():
        spaced = "".join(" " if unicodedata.category(c) == "Zs" else c for c in password)
        password = unicodedata.normalize("NFC", spaced)
    if not password or any(unicodedata.category(c) in ("Cc", "Cs") for c in password):
        return None
    return password if len(password.encode()) <= MAX_LENGTH else None


def acceptable(password: str) -> str:
    """A new password, prepared; Refused when it may not be one."""
    prepared = prepare(password)
    if prepared is None and password:
        raise Refused("the password has control characters or is too long", "password")
    if prepared is None or len(prepared) < MIN_LENGTH:
        raise Refused(f"the password has fewer than {MIN_LENGTH} characters", "password")
    return prepared


class Passwords:
    """Hashes and compares, in threads."""

    def __init__(
        self, hasher: argon2.PasswordHasher | None = None, *, iterations: int = ITERATIONS
    ) -> None:
        """`iterations`: what SCRAM costs with a password that is made from now on."""
        self.iterations = iterations
        self._hasher = hasher or argon2.PasswordHasher()
        self._threads = ThreadPoolExecutor(
            len(os.sched_getaffinity(0)), thread_name_prefix="argon2"
        )
        self.nobody = self._hash_of_nobody()

    async def hash(self, prepared: str) -> str:
        """A new PHC string."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._hasher.hash, prepared)

    async def verifier(self, prepared: str, salt: bytes, iterations: int) -> sasl.Verifier:
        """What SCRAM keeps of a password."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, sasl.derive, prepared, salt, iterations)

    def comparing(self, password_hash: str, prepared: str) -> "asyncio.Future[bool]":
        """True or False to come; cancel it and it is not begun, if it was not yet."""
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._threads, self._matches, password_hash, prepared)

    def outdated(self, password_hash: str) -> bool:
        """True when today's parameters are others than those of this hash."""
        return self._hasher.check_needs_rehash(password_hash)

    def _matches(self, password_hash: str, prepared: str) -> bool:
        try:
            return self._hasher.verify(password_hash, prepared)
        except (VerifyMismatchError, InvalidHashError):
            return False
        except VerificationError as error:  # no memory: nothing is known of the password
            raise MailError(
                454, "4.7.0", "Temporary authentication failure", f"argon2: {error}"
            ) from None

    def _hash_of_nobody(self) -> str:
        """What the password of an unknown account is compared with, at the price of a real one."""
        own = self._hasher
        salt, digest = (
            base64.b64encode(os.urandom(length)).decode().rstrip("=")
            for length in (own.salt_len, own.hash_len)
        )
        costs = f"m={own.memory_cost},t={own.time_cost},p={own.parallelism}"
        return f"$argon2id$v=19${costs}${salt}${digest}"
