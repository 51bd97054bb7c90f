"""ESEARCH (RFC 7377): one mailbox after the other, each told before the next is looked at.

What the user may not read, or what is not there, is left out without a word.
"""

from dataclasses import dataclass

from imap.commands.search import Found, found_in, ground_of, refused
from imap.mailboxes.columns import MAX_UID
from imap.mailboxes.opened import MailboxDeleted
from imap.mailboxes.picked import pick
from imap.mailboxes.view import View
from imap.protocol import responses
from imap.protocol.context import noupdate_code
from imap.protocol.multisearch import SELECTED, Esearch, encode_found
from imap.protocol.responses import Condition
from imap.protocol.search import SearchKey, UidKey, asks_modseq, each_key, names_numbers
from imap.protocol.sequence import runs
from imap.searching.sources import is_meant
from imap.session import Answer, Session
from imap.shared import visible
from mailserver.storage import mailboxes

MOST = 1_000  # mailboxes of one search


@dataclass(slots=True)
class _Place:
    """A mailbox to look into; `first_recent` is no matter where it is selected."""

    mailbox_id: int
    name: str
    first_recent: int = 0


async def esearch(session: Session, command: Esearch) -> Answer:
    """RFC 7377 §2"""
    search = command.search
    refusal = _senseless(session, command) or refused(session, search)
    if refusal is not None:
        return refusal
    places = await _places(session, command)
    if len(places) > MOST:
        return Answer.no("Too many mailboxes to look into", responses.LIMIT)
    if search.saves:
        session.mailbox().view.saved = ()  # RFC 5182 §2.1
    for place in places:
        try:
            answer = await _look_into(session, command, place)
        except MailboxDeleted:
            continue
        if answer is not None:
            return answer
    if search.updates:
        # RFC 5267 §4.3.1: an update could not say which mailbox it is of.
        code = noupdate_code(session.tag)
        line = responses.untagged(Condition.NO, "Not by ESEARCH, use SEARCH", code)
        await session.write(line)
    return Answer.ok("ESEARCH completed")


def _senseless(session: Session, command: Esearch) -> Answer | None:
    """The answer to a search that cannot be meant."""
    if session.selected is None and SELECTED in command.sources:
        return Answer.bad("Select a mailbox first")  # RFC 7377 §2.2
    if command.of_selected:
        return None
    if command.search.saves:
        # RFC 7377 §2.2: what is saved is of the selected mailbox.
        return Answer.bad("SAVE is for the selected mailbox alone")
    if _names_selected(command.search.key):
        return Answer.bad("Numbers and $ are of the selected mailbox alone")
    return None


def _names_selected(key: SearchKey) -> bool:
    return names_numbers(key) or any(
        isinstance(one, UidKey) and one.uids.saved for one in each_key(key)
    )


async def _places(session: Session, command: Esearch) -> list[_Place]:
    """The mailboxes that are meant and may be read, each once, by name."""
    found: dict[int, _Place] = {}
    if not command.of_selected:
        async with session.node.database.connection() as c:
            known = await visible(c, session, recent=False)
            subscribed = set(await mailboxes.subscriptions(c, session.user().id))
        for row in known.rows:
            if "r" in known.rights(row) and is_meant(row.name, command.sources, subscribed):
                found[row.id] = _Place(row.id, row.name, row.first_recent_uid)
    selected = session.selected
    if selected is not None and SELECTED in command.sources:
        await selected.access.refresh()
        if selected.access.may("r"):
            mailbox_id = selected.opened.state.id
            found.setdefault(mailbox_id, _Place(mailbox_id, selected.name))
    return sorted(found.values(), key=lambda place: place.name)


async def _look_into(session: Session, command: Esearch, place: _Place) -> Answer | None:
    """Tell what matches in one mailbox; the answer if the search cannot be done at all."""
    search = command.search
    view = await _view(session, place)
    picked = pick(view, [(1, view.count)] if view.count else [], modseqs=asks_modseq(search.key))
    found = await found_in(session, search, ground_of(view, picked, search), whole=True)
    if isinstance(found, Answer):
        return found
    if search.saves:
        kept = command.returned.kept(len(found.places))
        view.saved = runs([picked.uids[found.places[one]] for one in kept])
    # RFC 7377 §2: nothing is told of a mailbox where nothing matches.
    if found.places and command.returned.tells:
        told = _told(command, found)
        state = view.state
        await session.write(
            encode_found(session.tag, place.name, state.uid_validity, told, utf8=session.utf8)
        )
    return None


async def _view(session: Session, place: _Place) -> View:
    """What the session believes of its selected mailbox; of another, what is there now."""
    selected = session.selected
    if selected is not None and selected.opened.state.id == place.mailbox_id:
        return selected.view
    opened = await session.services.mailboxes.open(place.mailbox_id)
    await opened.refresh()
    # Nobody is told of its messages: they stay \Recent for who comes.
    first = max(place.first_recent, opened.state.recent_from)
    return View(opened.state, read_only=True, recent=[(first, MAX_UID)])


def _told(command: Esearch, found: Found) -> list[tuple[bytes, bytes]]:
    picked = found.picked
    told = command.returned.told([picked.uids[one] for one in found.places], ascending=True)
    if asks_modseq(command.search.key):
        # RFC 7162 §3.1.10: the highest of what is told
        kept = command.returned.kept(len(found.places))
        modseqs = (picked.modseqs[found.places[one]] for one in kept)
        told.append((b"MODSEQ", b"%d" % max(modseqs, default=0)))
    return told
