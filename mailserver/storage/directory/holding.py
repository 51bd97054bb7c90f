"""What stands before a new address: its domain, held until the transaction ends, or Refused."""

from mailserver.errors import Refused
from mailserver.storage.database import Connection
from mailserver.storage.directory import addresses, domains

_WORDS = {"account": "an account", "alias": "an alias", "group": "a group"}


async def held(c: Connection, name: str) -> int:
    """The id of the domain, held until the transaction ends; one that has addresses of its own."""
    domain_id = await domains.lock(c, name)
    if domain_id is None:
        raise Refused(f"domain {name} does not exist", "address")
    if other := await domains.alias_of(c, domain_id):
        raise Refused(
            f"domain {name} is another name of {other}, which has its addresses", "address"
        )
    return domain_id


async def taken(
    c: Connection, domain_id: int, local_part: str, domain: str, wanted: str
) -> Refused:
    """Why an address could not be claimed for the kind that is wanted."""
    kind = await addresses.find_kind(c, domain_id, local_part)
    words = "exists already" if kind == wanted else f"is taken by {_WORDS.get(kind or wanted)}"
    return Refused(f"address {local_part}@{domain} {words}", "address")
