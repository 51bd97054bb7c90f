"""APPEND (RFC 3501 §6.3.11) of one message or several (RFC 3502), with APPENDUID (RFC 4315).

All messages are stored or none. The command is understood, and refused if it must be, before a
message is read; messages go to buffers piece by piece and from there through ingest, as all mail
does.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from imap.flag_masks import divided
from imap.flag_rights import permitted_mask
from imap.place import Found, look_up, missing
from imap.protocol import flags, responses
from imap.protocol.append import Append, AppendMessage, is_closed
from imap.protocol.events import Frame, Streamed
from imap.room import refused_for_room
from imap.session import Answer, Channel, Session
from mailserver.errors import MailError
from mailserver.ingest import Arrival, Placement
from mailserver.objects import Content, MessageBuffer

MOST_MESSAGES = 1000
"""In one APPEND: they are one commit."""


@dataclass(slots=True)
class _Batch:
    """The messages of one command that were read; their bytes stand in `buffer`, in that order."""

    buffer: MessageBuffer
    target: Found
    read: list[AppendMessage] = field(default_factory=list)

    def contents(self) -> Iterator[Content]:
        """The bytes of each message."""
        whole = self.buffer.content()
        if len(self.read) == 1:
            yield whole
            return
        start = 0
        for message in self.read:
            end = start + _size(message)
            yield whole[start:end]
            start = end


async def append(session: Session, command: Append, channel: Channel) -> Answer:
    """The message, the last of `command`, is announced and not read yet."""
    target = await look_up(session, command.mailbox)
    if target is None:
        return missing()
    if not target.grants("i"):
        return target.refused_as_target()
    with session.node.ingest.buffer() as buffer:
        batch = _Batch(buffer, target)
        coming: AppendMessage | Frame = command.messages[-1]
        while isinstance(coming, AppendMessage):
            refusal = _refuse(session, coming, batch) or await _refuse_size(session, coming, batch)
            if refusal is not None:
                return refusal
            received = await _receive(coming, batch, channel)
            if isinstance(received, Answer):
                return received
            coming = received
        if batch.read[-1].utf8 and not is_closed(coming):
            return Answer.bad("expected a closing parenthesis")
        if len(batch.read) == 1:
            return await _store(session, batch)
        async with session.services.appending:
            return await _store(session, batch)


def _refuse(session: Session, message: AppendMessage, batch: _Batch) -> Answer | None:
    """What can be seen of the message's announcement alone."""
    if message.binary:
        return Answer.bad("APPEND takes no literal8")
    if message.utf8 and not session.utf8:
        return Answer.bad("ENABLE UTF8=ACCEPT first")  # RFC 6855 §4
    if _size(message) == 0:
        # RFC 3502 §6.3.11: this is also how a client cancels the messages before it.
        return Answer.no("An empty message cannot be stored", responses.CANNOT)
    if _internal_date(message) is None:
        return Answer.bad("The date is out of range")
    if len(batch.read) == MOST_MESSAGES:
        return Answer.no("Too many messages in one APPEND", responses.LIMIT)
    return None


async def _refuse_size(session: Session, message: AppendMessage, batch: _Batch) -> Answer | None:
    """Whether the message can be taken with those before it."""
    size = batch.buffer.size + _size(message)
    owner, count = batch.target.place.owner, len(batch.read) + 1
    if full := await refused_for_room(session, owner, size, count):
        return full
    if batch.read and size > session.node.settings.imap.max_literal:
        # Each would do alone (RFC 7889); together they are one commit, which is bounded.
        return Answer.no("Too much for one APPEND", responses.LIMIT)
    return None


async def _receive(
    message: AppendMessage, batch: _Batch, channel: Channel
) -> Frame | AppendMessage | Answer:
    """Read the message; gives what follows it: the end of the command, another, or a refusal."""
    nul = _Nul(batch.buffer.write)
    following = await channel.receive(nul.write)
    if nul.seen and not isinstance(following, Answer):
        # RFC 3501 §9: CHAR8 = %x01-ff; RFC 3516 is not offered.
        return Answer.bad("A message cannot hold NUL")
    batch.read.append(message)
    return following


def _size(message: AppendMessage) -> int:
    """Bytes that are announced."""
    return message.content.size if isinstance(message.content, Streamed) else len(message.content)


def _internal_date(message: AppendMessage) -> datetime | None:
    """When the message came; None if that time does not exist in UTC."""
    try:
        return (message.internal_date or datetime.now(UTC)).astimezone(UTC)
    except OverflowError:
        return None


async def _store(session: Session, batch: _Batch) -> Answer:
    arrivals = [
        Arrival(content, [_placement(batch.target, message)])
        for message, content in zip(batch.read, batch.contents(), strict=True)
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


def _placement(target: Found, message: AppendMessage) -> Placement:
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


class _Nul:
    """Hands pieces on and remembers whether one held a NUL."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self.seen = False

    def write(self, piece: bytes) -> None:
        self.seen = self.seen or b"\0" in piece
        self._write(piece)
