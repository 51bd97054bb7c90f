"""The messages of one APPEND or REPLACE while they are read: all of them come in, or none.

Each is refused as soon as it can be seen that it must be, if possible before its bytes are sent.
Bytes go to one buffer, piece by piece, whether they come from the client or from other messages
(CATENATE, RFC 4469).
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from imap import message_limit
from imap.commands.catenate import BadUrl, referred
from imap.protocol import responses
from imap.protocol.append import AppendMessage, Rest, parse_rest
from imap.protocol.catenate import Part, Text, Url, size_of
from imap.protocol.events import Frame, LiteralRequested, Streamed
from imap.protocol.url import badurl_code
from imap.room import refused_for_room
from imap.session import Answer, Channel, Session
from mailserver.accounts import Account
from mailserver.ingest.encoding import Unencodable, encoded
from mailserver.objects import Content, MessageBuffer

MOST_MESSAGES = 1000
"""In one APPEND: they are one commit."""

_LONGEST_URL = 8192  # bytes


class Refusal(Exception):
    """The command ends with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.text)
        self.answer = answer


@dataclass(slots=True)
class Incoming:
    """The messages that were read; their bytes stand in `buffer`, in that order.

    `owner` is whose room they take, of which `credit` bytes and `replaced` messages will be given
    back. There may be `most` of them.
    """

    session: Session
    channel: Channel
    buffer: MessageBuffer
    owner: Account
    credit: int = 0
    replaced: int = 0
    most: int = MOST_MESSAGES
    messages: list[AppendMessage] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)  # offsets in the buffer
    nul: bool = False  # there is one in a message

    @asynccontextmanager
    async def contents(self) -> AsyncIterator[list[Content]]:
        """The bytes of each message, while the context lasts. Raises Refusal."""
        received = list(self._received())
        if not self.nul:
            yield received
            return
        with ExitStack() as buffers:
            contents = []
            for content in received:
                buffer = buffers.enter_context(self.session.node.ingest.buffer())
                contents.append(await _without_nul(content, buffer))
            # Encoded they are larger.
            await self._check_room(sum(map(len, contents)))
            yield contents

    def _received(self) -> Iterator[Content]:
        whole = self.buffer.content()
        if len(self.ends) == 1:
            yield whole
            return
        for start, end in zip([0, *self.ends], self.ends, strict=False):
            yield whole[start:end]

    async def read(self, messages: tuple[AppendMessage, ...]) -> None:
        """Read `messages` and what follows them. Raises Refusal and ParseError."""
        event = await self._read_rest(Rest((), 0, messages))
        while event is not None:
            line, size = (
                (event.line, event.size)
                if isinstance(event, LiteralRequested)
                else (event.text.rpartition(b"\n")[2], None)
            )
            rest = parse_rest(line, size, self.messages[-1])
            self.messages[-1].unclosed = rest.unclosed
            event = await self._read_rest(rest)
        self._end_message()

    async def _read_rest(self, rest: Rest) -> Frame | LiteralRequested | None:
        """Gives what follows the literal that the rest ends in, or None if it ends in none."""
        event = None
        for part in rest.parts:
            event = await self._read_part(part)
        for message in rest.messages:
            self._begin_message(message)
            for part in message.parts:
                event = await self._read_part(part)
        return event

    def _begin_message(self, message: AppendMessage) -> None:
        """What can be seen of the message's announcement alone."""
        self._end_message()
        if internal_date(message) is None:
            raise Refusal(Answer.bad("The date is out of range"))
        if len(self.messages) == message_limit.limit(self.session) > 0:
            raise Refusal(message_limit.refused(self.session))
        if len(self.messages) == self.most:
            raise Refusal(_too_many(self.most))
        self.messages.append(message)

    def _end_message(self) -> None:
        """The message before is whole, if there is one."""
        if len(self.ends) < len(self.messages):
            if self._message_size == 0:
                raise Refusal(_empty())
            self.ends.append(self.buffer.size)

    @property
    def _message_size(self) -> int:
        """Bytes of the message that is read."""
        return self.buffer.size - (self.ends[-1] if self.ends else 0)

    async def _read_part(self, part: Part) -> Frame | LiteralRequested | None:
        """Gives what follows the part, if it is a literal that is still to come."""
        if isinstance(part, Text):
            return await self._read_text(part)
        return await self._read_url(part)

    async def _read_text(self, text: Text) -> Frame | LiteralRequested | None:
        if text.utf8 and not self.session.utf8_accept:
            raise Refusal(Answer.bad("ENABLE UTF8=ACCEPT first"))  # RFC 6855 §4
        if text.size == 0 and not self.messages[-1].catenated:
            raise Refusal(_empty())
        await self._check_size(text.size)
        # RFC 3501 §9: CHAR8 = %x01-ff; RFC 3516 §4.4: but for a literal8.
        return await self._receive(text.content, self._write, may_hold_nul=text.binary)

    async def _read_url(self, url: Url) -> Frame | LiteralRequested | None:
        if size_of(url.content) > _LONGEST_URL:
            raise Refusal(Answer.no("The URL is too long", responses.LIMIT))
        name = bytearray()
        event = await self._receive(url.content, name.extend, may_hold_nul=False)
        try:
            size, pieces = await referred(self.session, bytes(name))
            await self._check_size(size)
            async for piece in pieces:
                self._write(piece)
        except BadUrl as error:
            # RFC 4469 §4.1: the URL at fault is named.
            raise Refusal(Answer.no(f"Bad URL: {error}", badurl_code(bytes(name)))) from None
        return event

    def _write(self, piece: bytes) -> None:
        self.nul = self.nul or b"\0" in piece
        self.buffer.write(piece)

    async def _receive(
        self, content: bytes | Streamed, write: Callable[[bytes], None], *, may_hold_nul: bool
    ) -> Frame | LiteralRequested | None:
        sink = _Sink(write)
        following = None
        if isinstance(content, Streamed):
            following = await self.channel.receive(sink.write)
        else:
            sink.write(content)
        if isinstance(following, Answer):
            raise Refusal(following)
        if sink.nul and not may_hold_nul:
            raise Refusal(Answer.bad("NUL needs a literal8"))
        return following

    async def _check_size(self, size: int) -> None:
        """Whether `size` bytes more can be taken with those that were read."""
        most = self.session.node.settings.imap.max_literal
        if self._message_size + size > most:
            # RFC 4469 §4.2: each part is small enough, the message is not.
            raise Refusal(Answer.no("The message is too large", responses.TOOBIG))
        total = self.buffer.size + size
        await self._check_room(total)
        if total > most:
            # Each would do alone (RFC 7889); together they are one commit, which is bounded.
            raise Refusal(Answer.no("Too much for one APPEND", responses.LIMIT))

    async def _check_room(self, total: int) -> None:
        room, count = max(0, total - self.credit), len(self.messages) - self.replaced
        if full := await refused_for_room(self.session, self.owner, room, count):
            raise Refusal(full)


class _Sink:
    """Hands pieces on and remembers whether one held a NUL."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self.nul = False

    def write(self, piece: bytes) -> None:
        self.nul = self.nul or b"\0" in piece
        self._write(piece)


async def _without_nul(content: Content, buffer: MessageBuffer) -> Content:
    try:
        return await encoded(content, buffer)
    except Unencodable as error:
        # RFC 3516 §4.4: binary content that cannot be kept as such is refused.
        text = f"NUL {error} cannot be stored"
        raise Refusal(Answer.no(text, responses.UNKNOWN_CTE)) from None


def internal_date(message: AppendMessage) -> datetime | None:
    """When the message came; None if that time does not exist in UTC."""
    try:
        return (message.internal_date or datetime.now(UTC)).astimezone(UTC)
    except OverflowError:
        return None


def _too_many(most: int) -> Answer:
    if most == 1:
        # RFC 8508 §4.7: REPLACE has nothing of MULTIAPPEND.
        return Answer.bad("Only one message may replace another")
    return Answer.no("Too many messages in one APPEND", responses.LIMIT)


def _empty() -> Answer:
    # RFC 3502 §6.3.11: this is also how a client cancels the messages before it.
    return Answer.no("An empty message cannot be stored", responses.CANNOT)
