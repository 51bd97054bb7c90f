"""RETURN (…): the options, the windows, what is told and what is saved."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.protocol.command import Command
from imap.protocol.errors import ParseError
from imap.protocol.esearch import Return, ReturnOption, in_order
from imap.protocol.partial import Partial
from imap.protocol.responses import esearch
from imap.protocol.search import AllKey, FlagKey, Search
from imap.protocol.sequence import SequenceSet

Parse = Callable[[bytes], Command]
MIN, MAX, ALL, COUNT, SAVE, PARTIAL = (
    *(ReturnOption.MIN, ReturnOption.MAX, ReturnOption.ALL, ReturnOption.COUNT),
    *(ReturnOption.SAVE, ReturnOption.PARTIAL),
)


def asked(*options: ReturnOption, partial: Partial | None = None) -> Return:
    return Return(frozenset(options), partial)


@pytest.mark.parametrize(
    ("text", "returned"),
    [
        (b"RETURN (MIN COUNT)", asked(MIN, COUNT)),
        (b"return (max all)", asked(MAX, ALL)),
        # RFC 4731 §3.1: an empty list is ALL.
        (b"RETURN ()", asked(ALL)),
        (b"RETURN (SAVE)", asked(SAVE)),
        (b"RETURN (SAVE MIN)", asked(SAVE, MIN)),
        (b"RETURN (PARTIAL 23500:24000)", asked(PARTIAL, partial=Partial(23500, 24000))),
        # RFC 5267 §4.2, §4.3
        (b"RETURN (CONTEXT COUNT)", asked(ReturnOption.CONTEXT, COUNT)),
        (b"RETURN (UPDATE)", asked(ReturnOption.UPDATE)),
        (b"RETURN (COUNT PARTIAL -1:-100)", asked(COUNT, PARTIAL, partial=Partial(-1, -100))),
    ],
)
def test_options(parse: Parse, text: bytes, returned: Return) -> None:
    flagged = FlagKey("\\Flagged")
    assert parse(b"SEARCH " + text + b" FLAGGED") == Search(flagged, returned=returned)
    with_charset = Search(AllKey(), b"UTF-8", by_uid=True, returned=returned)
    assert parse(b"UID SEARCH " + text + b" CHARSET UTF-8 ALL") == with_charset


@pytest.mark.parametrize(
    "text",
    [
        *(b"RETURN", b"RETURN ALL", b"RETURN (", b"RETURN ()", b"RETURN () ", b"RETURN(MIN) ALL"),
        *(b"RETURN (FOO) ALL", b"RETURN (MIN MAX ALL", b"ALL RETURN (MIN)"),
        *(b"RETURN (PARTIAL) ALL", b"RETURN (PARTIAL 1) ALL", b"RETURN (PARTIAL 0:1) ALL"),
        *(b"RETURN (PARTIAL 1:-1) ALL", b"RETURN (PARTIAL 1:*) ALL", b"RETURN (PARTIAL -0:-1) ALL"),
        *(b"RETURN (PARTIAL 1:4294967296) ALL", b"RETURN (PARTIAL 1:2 ALL) ALL"),
        b"RETURN (PARTIAL 1:2 PARTIAL 3:4) ALL",
    ],
)
def test_what_is_no_option(parse: Parse, text: bytes) -> None:
    with pytest.raises(ParseError):
        parse(b"SEARCH " + text)


@pytest.mark.parametrize(
    ("returned", "numbers", "line"),
    [
        # RFC 4731 §3.1's examples
        (asked(MIN, COUNT), [2, *range(10, 12), 84], b'* ESEARCH (TAG "A282") MIN 2 COUNT 4\r\n'),
        (asked(ALL), [2, 10, 11], b'* ESEARCH (TAG "A282") ALL 2,10:11\r\n'),
        (asked(COUNT), [*range(5)], b'* ESEARCH (TAG "A282") COUNT 5\r\n'),
        (asked(COUNT, MAX, ALL, MIN), [7], b'* ESEARCH (TAG "A282") MIN 7 MAX 7 ALL 7 COUNT 1\r\n'),
        # Nothing was found.
        (asked(MIN, MAX, ALL), [], b'* ESEARCH (TAG "A282")\r\n'),
        (asked(MIN, COUNT), [], b'* ESEARCH (TAG "A282") COUNT 0\r\n'),
        # RFC 9394 §3.1
        (
            asked(PARTIAL, partial=Partial(-1, -2)),
            [3, 5, 8, 9],
            b'* ESEARCH (TAG "A282") PARTIAL (-1:-2 8:9)\r\n',
        ),
        (
            asked(PARTIAL, partial=Partial(5, 9)),
            [3, 5],
            b'* ESEARCH (TAG "A282") PARTIAL (5:9 NIL)\r\n',
        ),
    ],
)
def test_what_is_told(returned: Return, numbers: Sequence[int], line: bytes) -> None:
    assert esearch(b"A282", returned.told(numbers, ascending=True)) == line


def test_the_order_of_a_sorted_result_is_told() -> None:
    # RFC 5267 §3
    told = asked(MIN, MAX, ALL).told([5, 2, 3, 4, 1], ascending=False)
    assert told == [(b"MIN", b"5"), (b"MAX", b"1"), (b"ALL", b"5,2:4,1")]


@pytest.mark.parametrize(
    ("partial", "count", "window"),
    [
        *((Partial(1, 3), 10, (0, 3)), (Partial(3, 1), 10, (0, 3)), (Partial(9, 12), 10, (8, 10))),
        *((Partial(11, 12), 10, (10, 10)), (Partial(1, 1), 0, (0, 0))),
        *((Partial(-1, -3), 10, (7, 10)), (Partial(-3, -1), 10, (7, 10))),
        *((Partial(-9, -12), 10, (0, 2)), (Partial(-11, -12), 10, (0, 0))),
    ],
)
def test_windows(partial: Partial, count: int, window: tuple[int, int]) -> None:
    assert partial.window(count) == window


@pytest.mark.parametrize(
    ("returned", "places"),
    [
        # RFC 5182 §2.4
        (asked(SAVE), [0, 1, 2, 3]),
        (asked(SAVE, MIN), [0]),
        (asked(SAVE, MAX), [3]),
        (asked(SAVE, MIN, MAX), [0, 3]),
        (asked(SAVE, ALL), [0, 1, 2, 3]),
        (asked(SAVE, COUNT), [0, 1, 2, 3]),
        (asked(SAVE, MIN, COUNT), [0, 1, 2, 3]),
        (asked(SAVE, PARTIAL, partial=Partial(2, 3)), [1, 2]),
        (asked(SAVE, PARTIAL, MIN, partial=Partial(-1, -1)), [0, 3]),
        (asked(SAVE, PARTIAL, partial=Partial(8, 9)), []),
    ],
)
def test_what_is_saved(returned: Return, places: list[int]) -> None:
    assert returned.kept(4) == places
    assert returned.kept(0) == []


def test_saving_alone_tells_nothing() -> None:
    # RFC 5182 §2.1
    assert not asked(SAVE).tells
    assert asked(SAVE, COUNT).tells


@given(st.lists(st.integers(1, 30), unique=True, min_size=1))
def test_a_set_in_order_holds_the_numbers(numbers: list[int]) -> None:
    text = in_order(numbers)
    read: list[int] = []
    for piece in text.split(b","):
        low, _, high = piece.partition(b":")
        read += range(int(low), int(high or low) + 1)
    assert read == numbers
    assert SequenceSet.parse(text).ranges == SequenceSet.of((n, n) for n in numbers).ranges
