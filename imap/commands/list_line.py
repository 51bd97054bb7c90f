"""The LIST response of one mailbox that IMAP4rev2 has told unasked (RFC 9051).

SELECT and EXAMINE tell it of their mailbox (§6.3.2). A command whose mailbox name was not in NFC
tells by what name the mailbox goes instead (§6.3.9.7, OLDNAME).
"""

from contextlib import suppress

from imap.commands.listing import attributes
from imap.place import Found, look_up
from imap.protocol.append import Append
from imap.protocol.command import Command
from imap.protocol.listing import List, encode_list
from imap.protocol.mailbox import Create, Delete, Rename
from imap.protocol.mailbox_name import SEPARATOR
from imap.protocol.notify import encode_renamed
from imap.session import Session
from imap.shared import visible
from mailserver.errors import StorageUnavailable
from mailserver.storage import mailboxes

# \NonExistent is known to who knows RFC 9051.
_LIST = List("", ("*",), extended=True)


async def list_line(session: Session, name: str, found: Found, old: str | None = None) -> bytes:
    """`* LIST (\\HasNoChildren) "/" été`; `old`: its OLDNAME, if not what the client has said."""
    superior = {name} if await _has_children(session, name, found) else set()
    told = attributes(name, found.mailbox, superior, set(), _LIST)
    old = old or session.said.get(name)
    if old is None:
        return encode_list(name, told, utf8=session.utf8)
    return encode_renamed(name, old, told, utf8=session.utf8)


async def tell_normalised(session: Session, command: Command) -> None:
    """Write by what name a mailbox goes that `command`, which is done, named in another form."""
    renamed = _renamed(command, session)
    if renamed is None:
        return
    name, old = renamed
    # What was done is done; the client finds the name by LIST too.
    with suppress(StorageUnavailable):
        found = await look_up(session, name)
        if found is not None:
            await session.write(await list_line(session, name, found, old))


def _renamed(command: Command, session: Session) -> tuple[str, str] | None:
    """(name, OLDNAME) of what RFC 9051 §6.3.4, §6.3.5, §6.3.6 and §6.3.12 have told."""
    said = session.said
    if isinstance(command, Rename) and said:
        return command.new_name, said.get(command.mailbox, command.mailbox)
    if isinstance(command, Create | Delete | Append) and command.mailbox in said:
        return command.mailbox, said[command.mailbox]
    return None


async def _has_children(session: Session, name: str, found: Found) -> bool:
    async with session.node.database.connection() as c:
        if found.place.owned:
            return await mailboxes.has_below(c, found.place.owner.id, name + SEPARATOR)
        known = await visible(c, session, recent=False)
    return any(row.name.startswith(name + SEPARATOR) for row in known.rows)
