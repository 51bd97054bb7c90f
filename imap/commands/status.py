"""STATUS (RFC 3501 §6.3.10), also for LIST … RETURN (STATUS …) (RFC 5819)."""

from collections.abc import Mapping, Sequence

from imap.commands.deleted import deleted_figures
from imap.place import look_up, missing
from imap.protocol.status import Status, StatusItem, encode_status
from imap.session import Answer, Session
from mailserver.storage.mailboxes import Mailbox


async def status(session: Session, command: Status) -> Answer:
    found = await look_up(session, command.mailbox)
    if found is None:
        return missing()
    if found.mailbox is None or not found.grants("r"):
        return found.refused()
    deleted = await deleted_figures(session, found.mailbox.id, command.items)
    await session.write(status_line(session, found.mailbox, command.items, deleted))
    return Answer.ok("STATUS completed")


def status_line(
    session: Session,
    row: Mailbox,
    items: Sequence[StatusItem],
    deleted: Mapping[StatusItem, int],
) -> bytes:
    """`* STATUS INBOX (MESSAGES 3)`; `deleted`: what `deleted_figures` gave."""
    values = {
        StatusItem.MESSAGES: row.messages,
        StatusItem.RECENT: row.recent,
        StatusItem.UIDNEXT: row.uid_next,
        StatusItem.UIDVALIDITY: row.uid_validity,
        StatusItem.UNSEEN: row.unseen,
        **deleted,
    }
    selected = session.selected
    if selected is not None and selected.opened.state.id == row.id:
        # RFC 3501 §2.3.2: \Recent is the session's own, the row knows only what nobody was told of.
        values[StatusItem.RECENT] = selected.view.recent_count()
    told = [(item, values[item]) for item in dict.fromkeys(items)]
    return encode_status(row.name, told, utf8=session.utf8)
