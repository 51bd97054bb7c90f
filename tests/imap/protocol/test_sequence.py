"""Sequence sets: RFC 3501 §9's examples, the star, and sets made to hurt."""

import time
from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.protocol.errors import ParseError
from imap.protocol.sequence import STAR, SequenceSet, compact, runs

RANGES = st.lists(
    st.tuples(*[st.integers(1, 40) | st.just(STAR) | st.integers(1, STAR - 1)] * 2), max_size=12
)


@pytest.mark.parametrize(
    ("text", "maximum", "meant"),
    [
        # RFC 3501 §9, seq-number, seq-range and sequence-set
        (b"2,4:7,9,12:*", 15, [2, 4, 5, 6, 7, 9, 12, 13, 14, 15]),
        (b"*:4,5:7", 10, [4, 5, 6, 7, 8, 9, 10]),
        (b"2:4", 9, [2, 3, 4]),
        (b"4:2", 9, [2, 3, 4]),
        (b"*", 5, [5]),
        (b"*:*", 5, [5]),
        (b"3291:*", 12, [12]),
        (b"1:*", 3, [1, 2, 3]),
        (b"1:*", 0, []),
        (b"5,5,5:5", 9, [5]),
        (b"7:9", 5, []),
        (b"4:9", 5, [4, 5]),
        (b"4294967295", STAR - 1, [STAR - 1]),
    ],
)
def test_what_a_set_means(text: bytes, maximum: int, meant: list[int]) -> None:
    assert list(SequenceSet.parse(text).numbers(maximum)) == meant


@pytest.mark.parametrize(
    ("text", "position"),
    [
        *((b"", 0), (b"0", 0), (b"1,", 2), (b",1", 0), (b"1:", 0), (b"1,2:3:4", 2), (b"01", 0)),
        *((b"1,4294967296", 2), (b"9999999999", 0), (b"1:99999999999", 0), (b"a", 0), (b"**", 0)),
        *(
            (b"1, 2", 2),
            (b"$,1", 0),
            (b"1,$", 2),
            (b"1:$", 0),
            (b"1;2", 0),
            (b"-1", 0),
            (b"1:4294967296", 0),
        ),
    ],
)
def test_what_is_no_set(text: bytes, position: int) -> None:
    with pytest.raises(ParseError) as error:
        SequenceSet.parse(text)
    assert error.value.position == position


@pytest.mark.parametrize(
    ("text", "shortest"),
    [
        (b"1:3,4,5", b"1:5"),
        (b"*:1", b"1:*"),
        (b"9,1", b"1,9"),
        (b"2,4:7,9,12:*", b"2,4:7,9,12:*"),
        (b"5:*,*", b"5:*"),
        (b"*", b"*"),
    ],
)
def test_a_set_is_written_in_its_shortest_form(text: bytes, shortest: bytes) -> None:
    assert SequenceSet.parse(text).encode() == shortest


def test_numbers_above_the_largest_are_found() -> None:
    assert SequenceSet.parse(b"1:6").exceeds(5)
    assert not SequenceSet.parse(b"1:5").exceeds(5)
    assert not SequenceSet.parse(b"1:*").exceeds(5)
    assert SequenceSet.parse(b"6:*").exceeds(5)
    assert not SequenceSet.parse(b"*").exceeds(5)
    assert SequenceSet.parse(b"*").exceeds(0)
    assert SequenceSet.parse(b"1:*").exceeds(0)


@given(RANGES)
def test_a_set_read_back_is_the_same_set(ranges: list[tuple[int, int]]) -> None:
    numbers = SequenceSet.of(ranges)
    if ranges:
        assert SequenceSet.parse(numbers.encode()) == numbers


@given(RANGES, st.integers(0, 50))
def test_joining_ranges_changes_nothing_they_mean(
    ranges: list[tuple[int, int]], maximum: int
) -> None:
    meant = set()
    for first, last in ranges:
        low, high = (min(n, maximum) if n == STAR else n for n in (first, last))
        meant |= {n for n in range(1, maximum + 1) if min(low, high) <= n <= max(low, high)}
    assert list(SequenceSet.of(ranges).numbers(maximum)) == sorted(meant)


@given(st.binary(max_size=30) | st.text("0123456789:,*", max_size=30).map(str.encode))
def test_any_bytes_are_a_set_or_the_one_error(text: bytes) -> None:
    try:
        numbers = SequenceSet.parse(text)
    except ParseError as error:
        position = error.position
    else:
        position = 0
        assert SequenceSet.parse(numbers.encode()) == numbers
    assert 0 <= position <= len(text)


def test_a_million_ranges_are_read_in_linear_time() -> None:
    everything = b",".join([b"1:*"] * 1_000_000)
    started = time.perf_counter()
    assert SequenceSet.parse(everything).ranges == ((1, STAR),)
    assert time.perf_counter() - started < 20


@given(st.sets(st.integers(1, 300)))
def test_runs_hold_each_number_once(numbers: set[int]) -> None:
    ascending = array("I", sorted(numbers))
    found = runs(ascending)
    assert [n for low, high in found for n in range(low, high + 1)] == list(ascending)
    assert all(high + 1 < low for (_, high), (low, _) in pairwise(found))


def test_uid_lists_are_written_as_runs() -> None:
    assert compact([]) == b""
    assert compact([1, 2, 3, 7]) == b"1:3,7"
    assert compact([304, 319, 320]) == b"304,319:320"
    assert compact(range(1, 100_001)) == b"1:100000"


def test_the_saved_result_stands_alone() -> None:
    # RFC 5182 §2.1
    saved = SequenceSet.parse(b"$")
    assert saved.saved
    assert saved.encode() == b"$"
    assert not saved.exceeds(0)
