"""EXPUNGE (RFC 3501 §6.4.3) and UID EXPUNGE (RFC 4315 §2.1)."""

from imap import message_limit
from imap.mailboxes.named import uid_ranges, uid_spans
from imap.progress import while_waiting
from imap.protocol import responses
from imap.protocol.modseq import highestmodseq_code
from imap.protocol.select import Expunge
from imap.session import Answer, Session


async def expunge(session: Session, command: Expunge) -> Answer:
    """Remove what has \\Deleted; the EXPUNGE responses are what every session is told."""
    selected = session.mailbox()
    view = selected.view
    if view.read_only:
        return Answer.no("The mailbox is selected read-only", responses.READ_ONLY)
    ranges, lowest = None, None
    if command.uids is not None:
        ranges = uid_ranges(view, uid_spans(view, command.uids))
        ranges, lowest = message_limit.taken_deleted(session, selected.opened, ranges)
    modseq = await while_waiting(session, selected.opened.expunge(ranges))
    # RFC 7162 §3.2.7, §3.2.9: all up to this one is told before the answer.
    code = highestmodseq_code(modseq) if modseq and session.qresync else None
    return await message_limit.limited(session, Answer.ok("EXPUNGE completed", code), lowest)
