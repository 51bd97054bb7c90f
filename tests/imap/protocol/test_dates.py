"""Dates and INTERNALDATE, both ways."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.protocol.dates import format_date_time, parse_date, parse_date_time


def test_known_dates() -> None:
    assert parse_date(b"1-Feb-1994") == date(1994, 2, 1)
    assert parse_date(b"01-feb-1994") == date(1994, 2, 1)
    assert parse_date(b"31-DEC-2024") == date(2024, 12, 31)


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"31-Feb-2020", b"29-Feb-2023", b"1-Foo-2020", b"0-Jan-2020", b"1-Jan-20"),
        *(
            b"1-Jan-0000",
            b"001-Jan-2020",
            b"1 Jan 2020",
            b"1-Jan-20201",
            b"1-Jan-2020 ",
            b"1-1-2020",
        ),
    ],
)
def test_what_is_no_date(text: bytes) -> None:
    assert parse_date(text) is None


@pytest.mark.parametrize(
    ("text", "time"),
    [
        # RFC 3501 §6.3.11, §7.4.2
        (
            b"17-Jul-1996 02:44:25 -0700",
            datetime(1996, 7, 17, 2, 44, 25, tzinfo=timezone(timedelta(hours=-7))),
        ),
        (b" 1-Jan-2020 00:00:00 +0000", datetime(2020, 1, 1, tzinfo=UTC)),
        (
            b"31-Dec-2024 23:59:59 +0545",
            datetime(2024, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=5, minutes=45))),
        ),
    ],
)
def test_known_times_both_ways(text: bytes, time: datetime) -> None:
    assert parse_date_time(text) == time
    assert format_date_time(time) == text


def test_a_day_without_its_space_is_taken() -> None:
    assert parse_date_time(b"1-Jan-2020 00:00:00 +0000") == datetime(2020, 1, 1, tzinfo=UTC)


def test_a_leap_second_is_the_second_before() -> None:
    assert parse_date_time(b"31-Dec-2016 23:59:60 +0000") == datetime(
        2016, 12, 31, 23, 59, 59, tzinfo=UTC
    )


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"31-Feb-2020 00:00:00 +0000", b"1-Jan-2020 24:00:00 +0000"),
        *(b"1-Jan-2020 00:60:00 +0000", b"1-Jan-2020 00:00:00", b"1-Jan-2020 00:00:00 +2400"),
        *(b"1-Jan-2020 00:00:00 +0060", b"1-Jan-2020 00:00:00 GMT", b"1-Jan-2020 0:00:00 +0000"),
    ],
)
def test_what_is_no_time(text: bytes) -> None:
    assert parse_date_time(text) is None


def test_a_time_without_a_zone_is_not_written() -> None:
    with pytest.raises(ValueError, match="zone"):
        format_date_time(datetime(2020, 1, 1))


@given(
    st.datetimes(timezones=st.integers(-1439, 1439).map(lambda m: timezone(timedelta(minutes=m))))
)
def test_a_time_read_back_is_the_same_second(time: datetime) -> None:
    assert parse_date_time(format_date_time(time)) == time.replace(microsecond=0)


@given(st.binary(max_size=30))
def test_any_bytes_are_a_date_or_none(text: bytes) -> None:
    parse_date(text)
    parse_date_time(text)
