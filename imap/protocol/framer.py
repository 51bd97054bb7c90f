"""Finds where an IMAP command ends, before anyone tries to understand it.

Bytes in (`feed`), events out (`next`). Invariants:

- The bytes of a literal are never looked at for line ends, tags or further literals, also when
  the literal is refused: they can not be read as a command.
- Events depend on the bytes only, not on how they were cut into pieces by the network (a streamed
  literal's chunks differ in size, not in content).
- What is kept is bounded: at most `Limits.line` of an unfinished line and `Limits.command` of a
  command; refused bytes are counted, not kept. The caller bounds what it feeds ahead (`buffered`).
- Each fault is told once, then the framer recovers at the next command by itself, or says that the
  connection has to be closed.
"""

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from imap.protocol.events import (
    Event,
    Frame,
    Limits,
    Line,
    LiteralChunk,
    LiteralRequested,
    LiteralTooLarge,
    Overlong,
    Streamed,
)

# RFC 3501 §9: literal = "{" number "}" CRLF *CHAR8. RFC 7888 §8 adds "+", RFC 3516 §7 the "~".
_SIZE = re.compile(rb"\{(\d+)(\+?)\}")
# RFC 3501 §9: tag = 1*<any ASTRING-CHAR except "+">
_TAG = re.compile(rb"([^\x00-\x20\x7f-\xff(){%*\"\\+]+) ")
# The verbs whose literal is a message (RFC 3501 §6.3.11, RFC 8508 §3) ...
_MESSAGE_VERB = re.compile(rb"[^ ]+ +(?:APPEND|(?:UID +)?REPLACE) ", re.IGNORECASE)
# ... unless the literal is the mailbox name, which comes first.
_MAILBOX_COMES = re.compile(rb"[^ ]+ +(?:APPEND|(?:UID +)?REPLACE +[^ ]+) +", re.IGNORECASE)

_MAX_DIGITS = 19
_HUGE = 1 << 64
# What a literal's objects cost besides its bytes, counted so that thousands of `{0+}` are bounded.
_LITERAL_COST = 100
# An over-long line is forgotten but for its end, where it may still announce a literal.
_TAIL = 64
# A tag longer than this is not echoed with an over-long line.
_TAG_ROOM = 256


class _Step(enum.Enum):
    """What a state answers when it has no event."""

    STARVED = enum.auto()
    AGAIN = enum.auto()


_STARVED: Final = _Step.STARVED
_AGAIN: Final = _Step.AGAIN


class _State(enum.IntEnum):
    """Where the next byte belongs; an index into `_STEPS`."""

    LINE = 0  # in a line of a command
    DECIDE = enum.auto()  # a literal was announced, the caller is to accept or refuse
    COLLECT = enum.auto()  # in a literal that goes into the frame
    SINK = enum.auto()  # in a literal that is handed on in chunks
    DRAIN = enum.auto()  # in a refused literal
    SKIP = enum.auto()  # in a line of a refused command
    RAW = enum.auto()  # in a line outside of commands
    SKIP_RAW = enum.auto()  # in an over-long one
    CLOSED = enum.auto()


@dataclass(slots=True)
class _Announcement:
    """A literal announced at the end of a line."""

    size: int
    non_sync: bool
    binary: bool
    position: int


def _announcement(line: bytes, *, cut: bool = False) -> _Announcement | None:
    """The literal announced at the end of `line`; `cut` if the line's beginning is missing."""
    if not line.endswith(b"}"):
        return None
    start = line.rfind(b"{")
    found = _SIZE.fullmatch(line, start) if start >= 0 else None
    if found is None:
        # A number so long that the brace fell off: treated as a literal, or its bytes would be
        # read as commands.
        digits = line[:-1].removesuffix(b"+")
        if cut and digits.isdigit():
            return _Announcement(_HUGE, line.endswith(b"+}"), False, 0)
        return None
    digits, plus = found.groups()
    size = int(digits) if len(digits) <= _MAX_DIGITS else _HUGE
    binary = line[start - 1 : start] == b"~"
    return _Announcement(size, bool(plus), binary, start - binary)


