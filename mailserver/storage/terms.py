"""What an envelope asks of delivery, as columns of the queue and back."""

from datetime import datetime
from typing import Any

from mailserver.mail.terms import (
    NO_TERMS,
    NOTHING_ASKED,
    Action,
    Asked,
    ByMode,
    DeliverBy,
    Hold,
    Return,
    Terms,
    parse_notify,
)
from mailserver.storage.database import Record

# Columns of queue_message.
TERMS = (
    *("returned", "envelope_id", "require_tls", "hold_until", "hold_request"),
    *("deliver_by", "by_mode", "by_trace"),
)
# Columns of queue_recipient.
ASKED = ("notify", "original_recipient", "done")

_NO_TERMS = (None, None, False, None, None, None, None, False)


def terms_row(terms: Terms) -> tuple[Any, ...]:
    """The values of TERMS."""
    if terms is NO_TERMS:
        return _NO_TERMS
    hold, by = terms.hold, terms.deliver_by
    return (
        *(terms.returned, terms.envelope_id, terms.require_tls),
        *((hold.until, hold.request) if hold else (None, None)),
        *((by.moment, by.mode, by.trace) if by else (None, None, False)),
    )


def terms_of(row: Record) -> Terms:
    """What TERMS of a row say."""
    values = tuple(row[name] for name in TERMS)
    if values == _NO_TERMS:
        return NO_TERMS
    returned, envelope_id, require_tls, hold_until, hold_request, moment, mode, trace = values
    return Terms(
        returned=Return(returned) if returned else None,
        envelope_id=envelope_id,
        require_tls=require_tls,
        hold=Hold(hold_until, hold_request) if hold_until else None,
        deliver_by=DeliverBy(moment, ByMode(mode), trace) if moment else None,
    )


def asked_row(asked: Asked) -> tuple[Any, ...]:
    """The values of ASKED."""
    notify = None if asked.notify is None else str(asked.notify)
    return (notify, asked.original_recipient, asked.done)


def asked_of(row: Record) -> Asked:
    """What ASKED of a row say."""
    notify, original_recipient, done = (row[name] for name in ASKED)
    if notify is None and original_recipient is None and done is None:
        return NOTHING_ASKED
    return Asked(
        notify=None if notify is None else parse_notify(notify),
        original_recipient=original_recipient,
        done=Action(done) if done else None,
    )


def released_at(created_at: datetime, terms: Terms) -> datetime:
    """When delivery began, or will."""
    return max(created_at, terms.hold.until) if terms.hold else created_at
