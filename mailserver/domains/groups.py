"""Groups: addresses whose mail goes to members, with a rule for who may write to them."""

from collections.abc import Sequence

from mailserver.accounts.resolving import expanded
from mailserver.domains.targets import checked
from mailserver.errors import MailError, Refused
from mailserver.mail.lists import OWNER
from mailserver.settings import Addresses
from mailserver.storage.database import Connection, Database
from mailserver.storage.directory import addresses, domains, groups
from mailserver.storage.directory.addresses import CATCH_ALL
from mailserver.storage.directory.entries import Posting
from mailserver.storage.directory.groups import GroupRow
from mailserver.storage.directory.holding import held, taken
from mailserver.storage.directory.spelling import domain_name, kept_address, local_address

MAX_MEMBERS = 1000  # of one group, as written: the whole expansion has its own limit
MAX_OWNERS = 20
_ROLES = ("postmaster", "abuse")
_LONGEST = 64 - len(OWNER)  # octets; the owners' address must fit too (RFC 5321 §4.5.3.1.1)


class Groups:
    """What operators do to groups; every refusal is a Refused that names the thing."""

    def __init__(self, database: Database, rules: Addresses | None = None) -> None:
        self._database = database
        self._rules = rules or Addresses()

    async def add(
        self,
        address: str,
        members: Sequence[str] = (),
        *,
        posting: Posting = Posting.MEMBERS,
        owners: Sequence[str] = (),
    ) -> GroupRow:
        """Make a group; members and owners in our domains must exist."""
        local_part, domain = local_address(address)
        _check_name(local_part, domain)
        async with self._database.transaction() as c:
            domain_id = await held(c, domain)
            if not await groups.claim(c, domain_id, local_part, posting):
                raise await taken(c, domain_id, local_part, domain, "group")
            group = await _existing(c, local_part, domain)
            group.members = await self._checked(c, members, "member")
            group.owners = await self._checked(c, owners, "owner")
            await self._put(c, group)
        return await self.find(address)

    async def find(self, address: str) -> GroupRow:
        local_part, domain = local_address(address)
        async with self._database.connection() as c:
            return await _existing(c, local_part, domain)

    async def set(
        self, address: str, *, posting: Posting | None = None, owners: Sequence[str] | None = None
    ) -> None:
        """Change who may post or who answers for the group; None: as it is."""
        async with self._database.transaction() as c:
            group = await _existing(c, *local_address(address), lock=True)
            if posting is not None:
                group.posting = posting
            if owners is not None:
                group.owners = await self._checked(c, owners, "owner")
            await self._put(c, group)

    async def add_members(self, address: str, members: Sequence[str]) -> None:
        """Take in members; who is in already stays."""
        async with self._database.transaction() as c:
            group = await _existing(c, *local_address(address), lock=True)
            new = await self._checked(c, members, "member")
            group.members = tuple(dict.fromkeys(group.members + new))
            await self._put(c, group)

    async def remove_members(self, address: str, members: Sequence[str]) -> None:
        """Take members out; one who is not in it is refused, and nobody goes then."""
        async with self._database.transaction() as c:
            group = await _existing(c, *local_address(address), lock=True)
            leaving = {kept_address(one, "members").lower() for one in members}
            if strangers := leaving - {one.lower() for one in group.members}:
                raise Refused(f"{min(strangers)} is no member of {group.address}", "members")
            group.members = tuple(one for one in group.members if one.lower() not in leaving)
            await self._put(c, group)

    async def remove(self, address: str) -> None:
        """Remove a group, and its address from whatever leads to it."""
        local_part, domain = local_address(address)
        async with self._database.transaction() as c:
            domain_id = await domains.lock(c, domain)
            if domain_id is None or not await addresses.free(c, domain_id, local_part, "group"):
                raise _missing(local_part, domain)
            await addresses.forget(c, f"{local_part}@{domain}")

    async def list(self, *, domain: str | None = None) -> Sequence[GroupRow]:
        """All groups, or those of one domain, by domain and local part."""
        name = domain_name(domain) if domain else None
        async with self._database.connection() as c:
            return await groups.listing(c, name)

    async def _put(self, c: Connection, group: GroupRow) -> None:
        """Write what a group is from now on, if it can be."""
        local_part, domain = local_address(group.address)
        if local_part in _ROLES and group.posting is not Posting.ANYONE:
            # RFC 5321 §4.5.1, RFC 2142 §4: who has trouble with the domain belongs to no one here.
            raise Refused(f"{group.address} must take mail from anyone", "posting")
        if len(group.members) > MAX_MEMBERS or len(group.owners) > MAX_OWNERS:
            raise Refused(
                f"group {group.address} can have {MAX_MEMBERS} members and {MAX_OWNERS} owners",
                "members",
            )
        if group.address in group.owners:
            raise Refused(f"group {group.address} cannot own itself", "owners")
        await groups.put(
            c,
            domain,
            local_part,
            posting=group.posting,
            members=group.members,
            owners=group.owners,
        )
        for address, field in (
            (group.address, "members"),
            (f"{OWNER}{group.address}", "owners"),
        ):
            await self._check_way(c, address, field)

    async def _checked(self, c: Connection, texts: Sequence[str], what: str) -> tuple[str, ...]:
        field = f"{what}s"
        wanted = list(dict.fromkeys(kept_address(text, field) for text in texts))
        return tuple(await checked(c, wanted, self._rules.separator, what, field=field))

    async def _check_way(self, c: Connection, address: str, field: str) -> None:
        try:
            expansion = await expanded(c, address, address, self._rules)
        except MailError:
            raise Refused(f"{address} would lead too far or to too many", field) from None
        if expansion.returns:
            raise Refused(f"{address} would lead back to itself", field)


def _check_name(local_part: str, domain: str) -> None:
    if local_part == CATCH_ALL:
        raise Refused(f"*@{domain} is the catch-all: it can be an alias only", "address")
    if len(local_part.encode()) > _LONGEST:
        raise Refused(f"the name of a group has {_LONGEST} octets at most", "address")


async def _existing(c: Connection, local_part: str, domain: str, *, lock: bool = False) -> GroupRow:
    found = await groups.find(c, domain, local_part, lock=lock)
    if found is None:
        raise _missing(local_part, domain)
    return found


def _missing(local_part: str, domain: str) -> Refused:
    return Refused(f"group {local_part}@{domain} does not exist", "address")
