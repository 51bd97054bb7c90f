"""Delivery status notifications: the multipart/report of RFC 3464 and 6522, and of RFC 6533.

Invariants: pure; lines end by CR LF; what remote servers and senders wrote cannot break the
structure; everything but a whole 8-bit original, and a To field that is not ASCII, is 7-bit: the
parts of RFC 6533 are encoded, so that hosts without SMTPUTF8 carry them (§4.5). The caller sends
it with the null reverse path (RFC 3464 §2) and sees that the boundary stands in no line of the
original.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from datetime import datetime

from mailserver.mail.dates import format_date
from mailserver.mail.folding import fold_field, printable
from mailserver.mail.headers import end_of_header
from mailserver.mail.terms import Action, as_unitext, decoded, original_address

MAX_LINE = 998  # octets without CR LF, RFC 5322 §2.1.1
_LINE_END = re.compile(rb"\r\n|\n|\r")


@dataclass(slots=True)
class RecipientStatus:
    """What became of one recipient (RFC 3464 §2.3). Times are aware."""

    recipient: str  # addr-spec of the RCPT we answered for
    action: Action
    status: str  # RFC 3463 code, "5.1.1"
    diagnostic: str | None = None  # the remote reply in one line, "550 5.1.1 no such user"
    remote_mta: str | None = None  # host name of who said so
    last_attempt: datetime | None = None
    retry_until: datetime | None = None  # for DELAYED
    original_recipient: str | None = None  # ORCPT as given, "rfc822;a@b" (RFC 3461 §4.2)
    reason: str | None = None  # our own words for the reader; default is the diagnostic


@dataclass(slots=True)
class Report:
    """A notification to build. `original` is the whole message, or only its header."""

    reporting_mta: str  # our host name
    sender: str  # addr-spec of the From field, "mailer-daemon@host"
    to: str  # addr-spec: the reverse path of the original
    recipients: list[RecipientStatus]
    original: bytes
    whole: bool  # give back all of the original, or its header only (RFC 3461 §4.3 RET)
    arrival: datetime | None
    envelope_id: str | None = None  # ENVID as given, in xtext (RFC 3461 §4.4)
    deliver_by: datetime | None = None  # RFC 2852 §5
    hold_request: str | None = None  # RFC 4865 §5.1.2
    utf8: bool = False  # the message needed SMTPUTF8: the types of RFC 6533 where ASCII loses


def build_report(report: Report, *, now: datetime, message_id: str, boundary: str) -> bytes:
    """The notification as a message. `message_id` has its brackets; `boundary` is unguessable.

    `boundary` is at most 70 letters, digits or "=_-" (RFC 2046 §5.1.1).
    """
    original = _original_part(report)
    encoding = "8bit" if not original.isascii() else "7bit"
    delimiter = b"--" + boundary.encode("ascii")
    return b"".join(
        (
            _header(report, now, message_id, boundary, encoding),
            b"This is a MIME-encoded delivery status notification.\r\n\r\n",
            delimiter,
            b"\r\n",
            _human_part(report),
            delimiter,
            b"\r\n",
            _status_part(report),
            delimiter,
            b"\r\n",
            original,
            b"\r\n",
            delimiter,
            b"--\r\n",
        )
    )


def _header(report: Report, now: datetime, message_id: str, boundary: str, encoding: str) -> bytes:
    return b"".join(
        (
            fold_field("Date", [format_date(now)]),
            fold_field("From", ["Mail Delivery System", f"<{report.sender}>"]),
            fold_field("To", [f"<{report.to}>"]),
            fold_field("Subject", [_SUBJECTS[_worst(report)]]),
            fold_field("Message-ID", [message_id]),
            fold_field("Auto-Submitted", ["auto-replied"]),  # RFC 3834 §3.1.7
            fold_field("MIME-Version", ["1.0"]),
            fold_field(
                "Content-Type",
                ["multipart/report;", "report-type=delivery-status;", f'boundary="{boundary}"'],
            ),
            fold_field("Content-Transfer-Encoding", [encoding]),
            b"\r\n",
        )
    )


_SUBJECTS = {
    Action.FAILED: "Undelivered Mail Returned to Sender",
    Action.DELAYED: "Delayed Mail (still being retried)",
    Action.DELIVERED: "Successful Mail Delivery Report",
    Action.RELAYED: "Successful Mail Delivery Report",
    Action.EXPANDED: "Successful Mail Delivery Report",
}
_SENTENCES = {
    Action.FAILED: "Your message could not be delivered to the recipients below.\n"
    "It will not be tried again.",
    Action.DELAYED: "Your message has not been delivered yet to the recipients below.\n"
    "You need not send it again: delivery is still being tried.",
    Action.DELIVERED: "Your message was delivered to the recipients below.",
    Action.RELAYED: "Your message was passed on to a mail server that sends no delivery reports:",
    Action.EXPANDED: "Your message was sent on to the members of the lists below.",
}


def _worst(report: Report) -> Action:
    actions = {recipient.action for recipient in report.recipients}
    return next((action for action in Action if action in actions), Action.FAILED)


def _human_part(report: Report) -> bytes:
    lines = [f"This is the mail system at host {report.reporting_mta}."]
    for action in Action:
        told = [r for r in report.recipients if r.action is action]
        if told:
            lines += ["", *_SENTENCES[action].split("\n")]
        for recipient in told:
            reason = recipient.reason or recipient.diagnostic or f"status {recipient.status}"
            host = f"host {recipient.remote_mta} said: " if recipient.remote_mta else ""
            lines += ["", f"<{recipient.recipient}>:", f"    {host}{reason}"]
            if recipient.retry_until is not None:
                lines.append(f"    Tried until {format_date(recipient.retry_until)}.")
    text = "".join(printable(line) + "\r\n" for line in lines).encode()
    return _text_part("text/plain; charset=utf-8", "Notification", text) + b"\r\n"


def _text_part(media_type: str, description: str, text: bytes) -> bytes:
    """A text entity that is 7-bit: as it is, or quoted-printable. `text` has CR LF line ends."""
    plain = text.isascii() and all(len(line) <= MAX_LINE for line in text.split(b"\r\n"))
    plain = plain and b"\0" not in text
    head = f"Content-Type: {media_type}\r\nContent-Description: {description}\r\n"
    encoding = "7bit" if plain else "quoted-printable"
    body = text if plain else _quoted_printable(text)
    return f"{head}Content-Transfer-Encoding: {encoding}\r\n\r\n".encode("ascii") + body


def _quoted_printable(text: bytes) -> bytes:
    encoded = binascii.b2a_qp(text.replace(b"\r\n", b"\n"), istext=True)
    return encoded.replace(b"\n", b"\r\n")


def _status_part(report: Report) -> bytes:
    """message/delivery-status: per-message fields, then a block for each recipient (§2.1)."""
    blocks = [
        _fields(
            report,
            # RFC 3461 §6.3 (a): decoded
            ("Original-Envelope-Id", decoded(report.envelope_id or "")),
            ("Reporting-MTA", f"dns; {report.reporting_mta}"),
            ("Arrival-Date", _date(report.arrival)),
            ("Deliver-By-Date", _date(report.deliver_by)),
            ("Future-Release-Request", report.hold_request),
        ),
        *(_recipient_fields(report, recipient) for recipient in report.recipients),
    ]
    fields = b"\r\n".join(blocks)
    if not fields.isascii():
        return _text_part("message/global-delivery-status", "Delivery report", fields) + b"\r\n"
    head = "Content-Type: message/delivery-status\r\nContent-Description: Delivery report\r\n\r\n"
    return head.encode("ascii") + fields + b"\r\n"


def _recipient_fields(report: Report, recipient: RecipientStatus) -> bytes:
    remote, diagnostic = recipient.remote_mta, recipient.diagnostic
    original = recipient.original_recipient
    return _fields(
        report,
        ("Original-Recipient", original and original_address(original, utf8=report.utf8)),
        ("Final-Recipient", _typed_address(recipient.recipient, utf8=report.utf8)),
        ("Action", recipient.action),
        ("Status", recipient.status),
        ("Remote-MTA", f"dns; {remote}" if remote else None),
        ("Diagnostic-Code", f"smtp; {diagnostic}" if diagnostic else None),
        ("Last-Attempt-Date", _date(recipient.last_attempt)),
        ("Will-Retry-Until", _date(recipient.retry_until)),
    )


def _fields(report: Report, *pairs: tuple[str, str | None]) -> bytes:
    return b"".join(
        fold_field(name, (value if report.utf8 else _ascii(value)).split(), indent="    ")
        for name, value in pairs
        if value
    )


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode("ascii")


def _date(moment: datetime | None) -> str | None:
    return None if moment is None else format_date(moment)


def _typed_address(address: str, *, utf8: bool) -> str:
    if address.isascii():
        return f"rfc822; {address}"
    # RFC 6533 §3: message/delivery-status has utf-8-addr-xtext, §4.1: the global one UTF-8.
    return f"utf-8; {address if utf8 else as_unitext(address)}"


def _original_part(report: Report) -> bytes:
    """The whole original, or its header (RFC 6522 §4); of RFC 6533 where the header is UTF-8."""
    original = report.original
    header = original[: end_of_header(original)].rstrip(b"\r\n") + b"\r\n"
    utf8 = report.utf8 and not header.isascii()
    if report.whole and utf8:
        # §4.2: message/global may be encoded, which message/rfc822 may not.
        return _text_part("message/global", "Undelivered message", original)
    if report.whole and _is_sendable(original):
        encoding = "7bit" if original.isascii() else "8bit"
        head = (
            "Content-Type: message/rfc822\r\n"
            "Content-Description: Undelivered message\r\n"
            f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
        )
        return head.encode("ascii") + original
    media_type = "message/global-headers" if utf8 else "text/rfc822-headers"
    return _text_part(media_type, "Message header", _LINE_END.sub(b"\r\n", header))


def _is_sendable(original: bytes) -> bool:
    """Whether the message can be a part as it is: RFC 2046 §5.2.1 allows it no encoding."""
    if b"\0" in original:
        return False
    return all(len(line) <= MAX_LINE for line in original.split(b"\r\n"))
