"""Whose mailbox a name means, and what the session's user may do there (RFC 2342, RFC 4314).

What one may not look up is answered as what does not exist (RFC 4314 §6).
"""

from dataclasses import dataclass, replace

from imap.protocol import responses
from imap.protocol.namespace import is_others, owner_and_name
from imap.session import Answer, Session
from mailserver.accounts import Account
from mailserver.mail.rights import ALL, NONE, Rights, effective
from mailserver.storage import mailboxes, rights
from mailserver.storage.database import Connection
from mailserver.storage.mailboxes import Mailbox


@dataclass(slots=True)
class Place:
    """A name of an account; `owned`: of the user's own."""

    owner: Account
    name: str
    owned: bool


@dataclass(slots=True)
class Found:
    """A mailbox, None where there is none, with the user's rights; it is named as he names it."""

    place: Place
    mailbox: Mailbox | None
    rights: Rights

    def grants(self, needed: str) -> bool:
        """True if it exists and all rights in `needed` are the user's."""
        return self.mailbox is not None and self.rights.issuperset(needed)

    def refused(self) -> Answer:
        """The answer to who lacks a right, or asks for what is not there."""
        if self.mailbox is None or "l" not in self.rights:
            return missing()
        return no_permission()

    def refused_as_target(self) -> Answer:
        """The same, for a command that puts messages there."""
        if self.mailbox is None and self.place.owned:
            # RFC 3501 §6.3.11, §6.4.7: never made by the command; the client may make it. RFC 4314
            # §4: that is not told to who may not.
            return Answer.no("No such mailbox", responses.TRYCREATE)
        return self.refused()

    def gone(self) -> Answer:
        """The same, when it was deleted meanwhile."""
        self.mailbox = None
        return self.refused_as_target()


def missing() -> Answer:
    return Answer.no("No such mailbox", responses.NONEXISTENT)


def no_permission() -> Answer:
    return Answer.no("Permission denied", responses.NOPERM)


async def whose(session: Session, name: str) -> Place | None:
    """The account that `name` is of; None: nobody's, or nobody's of this organization."""
    user = session.user()
    if not is_others(name):
        return Place(user, name, owned=True)
    parts = owner_and_name(name)
    owner = await session.node.accounts.find(parts[0]) if parts else None
    if parts is None or owner is None or owner.organization_id != user.organization_id:
        return None
    # One's own mailboxes have one name.
    return None if owner.id == user.id else Place(owner, parts[1], owned=False)


async def find(
    c: Connection, session: Session, place: Place, said: str, *, recent: bool = False
) -> Found:
    """The mailbox at a place, which the client calls `said`; `recent` as for `mailboxes.find`."""
    row = await mailboxes.find(c, place.owner.id, place.name, recent=recent)
    if row is None:
        return Found(place, None, NONE)
    held = await rights_in(c, session, row)
    if not place.owned:
        row = named_as(row, said)
    return Found(place, row, held)


async def rights_in(c: Connection, session: Session, row: Mailbox) -> Rights:
    """What the user may do in a mailbox of his organization."""
    user = session.user()
    if not row.has_list:
        return ALL if row.account_id == user.id else NONE
    return effective(await rights.entries(c, row.id), user.id, row.account_id)


def named_as(row: Mailbox, name: str) -> Mailbox:
    """Another's mailbox as the user sees it: a special use is its owner's (RFC 6154 §2)."""
    return replace(row, name=name, special_use=None)


async def look_up(session: Session, name: str) -> Found | None:
    """The mailbox of a name, its figures of some time ago; None where no account is meant."""
    place = await whose(session, name)
    if place is None:
        return None
    return known(session, place) or await _read(session, place, name)


def known(session: Session, place: Place) -> Found | None:
    """What is known of a place without a query, its figures of some time ago."""
    row = session.services.names.find(place.owner.id, place.name) if place.owned else None
    return None if row is None else Found(place, row, ALL)


async def look_up_counted(session: Session, name: str, *, recent: bool) -> Found | None:
    """The same with figures of now; `recent` as for `mailboxes.find`."""
    place = await whose(session, name)
    return None if place is None else await _read(session, place, name, recent=recent)


async def _read(session: Session, place: Place, said: str, *, recent: bool = False) -> Found:
    names = session.services.names
    as_of = names.as_of(place.owner.id)
    async with session.node.database.connection() as c:
        found = await find(c, session, place, said, recent=recent)
    if place.owned and found.mailbox is not None:
        names.keep(found.mailbox, as_of)
    return found
