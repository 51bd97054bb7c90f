"""Dates of RFC 5322 and IMAP, with Python's email package as oracle where it is right."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.dates import (
    format_date,
    format_imap_date,
    format_internaldate,
    parse_date,
    parse_imap_date,
    parse_internaldate,
)

_PDT = timezone(timedelta(hours=-7))
_MOMENT = datetime(1996, 7, 17, 2, 44, 25, tzinfo=_PDT)


@pytest.mark.parametrize(
    "text",
    [
        "Wed, 17 Jul 1996 02:44:25 -0700",
        "Wed, 17 Jul 1996 02:44:25 -0700 (PDT)",
        "17 Jul 1996 02:44:25 -0700",
        "Wed,17 Jul 96 02:44:25 PDT",
        "wed, 17 jul 1996 02:44:25 -0700",
        "Wednesday, 17-Jul-96 02:44:25 PDT",
        "  Wed, 17 July 1996 02:44:25 -07:00",
        "Wed (comment), 17 (c) Jul 1996 02:44:25 -0700",
        "Wed, 17 Jul 1996 02.44.25 -0700",
        "Wed Jul 17 02:44:25 1996 -0700",
        "Wed Jul 17 02:44:25 PDT 1996",
        "Wed, 17 Jul 1996 2:44:25 AM -0700",
    ],
)
def test_forms_found_in_mail_name_one_moment(text: str) -> None:
    assert parse_date(text) == _MOMENT
    parsed = parse_date(text.encode())
    assert parsed is not None
    assert parsed.utcoffset() == timedelta(hours=-7)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 Jan 49 00:00 +0000", datetime(2049, 1, 1, tzinfo=UTC)),
        ("1 Jan 50 00:00 +0000", datetime(1950, 1, 1, tzinfo=UTC)),
        ("1 Jan 103 00:00 +0000", datetime(2003, 1, 1, tzinfo=UTC)),
        ("1 Jan 2020 00:00:60 GMT", datetime(2020, 1, 1, 0, 0, 59, tzinfo=UTC)),
        ("1 Jan 2020 00:00:00 -0000", datetime(2020, 1, 1, tzinfo=UTC)),
        ("1 Jan 2020 00:00:00 A", datetime(2020, 1, 1, tzinfo=UTC)),
        ("1 Jan 2020 00:00:00 +9999", datetime(2020, 1, 1, tzinfo=UTC)),
        ("1 Jan 2020 00:00:00", datetime(2020, 1, 1, tzinfo=UTC)),
        ("1 Jan 2020 12:30:00 PM", datetime(2020, 1, 1, 12, 30, tzinfo=UTC)),
    ],
)
def test_obsolete_years_and_zones(text: str, expected: datetime) -> None:
    assert parse_date(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "32 Jan 2020 00:00:00 +0000",
        "1 Foo 2020 00:00:00",
        "1 Jan 2020 25:00:00",
        "1 Jan 0000 00:00:00 +0000",
        "1 Jan 0001 00:00:00 +0100",
        "31 Dec 9999 23:59:59 -0100",
    ],
)
def test_what_names_no_moment_is_none(text: str) -> None:
    assert parse_date(text) is None


def test_formatting() -> None:
    assert format_date(_MOMENT) == "Wed, 17 Jul 1996 02:44:25 -0700"
    assert format_internaldate(_MOMENT) == "17-Jul-1996 02:44:25 -0700"
    india = timezone(timedelta(hours=5, minutes=30))
    assert format_date(datetime(2026, 2, 1, 3, 4, 5, tzinfo=india)).endswith("03:04:05 +0530")


def test_internaldate_day_may_be_padded_by_a_space() -> None:
    expected = datetime(1996, 7, 7, 2, 44, 25, tzinfo=_PDT)
    for day in ("07", " 7", "7"):
        assert parse_internaldate(f"{day}-Jul-1996 02:44:25 -0700") == expected
    assert parse_internaldate(b"17-Jul-1996 02:44:25 -0700") == _MOMENT
    for bad in ("17-Jul-1996", "17-Jul-96 02:44:25 -0700", "31-Feb-1996 02:44:25 +0000"):
        assert parse_internaldate(bad) is None


def test_imap_date() -> None:
    assert parse_imap_date("1-Feb-1994") == date(1994, 2, 1)
    assert parse_imap_date(b"01-feb-1994") == date(1994, 2, 1)
    for bad in ("1-Foo-1994", "30-Feb-1994", "1-Feb-94", "1 Feb 1994", ""):
        assert parse_imap_date(bad) is None
    assert format_imap_date(date(1994, 2, 1)) == "1-Feb-1994"


_OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda m: timezone(timedelta(minutes=m)))
_MOMENTS = st.datetimes(datetime(1000, 1, 1), datetime(9998, 1, 1), timezones=_OFFSETS)


@given(_MOMENTS)
def test_written_dates_read_back(moment: datetime) -> None:
    whole = moment.replace(microsecond=0)
    assert parse_date(format_date(moment)) == whole
    assert parse_internaldate(format_internaldate(moment)) == whole
    assert parse_imap_date(format_imap_date(moment.date())) == moment.date()
    assert parsedate_to_datetime(format_date(moment)) == whole


@given(st.text())
def test_any_text_is_a_date_or_none(text: str) -> None:
    for found in (parse_date(text), parse_internaldate(text)):
        assert found is None or found.tzinfo is not None
    parse_imap_date(text)
