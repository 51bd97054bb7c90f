"""CONDSTORE and QRESYNC (RFC 7162): who is told of modseqs, and how a client catches up.

What a client has missed is in two places: flags and new messages in the columns, by their modseq;
what is gone in the mailbox's log.
"""

from collections.abc import Iterable

from imap.commands.fetch import respond
from imap.commands.fetch_items import Items, modseq_items
from imap.commands.vanished import tell_vanished
from imap.mailboxes.named import changed_since, uid_spans
from imap.mailboxes.vanished import matched_uid
from imap.protocol.command import Command
from imap.protocol.fetch import Fetch, FetchAttribute
from imap.protocol.listing import List
from imap.protocol.modseq import Resync
from imap.protocol.search import Search, asks_modseq
from imap.protocol.select import Select
from imap.protocol.sequence import SequenceSet
from imap.protocol.status import Status, StatusItem
from imap.protocol.store import Store
from imap.session import Answer, Session
from imap.updates import highest_modseq


def refused_without_enable(session: Session, command: Command) -> Answer | None:
    """RFC 7162 §3.2.3: QRESYNC and VANISHED are BAD before ENABLE QRESYNC."""
    if session.qresync:
        return None
    if isinstance(command, Select) and command.resync is not None:
        return Answer.bad("ENABLE QRESYNC first")
    if isinstance(command, Fetch) and command.modifiers.vanished:
        return Answer.bad("ENABLE QRESYNC first")
    return None


def enables_condstore(command: Command) -> bool:
    """True for the CONDSTORE enabling commands of RFC 7162 §3.1 but for ENABLE itself."""
    if isinstance(command, Select):
        return command.condstore
    if isinstance(command, Fetch):
        asked = FetchAttribute.MODSEQ in command.items
        return asked or command.modifiers.changed_since is not None
    if isinstance(command, Store):
        return command.unchanged_since is not None
    if isinstance(command, Search):
        return asks_modseq(command.key)
    if isinstance(command, Status):
        return StatusItem.HIGHESTMODSEQ in command.items
    return isinstance(command, List) and StatusItem.HIGHESTMODSEQ in (command.status or ())


async def note(session: Session, command: Command) -> None:
    """Remember that the client knows of modseqs, if `command` says so."""
    if session.condstore or not enables_condstore(command):
        return
    await enable(session, ["CONDSTORE"], tell=not isinstance(command, Select))


async def enable(session: Session, names: Iterable[str], *, tell: bool = True) -> None:
    """Turn on extensions; `tell`: what RFC 7162 §3.1 asks for if a mailbox is selected."""
    knew = session.condstore
    session.enabled |= frozenset(names)
    if session.qresync:
        # RFC 7162 §3.2.3: with QRESYNC comes CONDSTORE.
        session.enabled |= {"CONDSTORE"}
    selected = session.selected
    if tell and session.condstore and not knew and selected is not None:
        await selected.access.refresh()
        if selected.access.readable:  # RFC 4314 §4: who may read no more is told no more
            await session.write(highest_modseq(selected))


async def resynchronise(session: Session, resync: Resync) -> None:
    """Tell what happened in the mailbox that was just selected (RFC 7162 §3.2.5)."""
    selected = session.mailbox()
    view, state = selected.view, selected.opened.state
    # RFC 7162 §3.2.5: of another UIDVALIDITY the client remembers nothing that counts.
    if resync.uid_validity != state.uid_validity or resync.modseq >= view.modseq:
        return
    known = resync.known or SequenceSet.of([(1, max(1, state.uid_next - 1))])
    above = matched_uid(view, resync.matches) + 1
    wanted = [(max(low, above), high) for low, high in known.ranges if high >= above]
    await tell_vanished(session, resync.modseq, wanted)
    spans = changed_since(view, uid_spans(view, known), resync.modseq)
    await respond(session, spans, Items(modseq_items(session), flags=True))
