"""GETMETADATA and SETMETADATA (RFC 5464), for mailboxes and, as mailbox "", for the server.

With ACL (RFC 5464 §3.3) annotations take `l` and `r`, to change shared ones `w` too. Those of the
server are one's own (/private) or the organization's (/shared), which its administrators change.
"""

from collections.abc import Iterable, Mapping

from imap.commands.special_use import annotated_uses, refused_use, spelled
from imap.place import look_up, missing, no_permission
from imap.protocol.metadata import (
    TOO_MANY,
    GetMetadata,
    SetMetadata,
    encode_metadata,
    longentries_code,
    maxsize_code,
)
from imap.session import Answer, Session
from mailserver.settings import Imap
from mailserver.storage import annotations, arrivals
from mailserver.storage.annotations import Holder
from mailserver.storage.database import Connection
from mailserver.storage.directory import organizations
from mailserver.storage.notifications import ANNOTATION, annotations_of

_SHARED = "/shared/"
_ADMIN = "/shared/admin"


async def getmetadata(session: Session, command: GetMetadata) -> Answer:
    """RFC 5464 §4.2"""
    holder = await _holder(session, command.mailbox, "lr")
    if isinstance(holder, Answer):
        return holder
    account_id = session.user().id
    async with session.node.database.connection() as c:
        sizes = await annotations.sizes(c, holder, account_id)
        names = wanted(sizes, command.entries, command.depth)
        told = [name for name in names if _fits(sizes.get(name, 0), command.max_size)]
        values = await annotations.values(c, holder, account_id, told)
        if not command.mailbox and _ADMIN in told and _ADMIN not in values:
            values |= await _contact(c, session)
    if told:
        pairs = [(name, values.get(name)) for name in told]
        await session.write(encode_metadata(command.mailbox, pairs, utf8=session.utf8))
    longest = max((sizes.get(name, 0) for name in names), default=0)
    # RFC 5464 §4.2.1: how large the largest is that was left out.
    code = None if _fits(longest, command.max_size) else longentries_code(longest)
    return Answer.ok("GETMETADATA completed", code)


def wanted(existing: Iterable[str], entries: Iterable[str], depth: int) -> list[str]:
    """The entries to tell: those that are named, and those that exist so many levels below."""
    found = dict.fromkeys(name for name in entries if name.count("/") > 1)
    for name in existing if depth else ():
        for above in entries:
            below = name.removeprefix(above + "/")
            if below != name and below.count("/") < depth:
                found[name] = None
    # RFC 5464 §4.2.2: what lies below is asked for by a name that need not be an entry itself.
    there = set(existing)
    return [name for name in found if not depth or name in there]


def _fits(size: int, max_size: int | None) -> bool:
    return max_size is None or size <= max_size


async def _contact(c: Connection, session: Session) -> dict[str, bytes]:
    """RFC 5464 §6.2.1.2: how to reach the administrator, as a URI."""
    found = await organizations.find(c, session.user().organization)
    if found is None or found.contact is None:
        return {}
    return {_ADMIN: f"mailto:{found.contact}".encode()}


async def setmetadata(session: Session, command: SetMetadata) -> Answer:
    """RFC 5464 §4.3: all of it or nothing."""
    shared = any(name.startswith(_SHARED) for name in command.values)
    holder = await _holder(session, command.mailbox, "lrw" if shared else "lr", shared=shared)
    if isinstance(holder, Answer):
        return holder
    account_id = session.user().id
    values = command.values
    if holder.mailbox_id:
        # RFC 6154 §4: a use is looked at before it is taken.
        owned = holder.account_id == account_id
        if refusal := refused_use(command.mailbox, annotated_uses(values), owned=owned):
            return refusal
        values = spelled(values)
    async with session.node.database.transaction() as c:
        existing = await annotations.sizes(c, holder, account_id)
        if refusal := _refuse(existing, values, session.node.settings.imap):
            return refusal
        for name, value in values.items():
            await annotations.put(c, holder, account_id, name, value)
        heard_by = _heard_by(holder, account_id, shared=shared)
        for payload in session.node.annotation_changes.payloads(heard_by):
            await arrivals.notify(c, ANNOTATION, payload)
    if session.annotations is not None:
        session.annotations.learn(holder, values)
    session.node.annotation_changes.changed(heard_by)
    return Answer.ok("SETMETADATA completed")


def _heard_by(holder: Holder, account_id: int, *, shared: bool) -> list[int]:
    """Whom a change is told to: the owner of the mailbox, or who sees the server's annotation."""
    if holder.mailbox_id:
        return annotations_of(holder.account_id)
    return annotations_of(account_id, holder.organization_id if shared else 0)


def _refuse(
    existing: Iterable[str], values: Mapping[str, bytes | None], limits: Imap
) -> Answer | None:
    """The answer to values that are too large, or too many."""
    if any(len(value or b"") > limits.max_annotation for value in values.values()):
        return Answer.no("The value is too large", maxsize_code(limits.max_annotation))
    left = {name for name in existing if values.get(name, b"") is not None}
    left.update(name for name, value in values.items() if value is not None)
    if len(left) > limits.max_annotations and any(v is not None for v in values.values()):
        return Answer.no("There are too many annotations", TOO_MANY)
    return None


async def _holder(
    session: Session, mailbox: str, needed: str, *, shared: bool = False
) -> Holder | Answer:
    """Whose annotations are meant, or why the user cannot have or change them."""
    user = session.user()
    if mailbox:
        found = await look_up(session, mailbox)
        if found is None:
            return missing()
        if found.mailbox is None or not found.grants(needed):
            return found.refused()
        return Holder(found.mailbox.id, found.place.owner.id)
    if shared:
        current = await session.node.accounts.find(user.address)
        if current is None or not current.administrator:
            return no_permission()
    return Holder(organization_id=user.organization_id)
