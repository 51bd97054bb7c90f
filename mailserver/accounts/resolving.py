"""The expansion of addresses, fed from the directory."""

from collections.abc import Awaitable, Callable, Mapping

from mailserver.accounts.expansion import Expansion, expand
from mailserver.settings import Addresses
from mailserver.storage.database import Connection
from mailserver.storage.directory.entries import Entry, look_up

# Puts the addresses that rewritten senders stand for into what the directory has for them.
Unwrapping = Callable[[Mapping[str, str], dict[str, Entry]], Awaitable[None]]


async def expanded(
    c: Connection, key: str, written: str, rules: Addresses, unwrap: Unwrapping | None = None
) -> Expansion:
    """Where the address leads by what `c` sees. Raises MailError (451 4.3.5): too far."""
    expanding = expand(key, written, postmaster=rules.postmaster)
    asked = next(expanding)
    while True:
        found = await look_up(c, asked, rules.separator)
        if unwrap is not None:
            await unwrap(asked, found)
        try:
            asked = expanding.send(found)
        except StopIteration as end:
            expansion: Expansion = end.value
            return expansion
