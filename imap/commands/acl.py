"""SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS (RFC 4314 §3).

Identifiers are the addresses of accounts of the organization, and `anyone`: everybody in it. Whom
there is none of is refused as nobody, so nothing is told of other organizations.
"""

import operator
from collections.abc import Callable

from imap.place import Place, find, look_up, missing, whose
from imap.protocol import responses
from imap.protocol.acl import (
    AclMode,
    DeleteAcl,
    GetAcl,
    Identifier,
    ListRights,
    MyRights,
    SetAcl,
    encode_acl,
    encode_listrights,
    encode_myrights,
)
from imap.session import Answer, Session
from mailserver.logs import logger
from mailserver.mail.rights import (
    NONE,
    ORDER,
    OWNER_KEEPS,
    Entry,
    Rights,
    parse_rights,
    write_rights,
)
from mailserver.storage import mailboxes

_CHANGES: dict[AclMode, Callable[[Rights, Rights], Rights]] = {
    AclMode.ADD: operator.or_,
    AclMode.REMOVE: operator.sub,
    AclMode.REPLACE: lambda _old, new: new,
}
# RFC 4314 §4: MYRIGHTS is for who has one of these.
_KNOWS = frozenset("lrikxa")
_OBSOLETE = ("c", "d")

log = logger("imap")

_NOBODY = Answer.no("No such identifier", responses.CANNOT)


async def setacl(session: Session, command: SetAcl) -> Answer:
    """RFC 4314 §3.1"""
    try:
        wanted = parse_rights(command.rights)
    except ValueError:
        # RFC 4314 §3.1: a right that nobody knows is an error of syntax.
        return Answer.bad("Unknown right")
    change = _CHANGES[command.mode]
    refusal = await _changed(session, command.mailbox, command.identifier, wanted, change)
    return refusal or Answer.ok("SETACL completed")


async def deleteacl(session: Session, command: DeleteAcl) -> Answer:
    """RFC 4314 §3.2; an owner is left what he cannot lose."""
    change = _CHANGES[AclMode.REPLACE]
    refusal = await _changed(session, command.mailbox, command.identifier, NONE, change)
    return refusal or Answer.ok("DELETEACL completed")


async def _changed(
    session: Session,
    mailbox: str,
    identifier: Identifier,
    wanted: Rights,
    change: Callable[[Rights, Rights], Rights],
) -> Answer | None:
    """Change an entry; gives the refusal, if it is one."""
    place = await whose(session, mailbox)
    if place is None:
        return missing()
    sharing = session.node.sharing
    who = await sharing.account_id(place.owner, identifier.name)
    async with session.node.database.transaction() as c:
        await mailboxes.lock_names(c, place.owner.id)
        found = await find(c, session, place, mailbox)
        if found.mailbox is None or not found.grants("a"):
            return found.refused()
        if who is None:
            return _NOBODY
        about = Entry(who, wanted, identifier.negative)
        await sharing.put(c, place.owner, found.mailbox.id, about, change)
    sharing.changed(found.mailbox.id)
    log.info(
        "rights changed",
        mailbox=found.mailbox.id,
        owner=place.owner.address,
        identifier=str(identifier),
        by=session.user().address,
    )
    return None


async def getacl(session: Session, command: GetAcl) -> Answer:
    """RFC 4314 §3.3"""
    found = await look_up(session, command.mailbox)
    if found is None:
        return missing()
    if found.mailbox is None or not found.grants("a"):
        return found.refused()
    async with session.node.database.connection() as c:
        grants = await session.node.sharing.grants(c, found.place.owner, found.mailbox.id)
    entries = [(Identifier(one.identifier, one.negative), one.rights) for one in grants]
    await session.write(encode_acl(command.mailbox, entries, utf8=session.utf8))
    return Answer.ok("GETACL completed")


async def listrights(session: Session, command: ListRights) -> Answer:
    """RFC 4314 §3.4: what an identifier always has, and what it can be given, each alone."""
    found = await look_up(session, command.mailbox)
    if found is None:
        return missing()
    if not found.grants("a"):
        return found.refused()
    who = await session.node.sharing.account_id(found.place.owner, command.identifier.name)
    if who is None:
        return _NOBODY
    always = OWNER_KEEPS if _owns(found.place, who, command.identifier) else NONE
    optional = [right for right in ORDER if right not in always]
    await session.write(
        encode_listrights(
            command.mailbox,
            command.identifier,
            write_rights(always),
            (*optional, *_OBSOLETE),
            utf8=session.utf8,
        )
    )
    return Answer.ok("LISTRIGHTS completed")


def _owns(place: Place, who: int, identifier: Identifier) -> bool:
    return who == place.owner.id and not identifier.negative


async def myrights(session: Session, command: MyRights) -> Answer:
    """RFC 4314 §3.5"""
    found = await look_up(session, command.mailbox)
    if found is None or _KNOWS.isdisjoint(found.rights):
        return missing()
    await session.write(
        encode_myrights(command.mailbox, write_rights(found.rights), utf8=session.utf8)
    )
    return Answer.ok("MYRIGHTS completed")
