"""SELECT and EXAMINE, and the commands that leave a mailbox (RFC 3501 §6.3.1, §6.4; RFC 3691)."""

from imap.access import Access
from imap.commands.list_line import list_line
from imap.commands.resync import resynchronise
from imap.mailboxes.columns import SEEN, Columns
from imap.mailboxes.opened import MailboxDeleted
from imap.place import look_up, missing
from imap.protocol import responses
from imap.protocol.objectid import mailboxid_code
from imap.protocol.responses import Condition
from imap.protocol.select import Check, Close, Select, Unselect
from imap.session import Answer, Selected, Session
from imap.updates import flags_in_use, highest_modseq, recent_line
from mailserver.mail.rights import may_change


async def select(session: Session, command: Select) -> Answer:
    """RFC 3501 §6.3.1, §6.3.2"""
    # RFC 3501 §6.3.1: a failed SELECT leaves no mailbox selected.
    if session.selected is not None:
        await session.unselect()
        # RFC 7162 §3.2.11: what is told from here on is of the other mailbox.
        await session.write(responses.untagged(Condition.OK, "Mailbox closed", responses.CLOSED))
    as_of = session.node.rights_changes.count
    found = await look_up(session, command.mailbox)
    if found is None:
        return missing()
    row = found.mailbox
    if row is None or not found.grants("r"):
        return found.refused()
    # RFC 9051 §6.3.2: SELECT tells the LIST of its mailbox.
    listed = await list_line(session, command.mailbox, found) if session.rev2 else b""
    read_only = command.read_only or not may_change(found.rights)
    try:
        opened = await session.services.mailboxes.open(row.id)
        view = await opened.enter(read_only=read_only, takes_recent=not session.rev2)
    except MailboxDeleted:
        return missing()
    access = Access(session.node, row, session.user().id, found.rights, as_of=as_of)
    session.selected = Selected(command.mailbox, opened, view, access)
    await session.write(_describe(session, session.selected) + listed)
    if command.resync is not None:
        await resynchronise(session, command.resync)
    if read_only:
        verb = "EXAMINE" if command.read_only else "SELECT"
        return Answer.ok(f"{verb} completed", responses.READ_ONLY)
    return Answer.ok("SELECT completed", responses.READ_WRITE)


def _describe(session: Session, selected: Selected) -> bytes:
    """The untagged data that RFC 3501 §6.3.1 requires, and RFC 8474 §4.2."""
    view, state = selected.view, selected.opened.state
    lines = [
        flags_in_use(selected),
        responses.exists(view.count),
        recent_line(session, view.recent_count()),
    ]
    # RFC 9586 §3: no sequence numbers, and so no UNSEEN; RFC 9051 has it no more.
    untold = session.uid_only or session.rev2
    unseen = None if untold else first_unseen(state.columns)
    if unseen is not None:
        code = responses.unseen_code(unseen)
        lines.append(responses.untagged(Condition.OK, "First unseen message", code))
    validity = responses.uidvalidity_code(state.uid_validity)
    lines.append(responses.untagged(Condition.OK, "UIDs valid", validity))
    following = responses.uidnext_code(state.uid_next)
    lines.append(responses.untagged(Condition.OK, "Predicted next UID", following))
    lines.append(highest_modseq(selected))
    mailboxid = mailboxid_code(state.id)
    lines.append(responses.untagged(Condition.OK, "Mailbox identified", mailboxid))
    return b"".join(lines)


_WITHOUT_SEEN = bytes(not value & SEEN for value in range(256))


def first_unseen(columns: Columns) -> int | None:
    """The sequence number of the first message without \\Seen."""
    place = columns.system.translate(_WITHOUT_SEEN).find(1)
    return None if place < 0 else place + 1


async def check(_session: Session, _command: Check) -> Answer:
    """RFC 3501 §6.4.1: everything is durable already."""
    return Answer.ok("CHECK completed")


async def close(session: Session, _command: Close) -> Answer:
    """RFC 3501 §6.4.2: removes what has \\Deleted, and tells nothing of it.

    RFC 7162 §3.2.8: not even the modseq, up to which the client would not know all.
    """
    selected = session.mailbox()
    # RFC 4314 §4: without `e` nothing is removed, and CLOSE succeeds.
    if not selected.view.read_only and selected.access.may("e"):
        await selected.opened.expunge()
    await session.unselect()
    return Answer.ok("CLOSE completed")


async def unselect(session: Session, _command: Unselect) -> Answer:
    """RFC 3691 §2"""
    await session.unselect()
    return Answer.ok("UNSELECT completed")
