"""The asyncio side of a session: input, output, deadlines, TLS, closing; no command is known here.

Invariants: one reader, one command at a time. While something is awaited, input is kept and
nothing of it is executed; beyond `BACKLOG` octets reading is paused. A client that does not read
its replies is not read from. Each wait for the client has a deadline. What lies behind STARTTLS in
the same input is thrown away (RFC 3207 §6).
"""

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import cast

from aiosmtpd.smtp import SMTP

from mailserver import metrics
from mailserver.accepting import start_tls
from mailserver.logs import logger
from mailserver.mail.networks import address_of
from smtp import replies
from smtp.client import Client
from smtp.lines import Lines
from smtp.replies import Reply
from smtp.service import Service
from smtp.sessions import Sessions

BACKLOG = 64 * 1024  # octets kept while a command runs; the transport may add one read of its own
TURN = 200  # commands executed before other sessions get their turn
GULP = 64 * 1024  # octets received at once after which a session waits for its turn to read on
LINGER = 5.0  # seconds the client has to fetch the last reply

# asyncio's protocol works without one; its annotation does not say so.
NO_READER = cast(asyncio.StreamReader, None)

log = logger("smtp")

# Something to be awaited before the next command; not begun yet, so that a connection lost before
# that leaves no coroutine behind that was never awaited.
Work = Callable[[], Awaitable[None]]


