"""Secrets that all nodes share: what operators do to them; nobody is shown one."""

from collections.abc import Sequence

from mailserver.errors import Refused
from mailserver.storage.database import Database
from mailserver.storage.directory import secrets
from mailserver.storage.directory.secrets import NAMES, Secret


class Secrets:
    """Every refusal is a Refused that names the thing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rotate(self, name: str) -> None:
        """Use a new one from now on; what the older ones signed is still taken."""
        _check(name)
        async with self._database.transaction() as c:
            await secrets.rotate(c, name)

    async def retire(self, name: str) -> int:
        """Take from now on only what the newest signed; gives how many older ones went."""
        _check(name)
        async with self._database.transaction() as c:
            return await secrets.retire(c, name)

    async def list(self) -> Sequence[Secret]:
        """All, by name, the newest first."""
        async with self._database.connection() as c:
            return await secrets.listing(c)


def _check(name: str) -> None:
    if name not in NAMES:
        raise Refused(f"there is no secret {name}; there is: {', '.join(NAMES)}", "name")
