"""VANISHED (EARLIER) of SELECT with QRESYNC and UID FETCH with VANISHED (RFC 7162 §3.2.10.1)."""

from collections.abc import Iterable

from imap.mailboxes.named import Span
from imap.mailboxes.vanished import vanished_earlier
from imap.protocol.modseq import vanished
from imap.session import Session
from mailserver.storage import events


async def tell_vanished(session: Session, modseq: int, wanted: Iterable[Span]) -> None:
    """Write VANISHED (EARLIER): which UIDs of `wanted` were expunged after `modseq`."""
    selected = session.mailbox()
    if modseq >= selected.opened.state.modseq:
        return
    async with session.node.database.connection() as c:
        expunged = await events.expunged(c, selected.opened.state.id, modseq)
    gone = vanished_earlier(selected.view, wanted, expunged)
    await session.write(vanished(gone, earlier=True))
