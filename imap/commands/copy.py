"""COPY (RFC 3501 §6.4.7) and MOVE (RFC 6851), both with COPYUID (RFC 4315 §3).

All or nothing: the target has all the messages, or the command is answered by NO.
"""

from imap.named import Span, named, uid_ranges
from imap.opened import Copied, MailboxDeleted
from imap.picked import pick
from imap.progress import while_waiting
from imap.protocol import responses
from imap.protocol.copy import Copy, Move
from imap.protocol.modseq import highestmodseq_code
from imap.protocol.responses import Condition
from imap.session import Answer, Session
from mailserver.storage import mailboxes, messages
from mailserver.storage.mailboxes import Mailbox


async def copy(session: Session, command: Copy) -> Answer:
    """RFC 3501 §6.4.7"""
    spans = named(session.mailbox().view, command.sequence, by_uid=command.by_uid)
    if spans is None:
        return Answer.bad("No such message sequence number")
    target = await _target(session, command.mailbox)
    if target is None:
        return _missing()
    size = await _total_size(session, spans)
    account, quotas = session.user(), session.node.quotas
    if not await quotas.has_room(account.id, account.quota_bytes, size):
        return Answer.no("Not enough room", responses.OVERQUOTA)
    copied = await _placed(session, spans, target, move=False)
    if copied is None:
        return _missing()
    quotas.added(account.id, size)
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
    if target is None:
        return _missing()
    copied = await _placed(session, spans, target, move=True)
    if copied is None:
        return _missing()
    if not copied.sources:
        return _nothing("MOVE", spans)
    # RFC 6851 §4.3: COPYUID comes untagged, before the EXPUNGEs that take the UIDs away.
    await session.write(responses.untagged(Condition.OK, "Moved", _copyuid(copied)))
    # RFC 7162 §3.2: MOVE expunges; all up to its modseq is told before the answer.
    tells = copied.modseq > 0 and session.qresync
    return Answer.ok("MOVE completed", highestmodseq_code(copied.modseq) if tells else None)


async def _target(session: Session, name: str) -> Mailbox | None:
    async with session.node.database.connection() as c:
        return await mailboxes.find(c, session.user().id, name)


async def _total_size(session: Session, spans: list[Span]) -> int:
    picked = pick(session.mailbox().view, spans)
    async with session.node.database.connection() as c:
        return await messages.total_size(c, list(picked.message_ids))


async def _placed(
    session: Session, spans: list[Span], target: Mailbox, *, move: bool
) -> Copied | None:
    """What was copied; None when the target is gone. Raises MailboxDeleted."""
    selected = session.mailbox()
    ranges = uid_ranges(selected.view, spans)
    try:
        return await while_waiting(session, selected.opened.copy(ranges, target.id, move=move))
    except MailboxDeleted:
        if selected.opened.state.deleted:
            raise
        return None


def _missing() -> Answer:
    # RFC 3501 §6.4.7: the mailbox is never made by COPY; the client may make it and try again.
    return Answer.no("No such mailbox", responses.TRYCREATE)


def _nothing(verb: str, spans: list[Span]) -> Answer:
    """The answer when no message was there: none was named, or all were expunged meanwhile."""
    if spans:
        return Answer.no("The messages were expunged", responses.EXPUNGEISSUED)
    return Answer.ok(f"{verb} completed")


def _copyuid(copied: Copied) -> bytes:
    return responses.copyuid_code(copied.uid_validity, copied.sources, copied.targets)
