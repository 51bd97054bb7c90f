"""One mail transaction with a host: what it must offer, what it is told, what its yes means. Pure.

`offered` is what the host said to EHLO: extensions in small letters, with their parameters.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from delivery.outcome import Failure, Outcome, failed
from mailserver.mail.terms import (
    NEVER,
    NO_TERMS,
    NOTHING_ASKED,
    Action,
    Asked,
    ByMode,
    DeliverBy,
    Notify,
    Terms,
    as_unitext,
    from_unitext,
)
from mailserver.storage.queue import State

Offered = Mapping[str, str]


@dataclass(slots=True)
class Envelope:
    """One mail transaction; domains are A-labels, so only a local part can be non-ASCII."""

    sender: str  # "" is the null reverse path
    recipients: tuple[str, ...]
    size: int  # bytes that will be sent
    eight_bit: bool
    utf8_header: bool  # the header needs SMTPUTF8, whatever the addresses
    terms: Terms = NO_TERMS
    asked: Mapping[str, Asked] = field(default_factory=dict)  # by recipient


def unfit(
    envelope: Envelope, recipient: str, offered: Offered, host: str, now: datetime
) -> Outcome | None:
    """Why this host cannot take the message for `recipient`, by what it offers."""
    limit = _number(offered.get("size", ""))
    # RFC 1870 §4: 0, or nothing, means that no fixed limit is in force.
    if limit and limit < envelope.size:
        return failed(Failure.TOO_LARGE, f"{envelope.size} bytes, limit {limit}", host)
    # RFC 6152 §3: 8-bit content must not go to a host that does not say it takes it.
    if envelope.eight_bit and "8bitmime" not in offered:
        return failed(Failure.EIGHT_BIT, "", host)
    utf8 = envelope.utf8_header or not (envelope.sender + recipient).isascii()
    if utf8 and "smtputf8" not in offered:
        return failed(Failure.UTF8_NEEDED, "", host)
    by = envelope.terms.deliver_by
    if by and by.mode is ByMode.RETURN:
        return _too_slow(by, offered, host, now)
    return None


def _too_slow(by: DeliverBy, offered: Offered, host: str, now: datetime) -> Outcome | None:
    """RFC 2852 §4.1.4.1: BY with R goes only where it is understood and can be kept."""
    if "deliverby" not in offered:
        return failed(Failure.NO_DELIVER_BY, "", host)
    left = int((by.moment - now).total_seconds())
    least = _number(offered["deliverby"].partition(",")[0])
    if left < max(least, 1):
        return failed(Failure.LATE, f"{left} s are left, the host wants {least}", host)
    return None


def mail_parameters(envelope: Envelope, offered: Offered, now: datetime) -> list[bytes]:
    """SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC 6531), and what the envelope asks for."""
    parameters = []
    if "size" in offered:
        parameters.append(b"SIZE=%d" % envelope.size)
    if envelope.eight_bit:
        parameters.append(b"BODY=8BITMIME")
    addresses = envelope.sender + "".join(envelope.recipients)
    if "smtputf8" in offered and (envelope.utf8_header or not addresses.isascii()):
        parameters.append(b"SMTPUTF8")
    if envelope.terms is not NO_TERMS:
        parameters += _terms_parameters(envelope.terms, offered, now)
    return parameters


def _terms_parameters(terms: Terms, offered: Offered, now: datetime) -> list[bytes]:
    parameters = []
    if "dsn" in offered and terms.returned:  # RFC 3461 §5.2.1
        parameters.append(f"RET={terms.returned}")
    if "dsn" in offered and terms.envelope_id:
        parameters.append(f"ENVID={terms.envelope_id}")
    # RFC 8689 §5: a report is sent on where the host does not know it, so here it may be missing.
    if terms.require_tls and "requiretls" in offered:
        parameters.append("REQUIRETLS")
    if terms.deliver_by and "deliverby" in offered:
        by = terms.deliver_by
        left = int((by.moment - now).total_seconds())
        parameters.append(f"BY={left};{by.mode}{'T' if by.trace else ''}")
    return [parameter.encode() for parameter in parameters]


def rcpt_parameters(envelope: Envelope, recipient: str, offered: Offered) -> list[bytes]:
    """NOTIFY and ORCPT, to a host that offers DSN; nothing is made up (RFC 3461 §5.2.1)."""
    if "dsn" not in offered:
        return []
    asked = envelope.asked.get(recipient, NOTHING_ASKED)
    parameters = []
    notify = asked.notify
    by = envelope.terms.deliver_by
    if by and by.mode is ByMode.NOTIFY and "deliverby" not in offered and notify != NEVER:
        # RFC 2852 §4.1.4.2: who cannot be told of the time shall tell of delays at least.
        notify = (Notify.FAILURE if notify is None else notify) | Notify.DELAY
    if notify is not None:
        parameters.append(f"NOTIFY={notify}")
    if orcpt := asked.original_recipient:
        parameters.append(f"ORCPT={_orcpt(orcpt, utf8='smtputf8' in offered)}")
    return [parameter.encode() for parameter in parameters]


def _orcpt(orcpt: str, *, utf8: bool) -> str:
    """As it was given; RFC 6533 §3: in ASCII for a host that does not take UTF-8."""
    if utf8 or orcpt.isascii():
        return orcpt
    kind, _, address = orcpt.partition(";")
    return f"{kind};{as_unitext(from_unitext(address))}"


def relayed(envelope: Envelope, outcome: Outcome, offered: Offered, now: datetime) -> Outcome:
    """A success, with what it is for the sender: who offers DSN reports what comes of it."""
    if outcome.state is not State.DELIVERED:
        return outcome
    by = envelope.terms.deliver_by
    # RFC 2852 §4.1.4: T asks every host; §4.1.4.2: and so does N where it cannot go along.
    traced = by is not None and (by.trace or ("deliverby" not in offered and now < by.moment))
    action = Action.RELAYED if traced or "dsn" not in offered else None
    return replace(outcome, action=action, traced=traced)


def _number(text: str) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() else 0
