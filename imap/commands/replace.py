"""REPLACE and UID REPLACE (RFC 8508): one transaction, so that neither message is ever missing.

The old message is expunged whatever its flags are, and nothing of it comes over to the new one.
"""

from imap.commands.append import placement
from imap.commands.incoming import Incoming, Refusal
from imap.mailboxes.named import named, size
from imap.mailboxes.opened import MessageGone
from imap.place import Found, look_up, missing
from imap.protocol import responses
from imap.protocol.modseq import highestmodseq_code
from imap.protocol.replace import Replace
from imap.protocol.responses import Condition
from imap.session import Answer, Channel, Session
from mailserver.errors import StorageRefused
from mailserver.ingest import Arrival, MailboxesGone, Placed
from mailserver.objects import Content
from mailserver.storage import messages


async def replace(session: Session, command: Replace, channel: Channel) -> Answer:
    """RFC 8508 §3; the last literal of `command`, if it has one, is announced and not read yet."""
    selected = session.mailbox()
    spans = named(selected.view, command.number, by_uid=command.by_uid)
    if spans is None:
        return Answer.bad("No such message sequence number")
    if selected.view.read_only:
        return Answer.no("The mailbox is selected read-only", responses.READ_ONLY)
    if size(spans) != 1:
        return Answer.no("No such message")
    # What is in the way may be expunged while the new message comes: its number is no name for it.
    uid = selected.view.uid(spans[0][0])
    target = await look_up(session, command.mailbox)
    if target is None:
        return missing()
    if not target.grants("i"):
        return target.refused_as_target()
    with session.node.ingest.buffer() as buffer:
        incoming = Incoming(session, channel, buffer, target.place.owner, most=1)
        if selected.opened.state.account_id == incoming.owner.id:
            # The room of the message that goes is room for the one that comes.
            incoming.credit, incoming.replaced = await _size_of(session, uid), 1
        try:
            await incoming.read((command.message,))
            async with incoming.contents() as contents:
                return await _store(session, uid, target, incoming, contents[0])
        except Refusal as refusal:
            return refusal.answer


async def _size_of(session: Session, uid: int) -> int:
    """Bytes of the message; 0 if it is gone, which is found again when it is replaced."""
    entry = session.mailbox().opened.state.entry(uid)
    if entry is None:
        return 0
    async with session.node.database.connection() as c:
        return await messages.total_size(c, [entry.message_id])


async def _store(
    session: Session, uid: int, target: Found, incoming: Incoming, content: Content
) -> Answer:
    assert target.mailbox is not None
    ingest, selected = session.node.ingest, session.mailbox()
    (message,) = incoming.messages
    prepared = await ingest.ready(Arrival(content, [placement(target, message)]))
    try:
        placed, modseq = await selected.opened.replace(
            uid, target.mailbox.id, lambda c: ingest.write_within(c, prepared)
        )
    except MessageGone:
        return Answer.no("The message was expunged", responses.EXPUNGEISSUED)
    except MailboxesGone:
        return target.gone()
    except StorageRefused:
        return Answer.no("Message cannot be stored", responses.CANNOT)
    ingest.stored(prepared, placed)
    session.node.quotas.added(incoming.owner.id, -incoming.credit, -incoming.replaced)
    await _tell_placed(session, placed[0])
    # RFC 7162 §3.2: REPLACE expunges; all up to its modseq is told before the answer.
    return Answer.ok("REPLACE completed", highestmodseq_code(modseq) if session.qresync else None)


async def _tell_placed(session: Session, placed: Placed) -> None:
    """RFC 8508 §4.3: APPENDUID comes untagged, before the EXPUNGE that takes the old UID away."""
    code = responses.appenduid_code(placed.uid_validity, [placed.uid])
    await session.write(responses.untagged(Condition.OK, "Replacement message ready", code))
