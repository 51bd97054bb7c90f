"""APPEND (RFC 3501 §6.3.11) of one message or several (RFC 3502), with APPENDUID (RFC 4315).

All messages are stored or none. The command is understood, and refused if it must be, before a
message is read; messages go to buffers piece by piece and from there through ingest, as all mail
does.
"""

from datetime import UTC, datetime

from imap.commands.incoming import Incoming, Refusal
from imap.mailboxes.flag_masks import divided
from imap.mailboxes.flag_rights import permitted_mask
from imap.place import Found, look_up, missing
from imap.protocol import flags, responses
from imap.protocol.append import Append, AppendMessage
from imap.session import Answer, Channel, Session
from mailserver.errors import MailError
from mailserver.ingest import Arrival, Placement


async def append(session: Session, command: Append, channel: Channel) -> Answer:
    """The last literal of `command`, if it has one, is announced and not read yet."""
    target = await look_up(session, command.mailbox)
    if target is None:
        return missing()
    if not target.grants("i"):
        return target.refused_as_target()
    with session.node.ingest.buffer() as buffer:
        incoming = Incoming(session, channel, buffer, target.place.owner)
        try:
            await incoming.read(command.messages)
            if len(incoming.messages) == 1:
                return await _store(session, target, incoming)
            async with session.services.appending:
                return await _store(session, target, incoming)
        except Refusal as refusal:
            return refusal.answer


async def _store(session: Session, target: Found, incoming: Incoming) -> Answer:
    """Raises Refusal."""
    async with incoming.contents() as contents:
        arrivals = [
            Arrival(content, [placement(target, message)])
            for message, content in zip(incoming.messages, contents, strict=True)
        ]
        try:
            receipts = await session.node.ingest.accept_all(arrivals)
        except MailError as error:
            if error.temporary:
                return target.gone()
            return Answer.no(error.text, responses.CANNOT)
    placed = [receipt.placed[0] for receipt in receipts]
    # RFC 4315 §3: with MULTIAPPEND a set, in the order of the messages.
    code = responses.appenduid_code(placed[0].uid_validity, [one.uid for one in placed])
    return Answer.ok("APPEND completed", code)


def placement(target: Found, message: AppendMessage) -> Placement:
    """Where a message goes, as its announcement says."""
    assert target.mailbox is not None
    owner = target.place.owner
    # RFC 3501 §2.3.2: \Recent and system flags that nobody knows are not the client's to set.
    mask, keywords = divided(filter(flags.is_settable, message.flags))
    return Placement(
        owner.id,
        owner.organization_id,
        target.mailbox.id,
        prefix=b"",
        internal_date=message.internal_date or datetime.now(UTC),
        # RFC 4314 §4: flags that the user may not set are left out.
        flags=mask & permitted_mask(target.rights),
        keywords=tuple(keywords) if "w" in target.rights else (),
    )
