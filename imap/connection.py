"""The asyncio side of a session: input, output, deadlines, TLS, the end; no command is known here.

Invariants: one reader, one command at a time. A task lives only while a command runs. While one
runs, input is kept, and beyond `BACKLOG` bytes reading is paused; while none runs, the framer
bounds what is kept by itself. A client that does not read is waited for, then cut off. Each wait
for the client has a deadline. What stands behind STARTTLS in the same input is thrown away (RFC
3501 §6.2.1).
"""

import asyncio
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, cast

from imap.compressing import Compressing
from imap.protocol import responses
from imap.protocol.compression import CompressionError
from imap.protocol.events import Event, Limits
from imap.protocol.framer import Framer
from imap.protocol.responses import Condition
from imap.session import Disconnected, Services
from mailserver import metrics
from mailserver.accepting import start_tls
from mailserver.logs import logger
from mailserver.mail.networks import address_of

BACKLOG = 64 * 1024  # bytes kept while a command runs; the transport may add one read of its own
AT_ONCE = 64 * 1024  # bytes of output put together before they are handed to the transport
TURN = 50  # commands executed before other sessions get their turn
LINGER = 5.0  # seconds the client has to fetch the last line

log = logger("imap")


@dataclass(slots=True, eq=False)
class Doorway:
    """What the sessions of one door share."""

    services: Services
    name: str  # imap or imaps, in metrics and logs
    tls: Callable[[], ssl.SSLContext]  # the context of a new handshake
    implicit_tls: bool
    before_login: Limits
    after_login: Limits
    connections: "set[Connection]" = field(default_factory=set)
    leaving: set[asyncio.Task[None]] = field(default_factory=set)  # what is left to do for the gone

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Finish `work` although its connection is gone; `drain` waits for it."""
        task = asyncio.get_running_loop().create_task(work)
        self.leaving.add(task)
        task.add_done_callback(self.leaving.discard)


class Connection(asyncio.Protocol, ABC):
    """What all connections have; `Conversation` adds the commands."""

    __slots__ = (
        "_compressing",
        "_deadline",
        "_draining",
        "_ended",
        "_eof",
        "_input",
        "_loop",
        "_output",
        "_output_size",
        "_reading_paused",
        "_task",
        "_writable",
        "doorway",
        "framer",
        "peer",
        "transport",
    )

    def __init__(self, doorway: Doorway, address: str = "") -> None:
        """`address` is the client's; "": it is at the other end of the socket."""
        self.doorway = doorway
        self.framer = Framer(doorway.before_login)
        self.transport: asyncio.Transport | None = None
        self.peer = address
        self._loop = asyncio.get_running_loop()
        self._output: list[bytes] = []
        self._output_size = 0
        self._task: asyncio.Task[None] | None = None
        self._input: asyncio.Future[None] | None = None  # a command waits for input
        self._writable: asyncio.Future[None] | None = None  # the client does not read
        self._compressing: Compressing | None = None
        self._deadline = 0.0
        self._ended = False  # the last line was said
        self._eof = False
        self._draining = False
        self._reading_paused = False

    # ── what Conversation says ───────────────────────────────────────────────────────────────

    @abstractmethod
    def greet(self) -> None:
        """Say the first line."""

    @abstractmethod
    async def serve(self, event: Event) -> None:
        """Take one event of the framer, to its end."""

    @property
    @abstractmethod
    def secure(self) -> bool:
        """TLS is on."""

    @property
    @abstractmethod
    def patience(self) -> float:
        """Seconds the client may be silent from now on; 0: the deadline stays where it is."""

    @abstractmethod
    def quiet(self) -> None:
        """No command runs (any more), and the client reads (again)."""

    @abstractmethod
    async def leave(self) -> None:
        """The connection is gone and no command runs any more."""

    # ── asyncio.Protocol ─────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.peer = self.peer or address_of(transport.get_extra_info("peername")) or "local"
        settings = self.doorway.services.node.settings.imap
        services = self.doorway.services
        services.sessions += 1
        self.doorway.connections.add(self)
        metrics.IMAP_SESSIONS.labels(self.doorway.name).inc()
        self.expect(settings.login_timeout)
        if services.sessions > settings.max_sessions:
            log.warning("too many sessions", peer=self.peer, door=self.doorway.name)
            self.bye("Too many connections, try again later", responses.UNAVAILABLE)
        else:
            self.greet()

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        (self.framer if self._compressing is None else self._compressing).feed(data)
        if self._input is not None:
            if not self._input.done():
                self._input.set_result(None)
        elif self._task is None:
            self._proceed()
        if self._task is not None and self._backlog > BACKLOG:
            self._pause_reading()

    def eof_received(self) -> bool:
        self._eof = True
        if self._task is None or self._input is not None:
            self._hang_up()
        # True keeps the way back open for the answer to what runs; TLS has none.
        return not self.secure and not self._ended

    def connection_lost(self, error: Exception | None) -> None:
        if self not in self.doorway.connections:
            return
        self.doorway.connections.discard(self)
        self.doorway.services.sessions -= 1
        metrics.IMAP_SESSIONS.labels(self.doorway.name).dec()
        self._ended = True
        self.transport = None
        self._release_writers()
        if self._task is not None:
            self._task.cancel()
        self.doorway.spawn(self._leave(self._task))

    def pause_writing(self) -> None:
        if self._writable is None:
            self._writable = self._loop.create_future()
        if self._task is None:
            self.expect(self.doorway.services.node.settings.imap.write_timeout)

    def resume_writing(self) -> None:
        self._release_writers()
        if self._task is None and not self._ended:
            self.expect(self.patience)
            self.quiet()

    # ── executing ────────────────────────────────────────────────────────────────────────────

    def _proceed(self) -> None:
        """Start on what has come, if that is something whole, or compressed."""
        event = self.framer.next()
        if event is not None or self._compressing is not None:
            self._task = self._loop.create_task(self._work(event))

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Do `work`, which no client asked for, as if it were a command; none runs now.

        It says nothing of the client: its deadline stays.
        """
        self._task = self._loop.create_task(self._work(None, work))

    async def _work(
        self, first: Event | None, unasked: Coroutine[Any, Any, None] | None = None
    ) -> None:
        served = 0
        try:
            if unasked is not None:
                await unasked
                await self._flushed()
            event = first or await self._next()
            while event is not None and not self._ended:
                await self.serve(event)
                await self._flushed()
                self.expect(self.patience)
                served += 1
                if served % TURN == 0:
                    await asyncio.sleep(0)
                event = None if self._draining else await self._next()
        except Disconnected:
            if not self._ended:
                self.abort()
        except Exception as error:  # the outermost loop of a connection
            log.error("session failed", peer=self.peer, exc_info=error)
            self.bye("Internal error, it was logged", responses.SERVERBUG)
        finally:
            self._task = None
        self._settle()

    def _settle(self) -> None:
        """Nothing runs: read on, or leave."""
        if self._ended:
            return
        if self._draining:
            self.bye("Server is shutting down")
        elif self._eof:
            self._hang_up()
        else:
            self._resume_reading()
            self.quiet()

    @property
    def running(self) -> bool:
        """A command runs."""
        return self._task is not None

    async def next_event(self) -> Event:
        """The next event, for a command that runs and waits for its client."""
        while (event := await self._next()) is None:
            self.flush()
            self._resume_reading()
            self._input = self._loop.create_future()
            try:
                await self._input
            finally:
                self._input = None
        return event

    async def _next(self) -> Event | None:
        """The next event of what has come. Raises Disconnected."""
        event = self.framer.next()
        if event is None and self._compressing is not None:
            try:
                event = await self._compressing.next()
            except CompressionError as error:
                log.info("cannot inflate", peer=self.peer, cause=str(error))
                self.bye("Cannot inflate")
                raise Disconnected from error
        return event

    @property
    def _backlog(self) -> int:
        """Bytes that came and were not looked at."""
        waiting = 0 if self._compressing is None else self._compressing.waiting
        return self.framer.buffered + waiting

    async def _leave(self, task: asyncio.Task[None] | None) -> None:
        if task is not None:
            await asyncio.wait([task])
        await self.leave()

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    async def write(self, data: bytes) -> None:
        """Write, together with what comes next; waits while the client does not read.

        Raises Disconnected.
        """
        self._output.append(data)
        self._output_size += len(data)
        if self._output_size >= AT_ONCE:
            await self._flushed()

    @property
    def ssl_object(self) -> ssl.SSLObject | None:
        """The TLS of the connection."""
        if self.transport is None:
            return None
        found: ssl.SSLObject | None = self.transport.get_extra_info("ssl_object")
        return found

    @property
    def writable(self) -> bool:
        """The client reads what it is told, and may be told more."""
        return self._writable is None and not self._ended

    def say(self, line: bytes) -> None:
        """Write without waiting: for the last line of a command, or when no command runs."""
        self._output.append(line)
        self._output_size += len(line)

    def flush(self) -> None:
        """Hand the output to the transport."""
        if self._output and self.transport is not None and not self.transport.is_closing():
            whole = b"".join(self._output) if len(self._output) > 1 else self._output[0]
            if self._compressing is not None:
                whole = self._compressing.deflate(whole)
            self.transport.write(whole)
        self._output.clear()
        self._output_size = 0

    async def _flushed(self) -> None:
        if self._compressing is not None and self._output_size > AT_ONCE:
            await self._flush_by_turns()
        self.flush()
        while self._writable is not None and not self._ended:
            await self._wait_writable(self._writable)
        if self.transport is None:
            raise Disconnected

    async def _flush_by_turns(self) -> None:
        """Compressing takes a while: others have their turn between pieces."""
        whole = b"".join(self._output)
        for start in range(0, len(whole), AT_ONCE):
            piece = whole[start : start + AT_ONCE]
            self._output, self._output_size = [piece], len(piece)
            self.flush()
            await asyncio.sleep(0)

    async def _wait_writable(self, writable: asyncio.Future[None]) -> None:
        timeout = self.doorway.services.node.settings.imap.write_timeout
        transport = cast(asyncio.Transport, self.transport)
        left = transport.get_write_buffer_size()
        done, _ = await asyncio.wait([writable], timeout=timeout)
        if not done and transport.get_write_buffer_size() >= left:
            log.info("client does not read", peer=self.peer, unread=left)
            raise Disconnected

    def _release_writers(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    # ── the end ──────────────────────────────────────────────────────────────────────────────

    def bye(self, text: str, code: bytes | None = None) -> None:
        """Say BYE and close (RFC 3501 §7.1.5)."""
        if not self._ended:
            self.say(responses.untagged(Condition.BYE, text, code))
            self._hang_up()

    def _hang_up(self) -> None:
        """Close once the last line is on its way."""
        self.flush()
        transport = self.transport
        if self._ended or transport is None or transport.is_closing():
            self._ended = True
            return
        self._ended = True
        self.expect(LINGER)
        if self._eof or self.secure or not transport.can_write_eof():
            transport.close()
            return
        # Closing with input unread would reset the connection, and the last line may go unread:
        # half of it is closed, and what still comes is thrown away for a while.
        self._resume_reading()
        transport.write_eof()

    def close(self) -> None:
        """Close; the client was told."""
        self._hang_up()

    def abort(self) -> None:
        """Leave now."""
        self._ended = True
        if self.transport is not None:
            self.transport.abort()

    def drain(self) -> None:
        """Leave after the running command, or at once."""
        self._draining = True
        if self._task is None:
            self._settle()

    # ── deadlines ────────────────────────────────────────────────────────────────────────────

    def expect(self, seconds: float) -> None:
        """From now on the client has this long; 0 changes nothing."""
        if seconds:
            self._deadline = self._loop.time() + seconds

    def check(self, now: float) -> None:
        """Look at the deadline; the door does it for all connections, so that none has a timer."""
        if now < self._deadline:
            return
        if self._task is not None and self._input is None and not self._ended:
            return  # not the client is waited for, or `write` does it with a deadline of its own
        if self._ended or self._writable is not None:
            self.abort()  # it does not even read
            return
        log.info("timed out", peer=self.peer, door=self.doorway.name)
        if self._task is not None:
            self._task.cancel()
        self.bye("Autologout, idle for too long")

    # ── reading, compression, TLS ────────────────────────────────────────────────────────────

    def _pause_reading(self) -> None:
        if not self._reading_paused and self.transport is not None:
            self._reading_paused = True
            self.transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._reading_paused and self.transport is not None:
            self._reading_paused = False
            self.transport.resume_reading()

    async def start_compression(self) -> None:
        """Take the answer to COMPRESS to the client; all that follows is compressed."""
        await self._flushed()
        self._compressing = Compressing(self.framer)

    async def end_compression(self) -> None:
        """Take what was said to the client; all that follows is plain."""
        await self._flushed()
        self._compressing = None

    async def start_tls(self) -> None:
        """Take the answer to STARTTLS to the client, and make the handshake."""
        raw = cast(asyncio.Transport, self.transport)
        self._pause_reading()
        # RFC 3501 §6.2.1: what was sent behind STARTTLS in plain text was sent by anybody.
        self.framer.take_buffered()
        await self._flushed()
        self._reading_paused = False  # start_tls reads on
        try:
            self.transport = await start_tls(
                raw,
                self,
                self.doorway.tls(),
                door=self.doorway.name,
                client=self.peer,
                timeout=self.doorway.services.node.settings.tls.handshake_timeout,
            )
        except OSError:
            raw.abort()
            self.connection_lost(None)
            raise Disconnected from None