class Framer:
    """The framing of one connection, from its greeting to its end."""

    __slots__ = (
        "_asked",
        "_buffer",
        "_cut",
        "_drained",
        "_held",
        "_lines",
        "_literals",
        "_remaining",
        "_scanned",
        "_state",
        "limits",
    )

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._buffer = bytearray()
        self._state = _State.LINE
        self._scanned = 0
        self._lines: list[bytes] = []
        self._literals: list[bytes | Streamed] = []
        self._held = 0
        self._remaining = 0
        self._drained = 0
        self._cut = False
        self._asked: LiteralRequested | None = None

    @property
    def buffered(self) -> int:
        """Bytes fed and not yet turned into events: stop reading the socket when they grow."""
        return len(self._buffer)

    @property
    def between_commands(self) -> bool:
        """True if nothing of a command has arrived: the connection may be closed politely."""
        return self._state is _State.LINE and not self._lines and not self._buffer

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes from the network. Call `next` until it gives None."""
        if self._state is not _State.CLOSED:
            self._buffer += data

    def next(self) -> Event | None:
        """The next event, or None if more bytes (or a decision about a literal) are needed."""
        event: Event | _Step = _AGAIN
        while event is _AGAIN:
            event = _STEPS[self._state](self)
        return None if isinstance(event, _Step) else event

    def expect_line(self) -> None:
        """Give the next line as a raw `Line`: IDLE's DONE, an AUTHENTICATE response.

        Call it after the command's frame, once for each line. Literals mean nothing in it.
        """
        if self._state is not _State.LINE or self._lines:
            raise RuntimeError("a raw line can only follow a whole command")
        self._state = _State.RAW

    def expect_command(self) -> None:
        """Take back `expect_line`, as long as the line has not been given."""
        if self._state is _State.RAW:
            self._state = _State.LINE

    def take_buffered(self) -> bytes:
        """Remove and give the bytes after the last event.

        After STARTTLS they are to be thrown away (commands injected in clear text, RFC 3501
        §6.2.1); after COMPRESS (RFC 4978) they are the beginning of the compressed stream.
        """
        taken = bytes(self._buffer)
        self._buffer.clear()
        self._scanned = 0
        return taken

    def command_so_far(self) -> Frame:
        """The unfinished command while a literal is to be decided; that literal is `Streamed`.

        An APPEND parses already as if it ended here.
        """
        asked = self._announced()
        return Frame(b"".join(self._lines), (*self._literals, Streamed(asked.size)))

    def accept(self, *, sink: bool = False) -> None:
        """Take the announced literal: collected into the frame, or with `sink` as chunks."""
        asked = self._announced()
        if not (sink or asked.fits):
            raise ValueError("a literal of this size has to be streamed")
        self._asked = None
        self._remaining = asked.size
        if sink:
            self._literals.append(Streamed(asked.size))
            self._state = _State.SINK
        else:
            self._held += asked.size
            self._state = _State.COLLECT

    def refuse(self) -> bool:
        """Do not take the announced literal; the command ends without a frame.

        Gives False if the connection has to be closed, because the client sends the literal
        anyway and it is too large to be read off.
        """
        asked = self._announced()
        self._give_up(asked.size, asked.non_sync)
        return self._state is not _State.CLOSED

    def _announced(self) -> LiteralRequested:
        if self._asked is None:
            raise RuntimeError("no literal was announced")
        return self._asked

    def _read_line(self) -> Event | _Step:
        room = max(0, min(self.limits.line, self.limits.command - self._held))
        line = self._cut_line(room)
        if isinstance(line, _Step):
            return line
        if line is None:
            self._state, self._cut = _State.SKIP, False
            return Overlong(self._tag(bytes(self._buffer[: min(room, _TAG_ROOM)])), room)
        announced = _announcement(line) if line.endswith(b"}") else None
        if announced is not None:
            return self._announce(line, announced)
        if not self._lines:
            return Frame(line)
        self._lines.append(line)
        frame = Frame(b"".join(self._lines), tuple(self._literals))
        self._new_command()
        return frame

    def _cut_line(self, room: int) -> bytes | _Step | None:
        """Take a line without its end from the buffer; None if it is longer than `room`."""
        buffer = self._buffer
        end = buffer.find(b"\n", self._scanned)
        if end < 0:
            self._scanned = len(buffer)
            # One byte more may be the CR of a line that just fits.
            return None if len(buffer) > room + 1 else _STARVED
        # QUIRKS: a bare LF ends a line too, as in Dovecot: hand-typed and scripted clients.
        stop = end - 1 if end and buffer[end - 1] == 0x0D else end
        if stop > room:
            return None
        line = bytes(buffer[:stop])
        del buffer[: end + 1]
        self._scanned = 0
        return line

    def _announce(self, line: bytes, announced: _Announcement) -> Event | _Step:
        head = self._lines[0] if self._lines else line
        tag = self._tag(head)
        message = _MESSAGE_VERB.match(head) is not None and not (
            not self._lines and _MAILBOX_COMES.fullmatch(line, 0, announced.position)
        )
        self._held += len(line) + _LITERAL_COST
        fits = announced.size <= self.limits.command - self._held
        limit = self.limits.message if message else self.limits.literal
        non_sync = announced.non_sync
        if non_sync and self.limits.non_sync is not None:
            limit = min(limit, self.limits.non_sync)
        if announced.size > limit or not (fits or message):
            self._give_up(announced.size, non_sync)
            fatal = self._state is _State.CLOSED
            return LiteralTooLarge(tag, announced.size, non_sync, announced.position, fatal)
        self._lines.append(line + b"\n")
        self._state = _State.DECIDE
        self._asked = LiteralRequested(
            tag, announced.size, non_sync, announced.binary, message, fits, self._lines[-1]
        )
        return self._asked

    def _give_up(self, size: int, non_sync: bool) -> None:
        """Recover from a literal that is not taken."""
        drained = self._drained
        self._new_command()
        if not non_sync:
            # The client waits for us and will not send the rest of the command.
            return
        # RFC 7888 §4: the bytes come all the same; read them off, or close if they are too many.
        if drained + size > self.limits.drain:
            self._state = _State.CLOSED
            self._buffer.clear()
            return
        self._drained = drained + size
        self._remaining = size
        self._state = _State.DRAIN

    def _new_command(self) -> None:
        self._asked = None
        self._lines.clear()
        self._literals.clear()
        self._held = 0
        self._drained = 0
        self._state = _State.LINE

    def _collect(self) -> _Step:
        size = self._remaining
        if len(self._buffer) < size:
            return _STARVED
        self._literals.append(bytes(self._buffer[:size]))
        del self._buffer[:size]
        self._state = _State.LINE
        return _AGAIN

    def _sink(self) -> Event | _Step:
        if self._remaining and not self._buffer:
            return _STARVED
        data = bytes(self._buffer[: self._remaining])
        del self._buffer[: len(data)]
        self._remaining -= len(data)
        if not self._remaining:
            self._state = _State.LINE
        return LiteralChunk(data, self._remaining)

    def _drain(self) -> _Step:
        count = min(self._remaining, len(self._buffer))
        del self._buffer[:count]
        self._remaining -= count
        if self._remaining:
            return _STARVED
        self._state, self._cut = _State.SKIP, False
        return _AGAIN

    def _skip(self) -> Event | _Step:
        """Skip a line of a refused command; the command ends where no literal is announced."""
        if not self._skip_line():
            return _STARVED
        end = self._buffer.find(b"\n")
        start = max(0, end - _TAIL)
        tail = bytes(self._buffer[start:end]).removesuffix(b"\r")
        announced = _announcement(tail, cut=self._cut or start > 0)
        del self._buffer[: end + 1]
        if announced is None:
            self._new_command()
            return _AGAIN
        self._give_up(announced.size, announced.non_sync)
        if self._state is _State.CLOSED:
            return LiteralTooLarge(None, announced.size, True, announced.position, fatal=True)
        return _AGAIN

    def _skip_line(self) -> bool:
        """Forget an unfinished line but for its tail; True once its end is in the buffer."""
        if b"\n" in self._buffer:
            self._scanned = 0
            return True
        excess = len(self._buffer) - _TAIL
        if excess > 0:
            del self._buffer[:excess]
            self._cut = True
        return False

    def _read_raw(self) -> Event | _Step:
        line = self._cut_line(self.limits.line)
        if isinstance(line, _Step):
            return line
        if line is None:
            self._state = _State.SKIP_RAW
            return Overlong(None, self.limits.line)
        self._state = _State.LINE
        return Line(line)

    def _skip_raw(self) -> _Step:
        if not self._skip_line():
            return _STARVED
        del self._buffer[: self._buffer.find(b"\n") + 1]
        self._state = _State.LINE
        return _AGAIN

    def _tag(self, head: bytes) -> bytes | None:
        found = _TAG.match(self._lines[0] if self._lines else head)
        return found[1] if found else None

    def _wait(self) -> _Step:
        return _STARVED


_STEPS: Final[tuple[Callable[[Framer], Event | _Step], ...]] = (
    Framer._read_line,
    Framer._wait,
    Framer._collect,
    Framer._sink,
    Framer._drain,
    Framer._skip,
    Framer._read_raw,
    Framer._skip_raw,
    Framer._wait,
)
