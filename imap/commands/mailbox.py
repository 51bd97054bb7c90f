"""CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 3501 §6.3.3 to §6.3.7).

Names of one account change one command at a time, in whatever process it runs. Sessions that have
a mailbox open, here or elsewhere, hear of its end by `MailboxChanges`.
"""

from collections.abc import Iterable, Sequence

from imap.commands.special_use import refused_use
from imap.mailboxes.columns import MAX_UID
from imap.place import Place, find, missing, no_permission, rights_in, whose
from imap.protocol import responses
from imap.protocol.mailbox import Create, Delete, Rename, Subscribe, Unsubscribe
from imap.protocol.mailbox_name import INBOX, SEPARATOR, ancestors, fault_in_new_name
from imap.protocol.namespace import others_name
from imap.protocol.objectid import mailboxid_code
from imap.session import Answer, Session
from mailserver.logs import logger
from mailserver.storage import arrivals, mailboxes, rights
from mailserver.storage.annotations import SPECIAL_USE, Holder
from mailserver.storage.database import Connection
from mailserver.storage.mailboxes import Mailbox
from mailserver.storage.notifications import MAILBOX, names_of

log = logger("imap")

_EXISTS = Answer.no("Mailbox exists already", responses.ALREADYEXISTS)


async def create(session: Session, command: Create) -> Answer:
    """RFC 3501 §6.3.3, RFC 6154 §3, RFC 8474 §4.1"""
    name, uses = command.mailbox, command.special_use
    if name == INBOX:
        return _EXISTS
    place = await whose(session, name)
    if place is None:
        return no_permission()
    if fault := fault_in_new_name(name):
        return Answer.no(fault, responses.CANNOT)
    if refusal := refused_use(place.name, uses, owned=place.owned):
        return refusal
    async with session.node.database.transaction() as c:
        await mailboxes.lock_names(c, place.owner.id)
        parent, permitted = await _parent(c, session, place)
        if not permitted:
            return no_permission()
        if await mailboxes.find(c, place.owner.id, place.name):
            return _EXISTS
        await _make(c, place, parent, [*ancestors(place.name), place.name], uses)
        made = await _found(c, place.owner.id, place.name)
        await _notify(c, session, [names_of(place.owner.id)])
    session.node.changes.changed([names_of(place.owner.id)])
    if uses and session.annotations is not None:
        holder = Holder(made.id, place.owner.id)
        session.annotations.learn(holder, {SPECIAL_USE: uses[0].encode()})
    return Answer.ok("CREATE completed", mailboxid_code(made.id))


async def _parent(c: Connection, session: Session, place: Place) -> tuple[Mailbox | None, bool]:
    """The nearest mailbox above a name, and whether the user may make names below it.

    RFC 4314 §4: that takes `k`; at the top everybody makes his own names only.
    """
    for name in reversed([*ancestors(place.name)]):
        row = await mailboxes.find(c, place.owner.id, name)
        if row is not None:
            return row, "k" in await rights_in(c, session, row)
    return None, place.owned


async def _make(
    c: Connection,
    place: Place,
    parent: Mailbox | None,
    names: Sequence[str],
    uses: Sequence[str] = (),
) -> None:
    """Make the mailboxes `names` below `parent`, with its access control list."""
    await mailboxes.create(c, place.owner.id, list(names), uses[0] if uses else None)
    if parent is not None and parent.has_list:
        new = [name for name in names if len(name) > len(parent.name)]
        await rights.inherit(c, parent.id, place.owner.id, new)


async def delete(session: Session, command: Delete) -> Answer:
    """RFC 3501 §6.3.4: names below stay; then this one stays as \\Noselect (listing.py)."""
    if command.mailbox == INBOX:
        return Answer.no("INBOX cannot be deleted", responses.CANNOT)
    place = await whose(session, command.mailbox)
    if place is None:
        return missing()
    async with session.node.database.transaction() as c:
        await mailboxes.lock_names(c, place.owner.id)
        found = await find(c, session, place, command.mailbox)
        row = found.mailbox
        if row is None and place.owned:
            return await _not_deleted(c, session, command.mailbox)
        if row is None or not found.grants("x"):
            return found.refused()
        if place.name == INBOX:
            return Answer.no("INBOX cannot be deleted", responses.CANNOT)
        await mailboxes.delete(c, row.id)
        await _notify(c, session, [row.id, names_of(row.account_id)])
    if session.selected is not None and session.selected.opened.state.id == row.id:
        # The client knows what it did: no BYE, as others get who have it selected.
        session.selected.opened.state.deleted = True
        await session.unselect()
    session.node.changes.changed([row.id, names_of(row.account_id)])
    log.info("mailbox deleted", mailbox=row.id, account=session.user().address)
    return Answer.ok("DELETE completed")


async def _not_deleted(c: Connection, session: Session, name: str) -> Answer:
    below = name + SEPARATOR
    rows = await mailboxes.listing(c, session.user().id)
    if any(row.name.startswith(below) for row in rows):
        # RFC 3501 §6.3.4: an error, the name is \Noselect and has names below it.
        return Answer.no("There are mailboxes below this name", responses.CANNOT)
    return missing()


