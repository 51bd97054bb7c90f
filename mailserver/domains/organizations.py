"""Organizations: making, listing and removing the customers."""

import re
from collections.abc import Sequence

from mailserver.errors import Refused
from mailserver.storage.database import Database
from mailserver.storage.directory import organizations
from mailserver.storage.directory.organizations import Organization

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class Organizations:
    """What operators do to organizations; every refusal is a Refused that names the thing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, name: str) -> Organization:
        if not _NAME.fullmatch(name):
            raise Refused(
                f"{name} is no name for an organization: lower-case letters, digits and hyphens,"
                " 63 at most",
                "organization",
            )
        async with self._database.transaction() as c:
            if not await organizations.add(c, name):
                raise Refused(f"organization {name} exists already", "organization")
        return await self.find(name)

    async def find(self, name: str) -> Organization:
        async with self._database.connection() as c:
            found = await organizations.find(c, name)
        if found is None:
            raise Refused(f"organization {name} does not exist", "organization")
        return found

    async def remove(self, name: str) -> None:
        """Remove an organization that owns no domain any more."""
        async with self._database.transaction() as c:
            if await organizations.remove(c, name):
                return
            found = await organizations.find(c, name)
        if found is None:
            raise Refused(f"organization {name} does not exist", "organization")
        raise Refused(f"organization {name} still owns {found.domains} domain(s)", "organization")

    async def list(self) -> Sequence[Organization]:
        """All, by name."""
        async with self._database.connection() as c:
            return await organizations.listing(c)
