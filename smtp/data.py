"""The framer of DATA (RFC 5321 §4.1.1.4): bytes from the wire in, bytes of the message out.

Invariants: only CR LF . CR LF ends the message, at any split of packets; a bare CR or a bare LF is
never taken for a line end nor made one, it sets `bare`, and what follows is read up to the real
end: so one DATA is one message or one refusal, and no command hides in it. What is held back
between two calls is at most four bytes.

Every octet but those is taken as it comes: NUL and other controls, which RFC 5321 §4.1.1.4 lets be
among "any of the 128 ASCII character codes", 8-bit octets (RFC 6152), and lines of any length.
"""

_DOT_LINE = b"\r\n."
_LINE_END = b"\r\n"


class DataFramer:
    """One message. `size` counts octets of content, dot-unstuffed, so far."""

    __slots__ = ("_at_start", "_held", "bare", "eight_bit", "size")

    def __init__(self) -> None:
        # The message begins at the beginning of a line: as if a line end had just been read.
        self._held = _LINE_END
        self._at_start = True
        self.size = 0
        self.bare = False  # a bare CR or LF was met
        self.eight_bit = False  # an octet above 127 was met

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        """Content found in `data`, and what follows the end of the message (None: no end yet)."""
        buffer = self._held + data if self._held else data
        pieces: list[bytes] = []
        rest: bytes | None = None
        start = 0
        dot = buffer.find(_DOT_LINE)
        while dot >= 0:
            after = buffer[dot + 3 : dot + 5]
            if after == _LINE_END:
                rest = buffer[dot + 5 :]
                break
            if after in (b"", b"\r"):
                break  # undecided: held
            # RFC 5321 §4.5.2: the first dot of a line is removed.
            pieces.append(buffer[start : dot + 2])
            start = dot + 3
            dot = buffer.find(_DOT_LINE, start)
        if rest is not None:
            end, self._held = dot + 2, b""
        else:
            end = dot if dot >= 0 else len(buffer) - _undecided(buffer)
            self._held = buffer[end:]
        content = buffer[start:end]
        if pieces:
            pieces.append(content)
            content = b"".join(pieces)
        return self._count(content), rest

    def _count(self, content: bytes) -> bytes:
        # `content` never ends within CR LF: so the three counts differ if and only if one is bare.
        ends = content.count(_LINE_END)
        if content.count(b"\n") != ends or content.count(b"\r") != ends:
            self.bare = True
        if not content.isascii():
            self.eight_bit = True
        if self._at_start and content:
            self._at_start = False
            content = content[2:]
        self.size += len(content)
        return content


def _undecided(buffer: bytes) -> int:
    """How many octets at the end may belong to CR LF . that is not yet whole."""
    if buffer.endswith(_LINE_END):
        return 2
    return 1 if buffer.endswith(b"\r") else 0
