"""One client's conversation: events of the framer become requests, and requests get answers.

Invariants: what a client sends gets one answer, whatever it is; an untagged BAD where there is no
tag (RFC 3501 §7.1.3). After a few lines in a row that are no commands the conversation ends: it is
no mail client. Passwords and literals are never logged.
"""

from collections.abc import Callable

from imap.commands import context, idle, notify
from imap.commands.session import known_capabilities
from imap.connection import Connection, Doorway
from imap.dispatch import count, execute, lost_mailbox, refused_in_state, tell
from imap.protocol import responses
from imap.protocol.command import Request, parse_command
from imap.protocol.errors import ParseError
from imap.protocol.events import (
    Event,
    Frame,
    Line,
    LiteralChunk,
    LiteralRequested,
    LiteralTooLarge,
    Overlong,
)
from imap.protocol.responses import Condition
from imap.protocol.session import Idle, is_done
from imap.session import After, Answer, Session
from mailserver.errors import StorageUnavailable
from mailserver.logs import logger

MOST_BAD = 20  # in a row, of a client that is logged in
MOST_BAD_BEFORE = 10  # before

_WEB = (b"GET ", b"POST ", b"PUT ", b"HEAD ", b"OPTIONS ", b"CONNECT ", b"DELETE ", b"PATCH ")
# A PROXY header, of which version 2 has a line with NUL only.
_PROXY, _PROXY_2 = (b"PROXY TCP", b"PROXY UNKNOWN"), b"\0"

log = logger("imap")


