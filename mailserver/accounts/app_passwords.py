"""App passwords: one random secret for each program that logs in as an account.

They are made here, shown once and kept as hashes. They are right wherever the account's own
password is; removing one locks out its program alone, at once and on every node.
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Sequence

from mailserver.accounts.accounts import existing
from mailserver.accounts.passwords import Passwords
from mailserver.errors import Refused
from mailserver.storage.database import Database
from mailserver.storage.directory import app_passwords as rows
from mailserver.storage.directory.app_passwords import AppPassword

MOST = 50  # of one account: a SCRAM login looks at all of them
_OCTETS = 16  # 128 bits: beyond guessing, so that a fast hash will do
_SHAPE = re.compile(r"[a-z2-7]{26}")
_NAME = re.compile(r"[^\W_](?:[\w .@:/+-]{0,62}[\w.)])?")


def generated() -> str:
    """A new secret: 26 letters and digits that survive any keyboard and any shell."""
    return base64.b32encode(secrets.token_bytes(_OCTETS)).decode().rstrip("=").lower()


def looks_like_one(password: str) -> bool:
    """True for what `generated` could have made; somebody's own password may look so too."""
    return _SHAPE.fullmatch(password) is not None


def hashed(secret: str) -> bytes:
    """What is kept of one."""
    return hashlib.sha256(secret.encode()).digest()


class AppPasswords:
    """What operators do to them."""

    def __init__(self, database: Database, hashing: Passwords) -> None:
        self._database = database
        self._passwords = hashing

    async def add(self, address: str, name: str) -> str:
        """Make one for the program `name`; gives its secret, which cannot be had again."""
        if not _NAME.fullmatch(name):
            raise Refused(f"{name} is no name of an app password", "name")
        async with self._database.connection() as c:
            row = await existing(c, address)
        secret = generated()
        verifier = await self._passwords.verifier(secret, row.scram_salt, row.scram_iterations)
        async with self._database.transaction() as c:
            if len(await rows.listing(c, row.id)) >= MOST:
                raise Refused(f"{address} has {MOST} app passwords: remove one first", "address")
            if not await rows.add(c, row.id, name, hashed(secret), verifier.encoded):
                raise Refused(f"{address} has an app password {name}", "name")
        return secret

    async def list(self, address: str) -> Sequence[AppPassword]:
        """All of an account, by name."""
        async with self._database.connection() as c:
            return await rows.listing(c, (await existing(c, address)).id)

    async def remove(self, address: str, name: str) -> None:
        """From now on this one is wrong, on every node."""
        async with self._database.transaction() as c:
            row = await existing(c, address)
            if not await rows.remove(c, row.id, name):
                raise Refused(f"{address} has no app password {name}", "name")
