"""STATUS (RFC 3501 §6.3.10), also for LIST … RETURN (STATUS …) (RFC 5819)."""

from collections.abc import Sequence
from dataclasses import replace

from imap.commands.deleted import deleted_figures
from imap.mailboxes.columns import SEEN
from imap.mailboxes.opened import MailboxDeleted
from imap.place import Found, known, look_up_counted, missing, whose
from imap.protocol.objectid import mailboxid
from imap.protocol.status import Status, StatusItem, encode_status
from imap.session import Answer, Session
from mailserver.storage.mailboxes import Mailbox

# What an open mailbox knows without its row.
_OF_STATE = frozenset(
    {
        *(StatusItem.MESSAGES, StatusItem.UIDNEXT, StatusItem.UIDVALIDITY, StatusItem.UNSEEN),
        *(StatusItem.HIGHESTMODSEQ, StatusItem.APPENDLIMIT, StatusItem.MAILBOXID),
        *(StatusItem.DELETED, StatusItem.DELETED_STORAGE),
    }
)


async def status(session: Session, command: Status) -> Answer:
    found = await _open_already(session, command)
    if found is None:
        recent = StatusItem.RECENT in command.items and not session.rev2
        found = await look_up_counted(session, command.mailbox, recent=recent)
    if found is None:
        return missing()
    if found.mailbox is None or not found.grants("r"):
        return found.refused()
    await session.write(await status_line(session, found.mailbox, command.items))
    return Answer.ok("STATUS completed")


async def _open_already(session: Session, command: Status) -> Found | None:
    """The mailbox with the figures of now, if it is open and has all that are asked for."""
    place = await whose(session, command.mailbox)
    found = None if place is None else known(session, place)
    row = None if found is None else found.mailbox
    opened = None if row is None else session.services.mailboxes.find(row.id)
    if found is None or row is None or opened is None:
        return None
    if not _OF_STATE.issuperset(command.items):
        return None
    try:
        await opened.refresh()
    except MailboxDeleted:
        return None  # or another has its name now
    state = opened.state
    return replace(
        found,
        mailbox=replace(
            row,
            messages=len(state.columns),
            unseen=state.columns.count_without(SEEN, 0, len(state.columns)),
            uid_next=state.uid_next,
            highest_modseq=state.modseq,
        ),
    )


async def status_line(session: Session, row: Mailbox, items: Sequence[StatusItem]) -> bytes:
    """`* STATUS INBOX (MESSAGES 3)`."""
    values: dict[StatusItem, int | bytes] = {
        StatusItem.MESSAGES: row.messages,
        # Counted when it is asked for; RFC 9051 App. A: a word of IMAP4rev1, to be answered still.
        StatusItem.RECENT: row.recent or 0,
        StatusItem.UIDNEXT: row.uid_next,
        StatusItem.UIDVALIDITY: row.uid_validity,
        StatusItem.UNSEEN: row.unseen,
        StatusItem.HIGHESTMODSEQ: row.highest_modseq,
        # RFC 7889 §4: as CAPABILITY tells it, the same in every mailbox.
        StatusItem.APPENDLIMIT: session.node.settings.imap.max_literal,
        StatusItem.SIZE: row.bytes,  # RFC 8438 §3
        StatusItem.MAILBOXID: mailboxid(row.id),
        **await deleted_figures(session, row.id, items),
    }
    selected = session.selected
    if selected is not None and selected.opened.state.id == row.id:
        # RFC 3501 §2.3.2: \Recent is the session's own, the row knows only what nobody was told of.
        values[StatusItem.RECENT] = selected.view.recent_count()
    told = [(item, values[item]) for item in dict.fromkeys(items)]
    return encode_status(row.name, told, utf8=session.utf8)
