"""RETURN (…) of SEARCH and SORT (RFC 4731, 5182, 5267, 9394) and the data of its ESEARCH response.

Numbers come in the order of the result: SEARCH ascends, SORT sorts.
"""

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from imap.protocol.partial import Partial, parse_partial
from imap.protocol.sequence import compact
from imap.protocol.tokens import Cursor


class ReturnOption(enum.Enum):
    """What may be asked of a result; the value is its name on the wire, both ways."""

    MIN = b"MIN"
    MAX = b"MAX"
    ALL = b"ALL"
    COUNT = b"COUNT"
    SAVE = b"SAVE"
    PARTIAL = b"PARTIAL"
    CONTEXT = b"CONTEXT"
    """RFC 5267 §4.2: a hint that more will be asked of the result; it changes nothing here."""
    UPDATE = b"UPDATE"
    """RFC 5267 §4.3: changes of the result are told from then on."""


@dataclass(slots=True)
class Return:
    """The options of a RETURN; `partial` with PARTIAL."""

    options: frozenset[ReturnOption]
    partial: Partial | None = None

    @property
    def saves(self) -> bool:
        """True if the result is kept for `$`."""
        return ReturnOption.SAVE in self.options

    @property
    def updates(self) -> bool:
        """True if changes of the result are to be told."""
        return ReturnOption.UPDATE in self.options

    @property
    def tells(self) -> bool:
        """RFC 5182 §2.1: SAVE alone has no ESEARCH response."""
        return self.options != {ReturnOption.SAVE}

    def kept(self, count: int) -> list[int]:
        """The places of a result of `count` messages that SAVE keeps, ascending.

        RFC 7162 §3.1.10: of the same messages the highest modseq is told.
        RFC 5182 §2.4: MIN and MAX without ALL or COUNT keep what they tell; so does PARTIAL.
        """
        if self.options & {ReturnOption.ALL, ReturnOption.COUNT} or not count:
            return list(range(count))
        places: set[int] = set()
        if ReturnOption.MIN in self.options:
            places.add(0)
        if ReturnOption.MAX in self.options:
            places.add(count - 1)
        if self.partial is not None:
            places.update(range(*self.partial.window(count)))
        elif not places:
            return list(range(count))
        return sorted(places)

    def told(self, numbers: Sequence[int], *, ascending: bool) -> list[tuple[bytes, bytes]]:
        """The names and values of an ESEARCH response, for `responses.esearch`."""
        encode: Callable[[Sequence[int]], bytes] = compact if ascending else in_order
        found: list[tuple[bytes, bytes]] = []
        # RFC 4731 §3.1: MIN, MAX and ALL are not told of an empty result, COUNT always is.
        if numbers and ReturnOption.MIN in self.options:
            found.append((b"MIN", b"%d" % numbers[0]))
        if numbers and ReturnOption.MAX in self.options:
            found.append((b"MAX", b"%d" % numbers[-1]))
        if numbers and ReturnOption.ALL in self.options:
            found.append((b"ALL", encode(numbers)))
        if ReturnOption.COUNT in self.options:
            found.append((b"COUNT", b"%d" % len(numbers)))
        if self.partial is not None:
            start, end = self.partial.window(len(numbers))
            # RFC 9394 §3.1: NIL where the window holds nothing
            window = encode(numbers[start:end]) if start < end else b"NIL"
            found.append((b"PARTIAL", b"(%b %b)" % (self.partial.encode(), window)))
        return found


EVERYTHING = Return(frozenset((ReturnOption.ALL,)))
"""RETURN (): RFC 4731 §3.1, an empty list means ALL."""

_OPTIONS = {option.value: option for option in ReturnOption}


# search-return-opts = SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"
def parse_return(cursor: Cursor) -> Return | None:
    """The options where there are any, and the space behind them; the cursor is behind a space."""
    if cursor.text[cursor.position : cursor.position + 7].upper() != b"RETURN ":
        return None
    cursor.word()
    cursor.space()
    start = cursor.position
    named = cursor.items(lambda: _parse_option(cursor), empty=True)
    cursor.space()
    options = frozenset(option for option, _ in named)
    windows = [window for _, window in named if window is not None]
    # RFC 9394 §3.1: a command has no more than one PARTIAL or ALL.
    if len(windows) > 1 or (windows and ReturnOption.ALL in options):
        raise cursor.fail("PARTIAL stands alone and without ALL", start)
    return Return(options or EVERYTHING.options, windows[0] if windows else None)


# search-return-opt = "MIN" / "MAX" / "ALL" / "COUNT" / "SAVE" / "PARTIAL" SP partial-range /
#                     "CONTEXT" / "UPDATE"
def _parse_option(cursor: Cursor) -> tuple[ReturnOption, Partial | None]:
    start = cursor.position
    option = _OPTIONS.get(cursor.word())
    if option is None:
        raise cursor.fail("unknown RETURN option", start)
    if option is not ReturnOption.PARTIAL:
        return option, None
    cursor.space()
    return option, parse_partial(cursor)


def in_order(numbers: Sequence[int]) -> bytes:
    """Numbers in any order as a set that keeps it: [5, 2, 3, 4] gives `5,2:4`.

    RFC 5267 §3: the order of a sorted result counts; only an ascending run makes a range.
    """
    found: list[bytes] = []
    start = 0
    for place in range(1, len(numbers) + 1):
        if place < len(numbers) and numbers[place] == numbers[place - 1] + 1:
            continue
        low, high = numbers[start], numbers[place - 1]
        found.append(b"%d" % low if low == high else b"%d:%d" % (low, high))
        start = place
    return b",".join(found)
