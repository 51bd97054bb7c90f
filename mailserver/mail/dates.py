"""Dates as mail writes them: RFC 5322 date-time, IMAP date-time and IMAP date.

Every `datetime` here is aware. Formatting needs one too and is independent of the locale.
"""

from __future__ import annotations

import functools
import re
from datetime import MAXYEAR, UTC, date, datetime, timedelta, timezone

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTH_NUMBER = {name.lower(): number for number, name in enumerate(_MONTHS, 1)}

# RFC 5322 §4.3: the obsolete zones that mean something, in hours from UTC. The military letters
# were defined with the wrong sign and count as unknown, which is -0000.
_ZONE_HOURS = {"ut": 0, "gmt": 0, "utc": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5}
_ZONE_HOURS |= {"mst": -7, "mdt": -6, "pst": -8, "pdt": -7}

_MAX_TEXT = 200  # characters: no date is longer, and junk is not searched

# What nearly all mail has: Wed, 17 Jul 1996 02:23:25 -0700, perhaps with a comment after it
_PLAIN = re.compile(
    r"(?:[A-Z][a-z]{2}, +)?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) "
    r"(\d{2}):(\d{2}):(\d{2}) ([+-]\d{4})(?!\d)"
).match
# date-time = [ day-of-week "," ] day month year hour ":" minute [ ":" second ] zone
_RFC5322 = re.compile(
    r"\s*(?:[A-Za-z]+\s*[,.]?)?\s*(\d{1,2})[\s-]+([A-Za-z]{3})[A-Za-z]*\.?[\s,-]+(\d{2,4})[\s,]+"
    r"(\d{1,2})[:.](\d{1,2})(?:[:.](\d{1,2})(?:\.\d+)?)?(?:\s*([AaPp])[Mm]\b)?"
    r"\s*(?:([+-])\s*(\d{1,2}):?(\d{2})\b|\"?([A-Za-z]+))?"
).match
# QUIRKS: old Unix mailers send ctime's form: Thu Jul 17 02:44:25 1996, a zone before or after the
# year.
_CTIME = re.compile(
    r"\s*(?:[A-Za-z]+[\s,]+)?([A-Za-z]{3})[a-z]*\s+(\d{1,2})[\s,]+(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?"
    r"\s+(?:([A-Za-z]{2,5})\s+)?(\d{4})(?:\s+(?:([+-])(\d{2})(\d{2})\b|([A-Za-z]+)))?"
).match
_COMMENT = re.compile(r"\([^()]*\)")

# RFC 3501 §9: date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE
_INTERNAL = re.compile(
    r"([ 0-9]?[0-9])-([A-Za-z]{3})-(\d{4}) (\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})"
).fullmatch
# RFC 3501 §9: date-text = date-day "-" date-month "-" date-year
_IMAP_DATE = re.compile(r"(\d{1,2})-([A-Za-z]{3})-(\d{4})").fullmatch


def parse_date(text: str | bytes) -> datetime | None:
    """The moment a Date field names (RFC 5322 §3.3 and §4.3), in the zone it was written; lenient.

    None if it names none; never raises. An unknown zone is taken as UTC (-0000).
    """
    if isinstance(text, bytes):
        text = text.decode("ascii", "replace")
    text = text[:_MAX_TEXT]
    plain = _PLAIN(text)
    if plain is not None:
        day, month, year, hour, minute, second, zone = plain.groups()
        return _moment(year, month, day, int(hour), minute, second, _numeric_offset(zone))
    return _parse_lenient(text)


def _parse_lenient(text: str) -> datetime | None:
    found = _RFC5322(text)
    if found is None and "(" in text:
        text = _COMMENT.sub(" ", text)
        found = _RFC5322(text)
    if found is None:
        return _parse_ctime(text)
    day, month, year, hour, minute, second, half, sign, east, minutes, zone = found.groups()
    hours = int(hour)
    if half:  # QUIRKS: some mailers write 12-hour clocks
        hours = hours % 12 + (12 if half in "Pp" else 0)
    return _moment(year, month, day, hours, minute, second, _offset(sign, east, minutes, zone))