class Connection(SMTP):
    """What all sessions have; `Session` adds the commands."""

    def __init__(self, service: Service, sessions: Sessions, address: str = "") -> None:
        """`address` is the client's; "": it is at the other end of the socket."""
        loop = asyncio.get_running_loop()
        # Not SMTP.__init__, which looks through all members of this class and of the handler each
        # time (100 µs) and makes a stream reader: the service did the first once for all sessions.
        asyncio.StreamReaderProtocol.__init__(self, NO_READER, loop=loop)
        vars(self).update(service.prototype(loop))
        self.service = service
        self.loop = loop
        self._sessions = sessions
        self._address = address
        self.lines = Lines()
        self._output: list[bytes] = []
        self._work: asyncio.Task[None] | None = None
        self._line_wanted: asyncio.Future[None] | None = None  # by a challenge of AUTH
        self._reading_paused = False
        self._blocked = False  # the client does not read what it was told
        self.storing = False  # a whole message is on its way to its mailboxes
        self._ended = False  # the last reply was said
        self._lingers = True  # and unread input may come behind it
        self._eof = False
        self._draining = False
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        limits = service.settings.smtp
        self._period = min(limits.command_timeout, limits.data_timeout)

    # ── what Session says ───────────────────────────────────────────────────────────────────

    @abstractmethod
    def execute_one(self) -> Work | bool:
        """Execute the next command, or take the next bytes of a message.

        False: the input holds no whole command. Work: to be awaited before the next.
        """

    @property
    @abstractmethod
    def in_data(self) -> bool:
        """True while a message is being received."""

    @abstractmethod
    def discard(self) -> None:
        """Forget the transaction."""

    # ── asyncio.Protocol ────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        address = self._address or address_of(transport.get_extra_info("peername"))
        self.client = Client(self.loop, address)
        self.session = self.client
        self.service.open_sessions.inc()
        self.expect(self.service.settings.smtp.command_timeout)
        self._tick()
        self._sessions.add(self)
        if cipher := transport.get_extra_info("cipher"):  # port 465
            self.client.start_tls(cipher[0])
        self._greet()

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        self.lines.feed(data)
        if self._work is None:
            self._proceed()
        elif self._line_wanted is not None and not self._line_wanted.done():
            self._line_wanted.set_result(None)
        if len(self.lines) > BACKLOG:
            self._pause_reading()
        elif len(data) >= GULP and not self._reading_paused and self.transport is not None:
            self._pause_reading()
            self._sessions.let_read_on(self)

    def eof_received(self) -> bool:
        self._eof = True
        if self._work is None:
            self._close()
        # True keeps the way back open for the replies to what came before; TLS has none.
        return self.client.cipher is None

    def connection_lost(self, error: Exception | None) -> None:
        if self not in self._sessions:
            return
        self._sessions.discard(self)
        self.service.open_sessions.dec()
        self._ended = True
        self.transport = None
        if self._timer is not None:
            self._timer.cancel()
        self.lines.clear()
        # A message that is being stored is stored: its writer cannot be called back.
        if self._work is not None and not self.storing:
            self._work.cancel()
        self.discard()
        asyncio.StreamReaderProtocol.connection_lost(self, error)

    def pause_writing(self) -> None:
        self._blocked = True
        super().pause_writing()

    def resume_writing(self) -> None:
        self._blocked = False
        super().resume_writing()
        if self._work is None:
            self._proceed()

    # ── executing ───────────────────────────────────────────────────────────────────────────

    def _proceed(self) -> None:
        """Execute what has come, until more is needed or something must be awaited."""
        work = self._execute()
        self._flush()
        if work is not None:
            self._start(work)
        else:
            self._settle()

    def _execute(self) -> Work | None:
        for _ in range(TURN):
            if not len(self.lines) or self._ended or self._blocked or self._leaving:
                return None
            done = self.execute_one()
            if done is False:
                return None
            if done is not True:
                return done
        return _take_turns

    def _start(self, work: Work) -> None:
        self._work = self.loop.create_task(self._carry_on(work))

    async def _carry_on(self, work: Work | None) -> None:
        try:
            while work is not None:
                await work()
                self.expect(self.service.settings.smtp.command_timeout)
                work = self._execute()
                self._flush()
        except Exception as error:  # the outermost loop of a connection
            log.error("session failed", client=self.client.address, exc_info=error)
            self.say(replies.FAILED)
            self._flush()
        finally:
            self._work = None
        self._settle()

    @property
    def _leaving(self) -> bool:
        return self._draining and not self.in_data

    def _settle(self) -> None:
        """Nothing runs: read on, or leave."""
        if self._leaving and not self._ended:
            self.say(replies.SHUTTING_DOWN)
            self._flush()
        elif self._eof:
            self._close()
        elif self._reading_paused and not self._blocked and len(self.lines) <= BACKLOG:
            self._resume_reading()

    async def read_line(self) -> bytes | Reply:
        """The client's next line, for a command that runs; a refusal if it is none."""
        self._flush()
        self.expect(self.service.settings.smtp.command_timeout)
        while (line := self.lines.next()) is None:
            self._line_wanted = self.loop.create_future()
            try:
                await self._line_wanted
            finally:
                self._line_wanted = None
        return line

    # ── writing ─────────────────────────────────────────────────────────────────────────────

    def say(self, reply: Reply) -> None:
        """Reply, with the next flush: replies to pipelined commands leave together."""
        if self._ended:
            return
        self._output.append(reply.wire)
        if reply.code >= 400:
            self._refused(reply)
        if replies.closes(reply):
            self._ended = True
            self._lingers = reply not in (replies.BYE, replies.TOO_MANY_SESSIONS)

    def _refused(self, reply: Reply) -> None:
        metrics.SMTP_REFUSALS.labels(reply.code, reply.enhanced).inc()
        self.client.errors += reply.permanent
        if self.client.errors >= self.service.settings.smtp.max_errors and not self._ended:
            log.info("too many errors", client=self.client.address)
            self._output.append(replies.TOO_MANY_ERRORS.wire)
            self._ended = True

    async def push(self, status: str | bytes) -> None:
        """A line of a reply that aiosmtpd's own coroutines give."""
        line = status.encode("ascii", "replace") if isinstance(status, str) else status
        self._output.append(line + b"\r\n")

    def _greet(self) -> None:
        if len(self._sessions) > self.service.settings.smtp.max_sessions:
            self.say(replies.TOO_MANY_SESSIONS)
        else:
            # RFC 5321 §4.2: the host's name comes first.
            self._output.append(f"220 {self.service.settings.hostname} ESMTP\r\n".encode())
        self._flush()

    def _flush(self) -> None:
        if self.transport is not None:
            if self._output:
                cast(asyncio.WriteTransport, self.transport).write(b"".join(self._output))
            if self._ended:
                self._close()
        self._output.clear()

    def _close(self) -> None:
        """Close once the last reply is on its way."""
        if self.transport is None or self.transport.is_closing():
            return
        transport = cast(asyncio.Transport, self.transport)
        self._ended = True
        if self._eof or not self._lingers or not transport.can_write_eof():
            transport.close()
            return
        # Closing with input unread would reset the connection, and the reply might go unread: half
        # of it is closed, and what still comes is thrown away for a while.
        self._resume_reading()
        transport.write_eof()
        self.expect(LINGER)
        self._tick()

    # ── deadlines ───────────────────────────────────────────────────────────────────────────

    def expect(self, seconds: float) -> None:
        """From now the client has this long."""
        self._deadline = self.loop.time() + seconds

    def _tick(self) -> None:
        """Look at the deadline; one timer runs all the time, which commands need not touch."""
        now = self.loop.time()
        if self._work is not None and self._line_wanted is None and not self._blocked:
            # Not the client is waited for: what is awaited has deadlines of its own.
            self._deadline = max(self._deadline, now + 1.0)
        if now >= self._deadline:
            self._time_out()
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_at(min(self._deadline, now + self._period), self._tick)

    def _time_out(self) -> None:
        transport = cast(asyncio.Transport, self.transport)
        if self._ended or self._blocked:
            transport.abort()  # it does not even read
            return
        log.info("timed out", client=self.client.address, in_data=self.in_data)
        self.say(replies.TIMED_OUT)
        if self._work is not None:
            self._work.cancel()
        self._flush()

    # ── reading, and TLS ────────────────────────────────────────────────────────────────────

    def _pause_reading(self) -> None:
        if not self._reading_paused and self.transport is not None:
            self._reading_paused = True
            cast(asyncio.ReadTransport, self.transport).pause_reading()

    def read_on(self) -> None:
        """It is this session's turn; while something runs, its end reads on."""
        if self._work is None and self.transport is not None:
            self._settle()

    def _resume_reading(self) -> None:
        if self._reading_paused and self.transport is not None:
            self._reading_paused = False
            cast(asyncio.ReadTransport, self.transport).resume_reading()

    def start_tls(self) -> Work:
        """Say that TLS may start; the handshake is the work to be awaited."""
        # RFC 3207 §6: what was sent behind STARTTLS in plain text was sent by anybody.
        self.lines.clear()
        self._pause_reading()
        self.say(replies.START_TLS)
        self._flush()
        return self._upgrade

    async def _upgrade(self) -> None:
        raw = cast(asyncio.Transport, self.transport)
        self._reading_paused = False  # start_tls reads on
        try:
            transport = await start_tls(
                raw,
                self,
                self.service.tls_context(),
                door=self.service.door,
                client=self.client.address,
                timeout=self.service.settings.tls.handshake_timeout,
            )
        except OSError:
            self._ended = True
            raw.abort()
            self.connection_lost(None)
            return
        self.transport = transport
        cipher: tuple[str, str, int] = transport.get_extra_info("cipher")
        self.client.start_tls(cipher[0])
        self.discard()

    # ── leaving ─────────────────────────────────────────────────────────────────────────────

    def drain(self) -> None:
        """Leave after the running command and message, or at once."""
        self._draining = True
        if self._line_wanted is not None and self._work is not None:
            self._work.cancel()  # a login that waits for its client
            self._work = None
        if self._work is None:
            self._settle()

    def abort(self) -> None:
        """Leave now."""
        if self.transport is not None:
            cast(asyncio.Transport, self.transport).abort()


async def _take_turns() -> None:
    await asyncio.sleep(0)
