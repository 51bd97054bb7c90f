"""The ready-made bytes `INTERNALDATE "…" RFC822.SIZE n ENVELOPE (…)`, and pieces cut from them.

Pure. The layout is what ingest writes (mailserver/ingest/rows.py) and never varies: the date-time
of RFC 3501 §9 has 26 characters, so that INTERNALDATE ends at byte 41 and its day lies at 14 to 25.
"""

import re
from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from imap.protocol.fetch import FetchAttribute
from mailserver.mail.dates import parse_date, parse_imap_date

ATTRIBUTES = (FetchAttribute.INTERNALDATE, FetchAttribute.RFC822_SIZE, FetchAttribute.ENVELOPE)
"""What the bytes hold, in their order."""

_DATE_END = 41
_SIZE = 42
ENVELOPE = b" ENVELOPE "
"""Stands before the envelope, and nowhere before that."""

# The env-date that opens the envelope: an nstring; a quoted one that names a date has no escapes.
_ENVELOPE_DATE = re.compile(rb' ENVELOPE \((?:"((?:[^"\\]|\\.)*)"|\{(\d+)\}\r\n)')


def cut(statics: Iterable[bytes], wanted: frozenset[FetchAttribute]) -> list[bytes]:
    """Of each message the items of `wanted`, some of ATTRIBUTES and at least one, as they stand."""
    with_date = FetchAttribute.INTERNALDATE in wanted
    with_size = FetchAttribute.RFC822_SIZE in wanted
    start = 0 if with_date else _SIZE
    if FetchAttribute.ENVELOPE not in wanted:
        if with_size:
            return [s[start : s.index(ENVELOPE, _SIZE)] for s in statics]
        return [s[:_DATE_END] for s in statics]
    if with_size:
        return [s[start:] for s in statics]
    head = _SIZE if with_date else 0
    return [s[:head] + s[s.index(ENVELOPE, _SIZE) + 1 :] for s in statics]


def internal_day(static: bytes) -> date:
    """The day of INTERNALDATE in the zone it is told in (RFC 3501 §6.4.4 disregards the zone)."""
    return _day(static[14:25])


def sent_day(static: bytes) -> date | None:
    """The day the Date field names, in the zone it was written; None if it names none."""
    found = _ENVELOPE_DATE.search(static, _DATE_END)
    if found is None:
        return None
    value, length = found.groups()
    if value is None:
        value = static[found.end() : found.end() + int(length)]
    moment = parse_date(value)
    return None if moment is None else moment.date()


@lru_cache(maxsize=1024)
def _day(text: bytes) -> date:
    day = parse_imap_date(text)
    assert day is not None
    return day
