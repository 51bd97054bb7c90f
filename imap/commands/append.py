"""APPEND (RFC 3501 §6.3.11) with APPENDUID (RFC 4315).

The command is understood, and refused if it must be, before the message is read; the message goes
to a buffer piece by piece and from there through ingest, as all mail does.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from imap.flag_masks import divided
from imap.flag_rights import permitted_mask
from imap.place import Found, look_up, missing
from imap.protocol import flags, responses
from imap.protocol.append import Append, AppendMessage
from imap.protocol.events import Streamed
from imap.room import refused_for_room
from imap.session import Answer, Channel, Session
from mailserver.errors import MailError
from mailserver.ingest import Arrival, Placement
from mailserver.objects import MessageBuffer


async def append(session: Session, command: Append, channel: Channel) -> Answer:
    """The message, the last of `command`, is announced and not read yet."""
    message = command.messages[-1]
    refusal = _refuse(command)
    if refusal is not None:
        return refusal
    size = message.content.size if isinstance(message.content, Streamed) else 0
    target = await look_up(session, command.mailbox)
    if target is None:
        return missing()
    if not target.grants("i"):
        return target.refused_as_target()
    if full := await refused_for_room(session, target.place.owner, size):
        return full
    with session.node.ingest.buffer() as buffer:
        nul = _Nul(buffer.write)
        completed = await channel.receive(nul.write)
        if isinstance(completed, Answer):
            return completed
        if nul.seen:
            # RFC 3501 §9: CHAR8 = %x01-ff; RFC 3516 is not offered.
            return Answer.bad("A message cannot hold NUL")
        return await _store(session, target, message, buffer)


def _refuse(command: Append) -> Answer | None:
    """What can be seen before anything is looked up."""
    message = command.messages[-1]
    if len(command.messages) > 1:
        return Answer.bad("APPEND takes one message")
    if message.binary:
        return Answer.bad("APPEND takes no literal8")
    if isinstance(message.content, Streamed) and message.content.size == 0:
        return Answer.no("An empty message cannot be stored", responses.CANNOT)
    if _internal_date(message) is None:
        return Answer.bad("The date is out of range")
    return None


def _internal_date(message: AppendMessage) -> datetime | None:
    """When the message came; None if that time does not exist in UTC."""
    try:
        return (message.internal_date or datetime.now(UTC)).astimezone(UTC)
    except OverflowError:
        return None


async def _store(
    session: Session, target: Found, message: AppendMessage, buffer: MessageBuffer
) -> Answer:
    assert target.mailbox is not None
    owner = target.place.owner
    # RFC 3501 §2.3.2: \Recent and system flags that nobody knows are not the client's to set.
    mask, keywords = divided(filter(flags.is_settable, message.flags))
    placement = Placement(
        owner.id,
        owner.organization_id,
        target.mailbox.id,
        prefix=b"",
        internal_date=message.internal_date or datetime.now(UTC),
        # RFC 4314 §4: flags that the user may not set are left out.
        flags=mask & permitted_mask(target.rights),
        keywords=tuple(keywords) if "w" in target.rights else (),
    )
    try:
        receipt = await session.node.ingest.accept(Arrival(buffer.content(), [placement]))
    except MailError as error:
        code = responses.TRYCREATE if error.temporary else responses.CANNOT
        return Answer.no(error.text, code)
    placed = receipt.placed[0]
    return Answer.ok(
        "APPEND completed", responses.appenduid_code(placed.uid_validity, [placed.uid])
    )


class _Nul:
    """Hands pieces on and remembers whether one held a NUL."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self.seen = False

    def write(self, piece: bytes) -> None:
        self.seen = self.seen or b"\0" in piece
        self._write(piece)
