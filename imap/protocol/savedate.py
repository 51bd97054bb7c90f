"""SAVEDATE (RFC 8514): when a message came into the mailbox in which it lies, as FETCH tells it."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from mailserver.mail.dates import format_internaldate


# msg-att-static =/ "SAVEDATE" SP (date-time / nil)
def encode_saved(uids: Iterable[int], times: Mapping[int, datetime]) -> list[bytes]:
    """`"24-Nov-2026 04:00:00 +0000"` for each UID; NIL for a message that is gone."""
    return [
        b'"%b"' % format_internaldate(times[uid]).encode() if uid in times else b"NIL"
        for uid in uids
    ]
