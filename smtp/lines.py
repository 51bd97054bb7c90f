"""Command lines out of bytes: found at any split of packets, bounded before anything is parsed.

Invariant: only CR LF ends a line. An over-long line is thrown away as it comes and told once, when
its end is seen; what is kept of an unfinished line is at most `grammar.MAX_AUTH_LINE` octets.
"""

from smtp import replies
from smtp.grammar import MAX_AUTH_LINE
from smtp.replies import Reply


class Lines:
    """The input of a session that was not executed yet."""

    __slots__ = ("_at", "_data", "_overlong")

    def __init__(self) -> None:
        self._data = b""
        self._at = 0  # what lies before is done
        self._overlong = False  # within a line whose beginning was thrown away

    def __len__(self) -> int:
        return len(self._data) - self._at

    def feed(self, data: bytes) -> None:
        """More from the wire."""
        self._data = self._data[self._at :] + data if self._at < len(self._data) else data
        self._at = 0

    def take(self, most: int | None = None) -> bytes:
        """All of the input, or `most` octets of it, as they are: the bytes of a message."""
        if most is not None and most < len(self):
            start, self._at = self._at, self._at + most
            return self._data[start : self._at]
        data = self._data[self._at :] if self._at else self._data
        self.clear()
        return data

    def clear(self) -> None:
        """Forget all of the input."""
        self._data, self._at, self._overlong = b"", 0, False

    def starts_with(self, octet: int) -> bool:
        """True when a line begins here, with this octet."""
        return self._at < len(self._data) and self._data[self._at] == octet and not self._overlong

    def next(self) -> bytes | Reply | None:
        """The next line without its CR LF; the refusal of a line that is none; None: not whole."""
        end = self._data.find(b"\n", self._at)
        if end < 0:
            if len(self) > MAX_AUTH_LINE + 1:
                # its CR may be here and its LF yet to come
                self._data = b"\r" if self._data.endswith(b"\r") else b""
                self._at, self._overlong = 0, True
            return None
        start, self._at = self._at, end + 1
        whole = self._data[start:end]
        overlong = self._overlong or len(whole) > MAX_AUTH_LINE + 1
        self._overlong = False
        if not whole.endswith(b"\r"):
            return replies.BARE_LINE_END
        return replies.LINE_TOO_LONG if overlong else whole[:-1]
