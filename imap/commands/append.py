"""APPEND (RFC 3501 §6.3.11) of one message or several (RFC 3502), with APPENDUID (RFC 4315).

All messages are stored or none. The command is understood, and refused if it must be, before a
message is read; messages go to buffers piece by piece and from there through ingest, as all mail
does.
"""

from datetime import UTC, datetime

from imap.commands.incoming import Incoming, Refusal
from imap.flag_masks import divided
from imap.protocol import flags, responses
from imap.protocol.append import Append, AppendMessage
from imap.session import Answer, Channel, Session
from mailserver.accounts import Account
from mailserver.errors import MailError
from mailserver.ingest import Arrival, Placement
from mailserver.storage import mailboxes


async def append(session: Session, command: Append, channel: Channel) -> Answer:
    """The last literal of `command`, if it has one, is announced and not read yet."""
    account = session.user()
    async with session.node.database.connection() as c:
        row = await mailboxes.find(c, account.id, command.mailbox)
    if row is None:
        # RFC 3501 §6.3.11: the mailbox is never made by APPEND; the client may make it.
        return Answer.no("No such mailbox", responses.TRYCREATE)
    with session.node.ingest.buffer() as buffer:
        incoming = Incoming(session, channel, buffer, account)
        try:
            await incoming.read(command.messages)
        except Refusal as refusal:
            return refusal.answer
        if len(incoming.messages) == 1:
            return await _store(session, row.id, incoming)
        async with session.services.appending:
            return await _store(session, row.id, incoming)


async def _store(session: Session, mailbox_id: int, incoming: Incoming) -> Answer:
    account = session.user()
    arrivals = [
        Arrival(content, [placement(account, mailbox_id, message)])
        for message, content in zip(incoming.messages, incoming.contents(), strict=True)
    ]
    try:
        receipts = await session.node.ingest.accept_all(arrivals)
    except MailError as error:
        code = responses.TRYCREATE if error.temporary else responses.CANNOT
        return Answer.no(error.text, code)
    placed = [receipt.placed[0] for receipt in receipts]
    # RFC 4315 §3: with MULTIAPPEND a set, in the order of the messages.
    code = responses.appenduid_code(placed[0].uid_validity, [one.uid for one in placed])
    return Answer.ok("APPEND completed", code)


def placement(account: Account, mailbox_id: int, message: AppendMessage) -> Placement:
    """Where a message goes, as its announcement says."""
    # RFC 3501 §2.3.2: \Recent and system flags that nobody knows are not the client's to set.
    mask, keywords = divided(filter(flags.is_settable, message.flags))
    return Placement(
        account.id,
        account.organization_id,
        mailbox_id,
        prefix=b"",
        internal_date=message.internal_date or datetime.now(UTC),
        flags=mask,
        keywords=tuple(keywords),
    )
