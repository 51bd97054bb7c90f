"""Organizations: making, listing and removing the customers."""

import re
from collections.abc import Sequence

from mailserver.domains.targets import checked
from mailserver.errors import Refused
from mailserver.settings import Addresses
from mailserver.storage.database import Database
from mailserver.storage.directory import organizations
from mailserver.storage.directory.organizations import Organization
from mailserver.storage.directory.spelling import kept_address

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class Organizations:
    """What operators do to organizations; every refusal is a Refused that names the thing."""

    def __init__(self, database: Database, rules: Addresses | None = None) -> None:
        self._database = database
        self._rules = rules or Addresses()

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

    async def set_contact(self, name: str, contact: str | None) -> None:
        """Who answers for postmaster and abuse where its domains have neither; None: nobody."""
        async with self._database.transaction() as c:
            organization_id = await organizations.lock(c, name)
            if organization_id is None:
                raise Refused(f"organization {name} does not exist", "organization")
            if contact is not None:
                wanted = [kept_address(contact, "contact")]
                [contact] = await checked(
                    c, wanted, self._rules.separator, "contact", field="contact"
                )
            await organizations.set_contact(c, organization_id, contact)

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