async def rename(session: Session, command: Rename) -> Answer:
    """RFC 3501 §6.3.5; RFC 4314 §4: takes `x` there, and `k` above the new name."""
    old, new = await whose(session, command.mailbox), await whose(session, command.new_name)
    if old is None:
        return missing()
    if new is None:
        return no_permission()
    if fault := fault_in_new_name(new.name):
        return Answer.no(fault, responses.CANNOT)
    if old.name == INBOX and old.owned and new.owned:
        return await _rename_inbox(session, new)
    async with session.node.database.transaction() as c:
        await mailboxes.lock_names(c, old.owner.id)
        found = await find(c, session, old, command.mailbox)
        # One's own name may be one that only has names below it.
        if not found.grants("x") and (found.mailbox is not None or not old.owned):
            return found.refused()
        if old.name == INBOX or old.owner.id != new.owner.id:
            return Answer.no("A mailbox stays with its owner", responses.CANNOT)
        parent, permitted = await _parent(c, session, new)
        if not permitted:
            return no_permission()
        names = [row.name for row in await mailboxes.listing(c, old.owner.id)]
        if refusal := refuse_rename(names, old.name, new.name):
            return refusal
        ids = await mailboxes.rename(c, old.owner.id, old.name, new.name)
        if above := list(ancestors(new.name)):
            await _make(c, new, parent, above)
        ids.append(names_of(old.owner.id))
        await _notify(c, session, ids)
    session.node.changes.changed(ids)
    return Answer.ok("RENAME completed")


def refuse_rename(names: Sequence[str], old: str, new: str) -> Answer | None:
    """Why `old` and what is below it, of all `names`, cannot be renamed; None if it can."""
    below = old + SEPARATOR
    moving = [name for name in names if name == old or name.startswith(below)]
    if not moving:
        return missing()
    if new in names:
        return _EXISTS
    if new.startswith(below):
        return Answer.no("A mailbox cannot be put below itself", responses.CANNOT)
    targets = {new + name[len(old) :] for name in moving}
    if not targets.isdisjoint(names):
        return _EXISTS
    if any(fault_in_new_name(name) for name in targets):
        return Answer.no("The names below would be too long", responses.CANNOT)
    return None


async def _rename_inbox(session: Session, new: Place) -> Answer:
    """RFC 3501 §6.3.5: moves the messages; INBOX stays, empty, with the names below it."""
    account_id = session.user().id
    async with session.node.database.transaction() as c:
        await mailboxes.lock_names(c, account_id)
        parent, permitted = await _parent(c, session, new)
        if not permitted:
            return no_permission()
        if await mailboxes.find(c, account_id, new.name):
            return _EXISTS
        await _make(c, new, parent, [*ancestors(new.name), new.name])
        inbox = await _found(c, account_id, INBOX)
        target = await _found(c, account_id, new.name)
        await _notify(c, session, [names_of(account_id)])
    session.node.changes.changed([names_of(account_id)])
    opened = await session.services.mailboxes.open(inbox.id)
    await opened.copy([(1, MAX_UID)], target.id, move=True)
    return Answer.ok("RENAME completed")


async def _found(c: Connection, account_id: int, name: str) -> Mailbox:
    row = await mailboxes.find(c, account_id, name)
    assert row is not None  # it was made in this transaction, or is the INBOX, which stays
    return row


async def subscribe(session: Session, command: Subscribe) -> Answer:
    """RFC 3501 §6.3.6: the name need not exist, now or ever."""
    if fault := fault_in_new_name(command.mailbox):
        return Answer.no(fault, responses.CANNOT)
    name = await _as_listed(session, command.mailbox)
    async with session.node.database.connection() as c:
        await mailboxes.subscribe(c, session.user().id, name)
        await _notify(c, session, [names_of(session.user().id)])
    session.node.changes.changed([names_of(session.user().id)])
    return Answer.ok("SUBSCRIBE completed")


async def unsubscribe(session: Session, command: Unsubscribe) -> Answer:
    """RFC 3501 §6.3.7"""
    name = await _as_listed(session, command.mailbox)
    async with session.node.database.connection() as c:
        await mailboxes.unsubscribe(c, session.user().id, name)
        await _notify(c, session, [names_of(session.user().id)])
    session.node.changes.changed([names_of(session.user().id)])
    return Answer.ok("UNSUBSCRIBE completed")


async def _as_listed(session: Session, name: str) -> str:
    """The name as LIST has it: an address may be written in several ways."""
    place = await whose(session, name)
    if place is None or place.owned:
        return name
    return others_name(place.owner.address, place.name)


async def _notify(c: Connection, session: Session, ids: Iterable[int]) -> None:
    """Tell the other processes when the transaction commits."""
    for payload in session.node.changes.payloads(ids):
        await arrivals.notify(c, MAILBOX, payload)
