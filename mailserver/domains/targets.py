"""Addresses that something is made to lead to: targets, members, owners, contacts."""

from collections.abc import Sequence

from mailserver.errors import Refused
from mailserver.mail.addresses import parse_address
from mailserver.storage.database import Connection
from mailserver.storage.directory.addresses import CATCH_ALL
from mailserver.storage.directory.entries import look_up
from mailserver.storage.directory.spelling import split_key


async def checked(
    c: Connection, targets: Sequence[str], separator: str, what: str, *, field: str = "targets"
) -> list[str]:
    """The targets, those in our domains by the address that exists there; `what` names them.

    By its domain's first name: whoever removes the address finds it under no other.
    """
    if not targets:
        return []
    keys = {target: parse_address(target, smtputf8=True).key for target in targets}
    found = await look_up(c, keys.values(), separator)
    result: dict[str, None] = {}
    for target, key in keys.items():
        entry = found.get(key)
        if entry is None:
            result[target] = None
            continue
        local_part = split_key(key)[0]
        if local_part == CATCH_ALL:
            raise Refused(f"{what} {target} is a catch-all, not an address", field)
        if entry.matched is None:
            raise Refused(f"{what} {target} does not exist", field)
        result[f"{local_part}@{entry.domain}"] = None
    return list(result)