class Conversation(Connection):
    """A connection that talks IMAP."""

    __slots__ = ("_asked", "_bad", "_dropping", "_fatal", "_idling", "_stop_watch", "session")

    def __init__(self, doorway: Doorway, address: str = "") -> None:
        super().__init__(doorway, address)
        self.session = self._stranger(secure=doorway.implicit_tls)
        self._bad = 0
        self._asked: LiteralRequested | None = None  # a message, neither taken nor refused yet
        self._dropping = False  # in a message whose command has failed and was answered
        self._fatal = False  # a literal comes that is too large to be read off
        self._idling: Request | None = None
        self._stop_watch: Callable[[], None] | None = None

    def _stranger(self, *, secure: bool) -> Session:
        """A session of somebody unknown."""
        door = self.doorway
        session = Session(door.services, self.write, self.peer, door=door.name, secure=secure)
        session.flush, session.wake = self.flush, self._wake
        return session

    # ── what Connection asks ─────────────────────────────────────────────────────────────────

    def greet(self) -> None:
        session = self.session
        session.peer = self.peer
        code = responses.capability_code(known_capabilities(session))
        host = session.node.settings.hostname
        self.say(responses.untagged(Condition.OK, f"{host} ready", code))
        self.flush()

    def data_received(self, data: bytes) -> None:
        # RFC 8446 §5.1: a handshake record; it need not hold a line end.
        if data.startswith(b"\x16\x03") and not self.secure and self.framer.between_commands:
            self.bye("TLS begins with STARTTLS here")
        super().data_received(data)

    @property
    def secure(self) -> bool:
        return self.session.secure

    @property
    def patience(self) -> float:
        # All of a login must happen in its time, however busy the client is.
        if self.session.account is None:
            return 0.0
        return self.session.node.settings.imap.idle_timeout

    async def leave(self) -> None:
        self._end_idle()
        self.session.end()
        try:
            await self.session.unselect()
        except StorageUnavailable as error:
            log.warning("storage is away", cause=str(error))

    def check(self, now: float) -> None:
        super().check(now)
        selected = self.session.selected
        if selected is None or self.running or not selected.opened.state.overfull:
            return
        if selected.view.position <= selected.opened.state.base:
            # All that changed meanwhile is kept for it alone.
            log.info("session is too far behind", peer=self.peer)
            self.bye("Too much has changed, select the mailbox again")

    async def serve(self, event: Event) -> None:
        if self._dropping:
            self._drop(event)
        elif self._idling is not None:
            done = isinstance(event, Line) and is_done(event.data)
            answer = Answer.ok("IDLE completed") if done else Answer.bad("Expected DONE")
            await self._end(self._idling, answer)
        elif isinstance(event, Frame):
            await self._frame(event)
        elif isinstance(event, LiteralRequested):
            await self._literal(event)
        elif isinstance(event, Overlong):
            self._unparsed(event.tag, Answer.bad("Line is too long"))
        elif isinstance(event, LiteralTooLarge):
            self._too_large(event)

    def _drop(self, event: Event) -> None:
        """What is left of a command that was answered while its message came."""
        if isinstance(event, LiteralChunk):
            return
        self._dropping = False
        if isinstance(event, LiteralRequested):
            self._asked = event
        elif isinstance(event, LiteralTooLarge):
            self._fatal = event.fatal
        self._drop_literal()

    # ── commands ─────────────────────────────────────────────────────────────────────────────

    async def _frame(self, frame: Frame) -> None:
        if self.session.account is None and self._foreign(frame.text):
            return
        try:
            request = parse_command(frame, utf8=self.session.utf8)
        except ParseError as error:
            self._unparsed(error.tag, Answer.bad(error.text))
            return
        await self._request(request)

    def _foreign(self, line: bytes) -> bool:
        """End a conversation that is not IMAP, before more of it is taken for commands."""
        if line.startswith(_WEB) and b" HTTP/" in line:
            self.bye("This is no web server")
            return True
        if line.startswith(_PROXY) or line == _PROXY_2:
            self.bye("A PROXY header is not believed from your address")
            return True
        return False

    async def _request(self, request: Request) -> None:
        if isinstance(request.command, Idle):
            self._begin_idle(request)
            return
        answer = await execute(self.session, request, self)
        if self.session.account is not None:
            self.framer.limits = self.doorway.after_login
        self._answer(request.tag, answer)
        self._drop_literal()
        if self.session.notifier is not None:
            self._attend()
        if lost_mailbox(self.session):
            self.bye("The selected mailbox is gone")
        elif answer.after is After.CLOSE:
            self.close()
        elif answer.after is After.START_TLS:
            await self.start_tls()
            self.session.secure = True
        elif answer.after is After.COMPRESS:
            await self.start_compression()
            self.session.compressed = True
        elif answer.after is After.UNAUTHENTICATE:
            await self._unauthenticate()

    async def _unauthenticate(self) -> None:
        """RFC 8437 §4: nothing of the user is left in the session that begins, nor compression."""
        await self.end_compression()
        self.session.end()
        failed = self.session.failed_logins
        self.session = self._stranger(secure=self.session.secure)
        self.session.failed_logins = failed
        self.framer.limits = self.doorway.before_login
        self.expect(self.session.node.settings.imap.login_timeout)

    def _unparsed(self, tag: bytes | None, answer: Answer) -> None:
        """The answer to what never became a command."""
        count("other", answer)
        self._answer(tag, answer)

    def _answer(self, tag: bytes | None, answer: Answer) -> None:
        """The tagged line, and the end for who sends nothing but nonsense."""
        self.say(responses.tagged(tag or b"*", answer.condition, answer.text, answer.code))
        if answer.condition is not Condition.BAD:
            self._bad = 0
            return
        self._bad += 1
        if self._bad >= (MOST_BAD_BEFORE if self.session.account is None else MOST_BAD):
            log.info("too many errors", peer=self.peer, door=self.doorway.name)
            self.bye("Too many errors")

    # ── literals ─────────────────────────────────────────────────────────────────────────────

    async def _literal(self, asked: LiteralRequested) -> None:
        """RFC 7888 §4: a client that announces `{n+}` does not wait to be asked."""
        if not asked.message:
            if not asked.non_sync:
                self.say(responses.continuation("Ready for literal data"))
            self.framer.accept()
            return
        self._asked = asked
        try:
            request = parse_command(self.framer.command_so_far(), utf8=self.session.utf8)
        except ParseError as error:
            self._unparsed(error.tag, Answer.bad(error.text))
            self._drop_literal()
            return
        await self._request(request)

    async def receive(self, write: Callable[[bytes], None]) -> Frame | LiteralRequested | Answer:
        """The announced literal of a message (Channel)."""
        asked, self._asked = self._asked, None
        assert asked is not None
        if not asked.non_sync:
            self.say(responses.continuation("Ready for the message"))
        self.framer.accept(sink=True)
        self._dropping = True  # what comes is nobody's if this is interrupted
        while True:
            self.expect(self.session.node.settings.imap.literal_timeout)
            event = await self.next_event()
            if not isinstance(event, LiteralChunk):
                self._dropping = False
                return self._completed(event)
            write(event.data)

    def _completed(self, event: Event) -> Frame | LiteralRequested | Answer:
        """What follows the literal."""
        if isinstance(event, Frame):
            return event
        if isinstance(event, LiteralRequested):
            self._asked = event
            return event
        if isinstance(event, LiteralTooLarge):
            self._fatal = event.fatal
            return self._refused(event)
        return Answer.bad("Line is too long")

    def _drop_literal(self) -> None:
        """A literal that no command took, now that the command is answered."""
        asked, self._asked = self._asked, None
        if asked is not None and not self.framer.refuse():
            self._fatal = True
        if self._fatal:
            self.bye("Literal is too large to be read off")

    def _too_large(self, event: LiteralTooLarge) -> None:
        """RFC 7888 §4, RFC 4469 §4.2: refused before it is read."""
        answer = self._refused(event)
        self._unparsed(event.tag, answer)
        self._fatal = event.fatal
        self._drop_literal()

    def _refused(self, event: LiteralTooLarge) -> Answer:
        most = self.framer.limits.non_sync
        if event.non_sync and most is not None and event.size > most:
            # RFC 7888 §5: LITERAL- was announced, the client has to wait to be asked.
            return Answer.bad("A literal of this size waits to be asked for")
        if self.session.account is None:
            return Answer.bad("Literal is too large before login")
        return Answer.no("Literal is too large", responses.TOOBIG)

    # ── lines that are no commands ───────────────────────────────────────────────────────────

    async def ask(self, challenge: bytes) -> bytes:
        """A challenge and its response (Channel)."""
        self.say(challenge)
        self.framer.expect_line()
        event = await self.next_event()
        if isinstance(event, Line):
            return event.data
        raise ParseError(0, "Line is too long")

    # ── IDLE ─────────────────────────────────────────────────────────────────────────────────

    def _begin_idle(self, request: Request) -> None:
        refusal = refused_in_state(self.session, request.command)
        if refusal is not None:
            count("IDLE", refusal)
            self._answer(request.tag, refusal)
            return
        self.say(responses.continuation("idling"))
        self.framer.expect_line()
        self._idling = request
        if self.session.notifier is None:
            self._stop_watch = idle.watch(self.session, self.quiet)

    def quiet(self) -> None:
        """Nothing runs and the client reads: tell an idle one what is new (RFC 2177 §3)."""
        if self.session.listens:
            self._notify()
        if self.session.notifier is not None or self.running:
            return
        if self._idling is None or not self.writable:
            return
        if idle.needs_search(self.session):
            if context.has_news(self.session):
                self.run(self._push())
            return
        news = idle.news(self.session)
        if news is None:
            self._end_idle()
            self.bye("The selected mailbox is gone")
        elif news:
            self.say(news)
            self.flush()

    async def _end(self, request: Request, answer: Answer) -> None:
        """RFC 2177 §3: DONE, or anything else, ends it."""
        self._end_idle()
        await tell(self.session, request.command)
        count("IDLE", answer)
        self._answer(request.tag, answer)
        if lost_mailbox(self.session):
            self.bye("The selected mailbox is gone")

    def _end_idle(self) -> None:
        self._idling = None
        if self._stop_watch is not None:
            self._stop_watch()
            self._stop_watch = None

    # ── NOTIFY ───────────────────────────────────────────────────────────────────────────────

    def _attend(self) -> None:
        """Hear of changes of the selected mailbox at all times (RFC 5465 §3.1)."""
        selected = self.session.selected
        if selected is not None:
            selected.opened.idle(selected.view, self._wake)
            selected.access.idle(self._wake)

    def _wake(self) -> None:
        if not self.running and self.session.listens:
            self._notify()

    def _notify(self) -> None:
        """RFC 5465 §4: what is told in IDLE is what is told without it."""
        if self.writable and notify.has_news(self.session, idling=self._idling is not None):
            self.run(self._push())

    async def _push(self) -> None:
        if not lost_mailbox(self.session):
            if self._idling is not None and self.session.notifier is None:
                await context.push(self.session)
            await notify.push(self.session, idling=self._idling is not None)
        if lost_mailbox(self.session):
            self._end_idle()
            self.bye("The selected mailbox is gone")
