"""What SORT compares of each message (RFC 5256 §3, 5957), and the order that follows.

Pure. Text is folded by i;unicode-casemap (RFC 5255 §4.2: I18NLEVEL=1), encoded words are undone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import total_ordering
from typing import Any

from imap.messages.envelope import Envelope, Row, read_envelope
from imap.protocol.sort import Criterion, SortKey
from mailserver.mail.charsets import decode
from mailserver.mail.headers import decode_words
from mailserver.mail.subject import BaseSubject, base_subject
from mailserver.mail.text import fold
from mailserver.storage.messages import MessageRow

Value = str | int | datetime


def sent(row: MessageRow) -> datetime:
    """RFC 5256 §2.2: the sent date, or INTERNALDATE where there is none."""
    return row.sent_at or row.internal_date


def subject(envelope: Envelope) -> BaseSubject:
    """The base subject, folded."""
    text, is_reply = base_subject(decode_words(envelope.subject))
    return BaseSubject(fold(text), is_reply)


def _mailbox(row: Row | None) -> str:
    """RFC 5256 §3: addr-mailbox of the first address, empty where there is none."""
    return fold(decode(row[2] or b"")) if row else ""


def _display(row: Row | None) -> str:
    """RFC 5957 §3: the display name, or the address, or nothing."""
    if row is None:
        return ""
    name, _, mailbox, host = row
    if name:
        return fold(decode_words(name))
    return fold(decode(b"@".join(filter(None, (mailbox, host)))))


_OF_ROW: dict[SortKey, Callable[[MessageRow], Value]] = {
    SortKey.ARRIVAL: lambda row: row.internal_date,
    SortKey.DATE: sent,
    SortKey.SIZE: lambda row: row.size,
}
_OF_ENVELOPE: dict[SortKey, Callable[[Envelope], Value]] = {
    SortKey.CC: lambda envelope: _mailbox(envelope.cc),
    SortKey.DISPLAYFROM: lambda envelope: _display(envelope.sender),
    SortKey.DISPLAYTO: lambda envelope: _display(envelope.to),
    SortKey.FROM: lambda envelope: _mailbox(envelope.sender),
    SortKey.SUBJECT: lambda envelope: subject(envelope).text,
    SortKey.TO: lambda envelope: _mailbox(envelope.to),
}


def deciding(criteria: Sequence[Criterion]) -> list[Criterion]:
    """The criteria without those of a key that was named before: all is equal by then."""
    found: dict[SortKey, bool] = {}
    for key, backwards in criteria:
        found.setdefault(key, backwards)
    return list(found.items())


def values(row: MessageRow, criteria: Sequence[Criterion]) -> list[Value]:
    """What is compared of a message, one value for each criterion."""
    envelope = None
    found: list[Value] = []
    for key, _ in criteria:
        of_row = _OF_ROW.get(key)
        if of_row is not None:
            found.append(of_row(row))
        else:
            envelope = envelope or read_envelope(row.static)
            found.append(_OF_ENVELOPE[key](envelope))
    return found


def order(columns: Sequence[Sequence[Value]], criteria: Sequence[Criterion]) -> list[int]:
    """The indices of the columns' messages, sorted by all criteria, then as they came.

    RFC 5256 §3: with REVERSE too, what is equal stays in the order of its numbers.
    """
    found = list(range(len(columns[0])))
    for column, (_, backwards) in reversed(list(zip(columns, criteria, strict=True))):
        # All of a column is of one kind, and sorting keeps the order of what is equal.
        found.sort(key=column.__getitem__, reverse=backwards)
    return found


Rank = tuple[Any, ...]
"""What `order` compares of a message, and its UID; sorted, ranks are in that order."""


@total_ordering
@dataclass(slots=True)
class _Backwards:
    """A value whose order is reversed."""

    value: Any

    def __lt__(self, other: "_Backwards") -> bool:
        return bool(other.value < self.value)


def ranks(
    uids: Sequence[int], columns: Sequence[Sequence[Value]], criteria: Sequence[Criterion]
) -> list[Rank]:
    """The ranks of messages whose values stand in columns."""
    compared = [
        map(_Backwards, column) if backwards else column
        for column, (_, backwards) in zip(columns, criteria, strict=True)
    ]
    return list(zip(*compared, uids, strict=True))
