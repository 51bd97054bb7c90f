"""Dates as IMAP writes them (RFC 3501 §9: date, date-time), both ways.

Day and month are checked against the calendar: 31-Feb is no date.
"""

import re
from datetime import date, datetime, timedelta, timezone

_MONTHS = (
    *(b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun"),
    *(b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"),
)
_MONTH_NUMBER = {name.upper(): number for number, name in enumerate(_MONTHS, 1)}

# date-text = date-day "-" date-month "-" date-year
_DATE = re.compile(rb"(\d{1,2})-([A-Za-z]{3})-(\d{4})")
# date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE
# QUIRKS: a day of one digit without its leading space (hand-made APPENDs, older PHP clients).
_DATE_TIME = re.compile(
    rb" ?(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)([0-5]\d)"
)


def parse_date(text: bytes) -> date | None:
    """`1-Feb-1994` as a date, None if it is none."""
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    day, month, year = found.groups()
    try:
        return date(int(year), _MONTH_NUMBER[month.upper()], int(day))
    except (KeyError, ValueError):
        return None


def parse_date_time(text: bytes) -> datetime | None:
    """`17-Jul-1996 02:44:25 -0700` (without quotes) as an aware time, None if it is none."""
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        return None
    day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = found.groups()
    offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
    try:
        return datetime(
            int(year),
            _MONTH_NUMBER[month.upper()],
            int(day),
            int(hour),
            int(minute),
            # RFC 3501 §9 allows any two digits: a leap second is the second before.
            59 if second == b"60" else int(second),
            tzinfo=timezone(-offset if sign == b"-" else offset),
        )
    except (KeyError, ValueError):
        return None


def format_date_time(time: datetime) -> bytes:
    """An aware time as `17-Jul-1996 02:44:25 -0700`, without quotes; part seconds are cut off."""
    offset = time.utcoffset()
    if offset is None:
        raise ValueError("INTERNALDATE needs a time with a zone")
    minutes = int(offset.total_seconds()) // 60
    hours, minutes_left = divmod(abs(minutes), 60)
    # date-day-fixed = (SP DIGIT) / 2DIGIT
    return b"%2d-%b-%04d %02d:%02d:%02d %c%02d%02d" % (
        time.day,
        _MONTHS[time.month - 1],
        time.year,
        time.hour,
        time.minute,
        time.second,
        b"-" if minutes < 0 else b"+",
        hours,
        minutes_left,
    )
