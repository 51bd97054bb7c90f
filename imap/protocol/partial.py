"""A window (RFC 9394, RFC 5267 §4.4) of the result of SEARCH and SORT, and of FETCH's messages."""

from dataclasses import dataclass

from imap.protocol.tokens import Cursor

_MOST = (1 << 32) - 1  # nz-number


@dataclass(slots=True)
class Partial:
    """The places of a window as the client wrote them: from 1 on, or from -1 backwards."""

    first: int
    last: int

    def window(self, count: int) -> tuple[int, int]:
        """The places [start, end) of a result of `count` messages."""
        low, high = sorted((self.first, self.last))
        if high < 0:
            # RFC 9394 §3.1: -1 is the last of the result.
            return max(0, count + low), max(0, count + high + 1)
        return min(count, low - 1), min(count, high)

    def encode(self) -> bytes:
        return b"%d:%d" % (self.first, self.last)


# partial-range = nz-number ":" nz-number / MINUS nz-number ":" MINUS nz-number
def parse_partial(cursor: Cursor) -> Partial:
    start = cursor.position
    first = _parse_end(cursor)
    cursor.expect(b":")
    last = _parse_end(cursor)
    if (first < 0) is not (last < 0):
        raise cursor.fail("a window counts from one end", start)
    return Partial(first, last)


def _parse_end(cursor: Cursor) -> int:
    start = cursor.position
    backwards = cursor.take(b"-")
    number = cursor.number64()
    if not 0 < number <= _MOST:
        raise cursor.fail("expected a number of 32 bits above 0", start)
    return -number if backwards else number
