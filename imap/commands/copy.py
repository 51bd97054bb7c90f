"""COPY (RFC 3501 §6.4.7) and MOVE (RFC 6851), both with COPYUID (RFC 4315 §3).

All or nothing: the target has all the messages, or the command is answered by NO.
"""

from imap import message_limit
from imap.mailboxes.copying import Copied
from imap.mailboxes.flag_rights import permitted_mask
from imap.mailboxes.named import Span, named, size, uid_ranges
from imap.mailboxes.opened import MailboxDeleted
from imap.mailboxes.picked import pick
from imap.place import Found, look_up, missing
from imap.progress import while_waiting
from imap.protocol import responses
from imap.protocol.copy import Copy, Move
from imap.protocol.modseq import highestmodseq_code
from imap.protocol.responses import Condition
from imap.room import refused_for_room
from imap.session import Answer, Session
from mailserver.storage import messages


async def copy(session: Session, command: Copy) -> Answer:
    """RFC 3501 §6.4.7"""
    spans = named(session.mailbox().view, command.sequence, by_uid=command.by_uid)
    if spans is None:
        return Answer.bad("No such message sequence number")
    if refusal := message_limit.exceeded(session, spans):
        return refusal  # RFC 9738 §3.1: all or nothing
    target = await _target(session, command.mailbox)
    if isinstance(target, Answer):
        return target
    owner = target.place.owner
    octets = await _total_size(session, spans) if owner.limited else 0
    if full := await refused_for_room(session, owner, octets, size(spans)):
        return full
    copied = await _placed(session, spans, target, move=False)
    if copied is None:
        return target.gone()
    session.node.quotas.added(owner.id, octets, len(copied.sources))
    if not copied.sources:
        return _nothing("COPY", spans)
    return Answer.ok("COPY completed", _copyuid(copied))


async def move(session: Session, command: Move) -> Answer:
    """RFC 6851 §3"""
    selected = session.mailbox()
    spans = named(selected.view, command.sequence, by_uid=command.by_uid)
    if spans is None:
        return Answer.bad("No such message sequence number")
    if selected.view.read_only:
        return Answer.no("The mailbox is selected read-only", responses.READ_ONLY)
    target = await _target(session, command.mailbox)
    if isinstance(target, Answer):
        return target
    spans, lowest = message_limit.taken(session, spans)
    owner, octets = target.place.owner, 0
    elsewhere = owner.id != selected.opened.state.account_id
    if elsewhere:
        octets = await _total_size(session, spans) if owner.limited else 0
        if full := await refused_for_room(session, owner, octets, size(spans)):
            return full
    copied = await _placed(session, spans, target, move=True)
    if copied is None:
        return target.gone()
    if elsewhere:
        session.node.quotas.added(owner.id, octets, len(copied.sources))
    if not copied.sources:
        return _nothing("MOVE", spans)
    # RFC 6851 §4.3: COPYUID comes untagged, before the EXPUNGEs that take the UIDs away.
    await session.write(responses.untagged(Condition.OK, "Moved", _copyuid(copied)))
    # RFC 7162 §3.2: MOVE expunges; all up to its modseq is told before the answer.
    tells = copied.modseq > 0 and session.qresync
    done = Answer.ok("MOVE completed", highestmodseq_code(copied.modseq) if tells else None)
    return await message_limit.limited(session, done, lowest)


async def _target(session: Session, name: str) -> Found | Answer:
    found = await look_up(session, name)
    if found is None:
        return missing()
    return found if found.grants("i") else found.refused_as_target()


async def _total_size(session: Session, spans: list[Span]) -> int:
    picked = pick(session.mailbox().view, spans)
    async with session.node.database.connection() as c:
        return await messages.total_size(c, list(picked.message_ids))


async def _placed(
    session: Session, spans: list[Span], target: Found, *, move: bool
) -> Copied | None:
    """What was copied; None when the target is gone. Raises MailboxDeleted."""
    selected = session.mailbox()
    ranges = uid_ranges(selected.view, spans)
    assert target.mailbox is not None
    # RFC 4314 §4: flags that the user may not set there do not come along.
    keep = permitted_mask(target.rights)
    try:
        copying = selected.opened.copy(ranges, target.mailbox.id, move=move, keep=keep)
        return await while_waiting(session, copying)
    except MailboxDeleted:
        if selected.opened.state.deleted:
            raise
        return None


def _nothing(verb: str, spans: list[Span]) -> Answer:
    """The answer when no message was there: none was named, or all were expunged meanwhile."""
    if spans:
        return Answer.no("The messages were expunged", responses.EXPUNGEISSUED)
    return Answer.ok(f"{verb} completed")


def _copyuid(copied: Copied) -> bytes:
    return responses.copyuid_code(copied.uid_validity, copied.sources, copied.targets)
