"""What the framer is told (`Limits`) and what it tells (`Event`)."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Limits:
    """What a client may make us hold, in bytes. The framer reads them afresh for each decision."""

    line: int = 65536
    """A line without its line end; lines of one command are counted apart."""
    literal: int = 65536
    """A literal that is a string."""
    message: int = 0
    """A literal that is a message (APPEND, REPLACE): 0 while no mail may be appended."""
    command: int = 1 << 20
    """Lines and collected literals of one command together; a literal counts 100 bytes more."""
    drain: int = 1 << 20
    """How much of refused non-synchronising literals is read off per command before closing."""
    non_sync: int | None = None
    """Largest `{n+}` literal: None for LITERAL+, 4096 for LITERAL- (RFC 7888 §5)."""

    @classmethod
    def before_login(cls) -> "Limits":
        """Small limits for strangers: room for a LOGIN or AUTHENTICATE, not for more."""
        return cls(line=16384, literal=8192, message=0, command=32768, drain=65536)


@dataclass(slots=True)
class Streamed:
    """Stands in a frame for a literal of `size` bytes that was not collected, or is yet to come."""

    size: int


@dataclass(slots=True, repr=False)
class Frame:
    """One whole command, not understood yet.

    `text` is the command's lines without literals: each literal is left as its announcement
    (`{5}`) and a line feed, which stands nowhere else. `literals` has their contents in order.
    """

    text: bytes
    literals: tuple[bytes | Streamed, ...] = ()

    def __repr__(self) -> str:
        # Frames hold passwords: a log must be able to print one.
        return f"Frame({len(self.text)} bytes, {len(self.literals)} literals)"


@dataclass(slots=True)
class Line:
    """A raw line that was asked for by `expect_line`, without its line end."""

    data: bytes = field(repr=False)


@dataclass(slots=True)
class LiteralRequested:
    """The client wants to send a literal: call `Framer.accept` or `Framer.refuse`.

    If `non_sync` is False the client waits: send `+ ` after accepting, or a tagged NO after
    refusing. If it is True the bytes are on their way, no `+ ` is sent.
    """

    tag: bytes | None
    size: int
    non_sync: bool
    binary: bool
    """literal8 (`~{n}`, RFC 3516 §4.4): may hold NUL."""
    message: bool
    """The literal is a message, not a string: stream it."""
    fits: bool
    """Collecting it keeps the command within `Limits.command`; else only a sink may take it."""
    line: bytes = field(repr=False)
    """The command's line that ends in the announcement, from the last literal on."""


@dataclass(slots=True)
class LiteralChunk:
    """Bytes of a literal accepted with `sink=True`; the last one has `remaining` 0."""

    data: bytes = field(repr=False)
    remaining: int


@dataclass(slots=True)
class Overlong:
    """A line, or the whole command, is longer than allowed; it is skipped to its end."""

    tag: bytes | None
    position: int
    """Offset in the line of the first byte too many."""


@dataclass(slots=True)
class LiteralTooLarge:
    """A literal over its limit was refused. If `fatal`, say BYE and close: no more events come."""

    tag: bytes | None
    size: int
    non_sync: bool
    position: int
    """Offset in the line of the announcement."""
    fatal: bool


Event = Frame | Line | LiteralRequested | LiteralChunk | Overlong | LiteralTooLarge
