"""STATUS DELETED and DELETED-STORAGE (RFC 9208 §4.1.4): what EXPUNGE would free."""

from collections.abc import Collection

from imap.mailboxes.columns import DELETED
from imap.mailboxes.opened import MailboxDeleted
from imap.protocol.status import StatusItem
from imap.session import Session
from mailserver.storage import messages

_UNIT = 1024  # octets, as in STORAGE
_ITEMS = frozenset({StatusItem.DELETED, StatusItem.DELETED_STORAGE})


async def deleted_figures(
    session: Session, mailbox_id: int, items: Collection[StatusItem]
) -> dict[StatusItem, int]:
    """The figures, if `items` ask for one of them: no row has them, the mailbox is opened."""
    if _ITEMS.isdisjoint(items):
        return {}
    try:
        opened = await session.services.mailboxes.open(mailbox_id)
        await opened.refresh()
    except MailboxDeleted:
        return dict.fromkeys(_ITEMS, 0)
    columns = opened.state.columns
    marked = columns.with_flag(DELETED)
    figures = {StatusItem.DELETED: sum(end - start for start, end in marked)}
    if StatusItem.DELETED_STORAGE in items:
        ids = [one for start, end in marked for one in columns.message_ids[start:end]]
        async with session.node.database.connection() as c:
            size = await messages.total_size(c, ids) if ids else 0
        figures[StatusItem.DELETED_STORAGE] = -(-size // _UNIT)
    return figures