def _parse_ctime(text: str) -> datetime | None:
    found = _CTIME(text)
    if found is None:
        return None
    month, day, hour, minute, second, before, year, sign, east, minutes, after = found.groups()
    offset = _offset(sign, east, minutes, after or before)
    return _moment(year, month, day, int(hour), minute, second, offset)


def _moment(
    year: str, month: str, day: str, hour: int, minute: str, second: str | None, offset: timezone
) -> datetime | None:
    number = _MONTH_NUMBER.get(month.lower())
    if number is None:
        return None
    full_year = int(year)
    if len(year) < 4:
        # RFC 5322 §4.3: 00-49 are 2000-2049; 50-99 and three digits count from 1900.
        full_year += 2000 if len(year) == 2 and full_year < 50 else 1900
    seconds = min(int(second or 0), 59)  # a leap second has no place in datetime
    try:
        moment = datetime(full_year, number, int(day), hour, int(minute), seconds, tzinfo=offset)
        if not 1 < full_year < MAXYEAR:
            # at the ends of the calendar a moment may have no UTC form and raise when compared
            moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment


def _offset(sign: str | None, east: str | None, minutes: str | None, zone: str | None) -> timezone:
    if sign and east and minutes:
        total = int(east) * 60 + int(minutes)
        if 0 < total < 24 * 60:
            return timezone(timedelta(minutes=-total if sign == "-" else total))
    elif zone:
        hours = _ZONE_HOURS.get(zone.lower(), 0)
        if hours:
            return timezone(timedelta(hours=hours))
    return UTC


@functools.lru_cache(maxsize=128)
def _numeric_offset(zone: str) -> timezone:
    """The offset of "+hhmm"."""
    return _offset(zone[0], zone[1:3], zone[3:5], None)


def _zone(moment: datetime) -> str:
    if moment.tzinfo is UTC:
        return "+0000"
    offset = moment.utcoffset()
    minutes = 0 if offset is None else round(offset.total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"


def format_date(moment: datetime) -> str:
    """RFC 5322 §3.3 date-time, to the second: "Wed, 17 Jul 1996 02:23:25 -0700"."""
    return (
        f"{_DAYS[moment.weekday()]}, {moment.day} {_MONTHS[moment.month - 1]} {moment.year:04d} "
        f"{moment.hour:02d}:{moment.minute:02d}:{moment.second:02d} {_zone(moment)}"
    )


def format_internaldate(moment: datetime) -> str:
    """RFC 3501 §9 date-time without its quotes: "17-Jul-1996 02:44:25 -0700"."""
    return (
        f"{moment.day:02d}-{_MONTHS[moment.month - 1]}-{moment.year:04d} "
        f"{moment.hour:02d}:{moment.minute:02d}:{moment.second:02d} {_zone(moment)}"
    )


def parse_internaldate(text: str | bytes) -> datetime | None:
    """The moment of an RFC 3501 §9 date-time without its quotes; the day may be padded by a space.

    None if the text is none.
    """
    if isinstance(text, bytes):
        text = text.decode("ascii", "replace")
    found = _INTERNAL(text)
    if found is None:
        return None
    day, month, year, hour, minute, second, sign, east, minutes = found.groups()
    offset = _offset(sign, east, minutes, None)
    return _moment(year, month, day, int(hour), minute, second, offset)


def parse_imap_date(text: str | bytes) -> date | None:
    """The day of an RFC 3501 §9 date-text, as SEARCH takes it: "1-Feb-1994"; None if it is none."""
    if isinstance(text, bytes):
        text = text.decode("ascii", "replace")
    found = _IMAP_DATE(text)
    if found is None:
        return None
    number = _MONTH_NUMBER.get(found[2].lower())
    if number is None:
        return None
    try:
        return date(int(found[3]), number, int(found[1]))
    except ValueError:
        return None


def format_imap_date(day: date) -> str:
    """RFC 3501 §9 date-text: "1-Feb-1994"."""
    return f"{day.day}-{_MONTHS[day.month - 1]}-{day.year:04d}"
