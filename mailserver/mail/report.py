"""Delivery status notifications: the multipart/report of RFC 3464 and 6522.

Invariants: pure; lines end by CR LF; what remote servers and senders wrote cannot break the
structure; everything but a whole 8-bit original is 7-bit. The caller sends it with the null reverse
path (RFC 3464 §2) and sees that the boundary stands in no line of the original.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from mailserver.mail.dates import format_date
from mailserver.mail.folding import fold_field, printable
from mailserver.mail.headers import end_of_header

MAX_LINE = 998  # octets without CR LF, RFC 5322 §2.1.1
_LINE_END = re.compile(rb"\r\n|\n|\r")
# RFC 6533 §3: utf-8-addr-xtext leaves QCHAR, that is printable ASCII but "+", "=" and "\\"
_NOT_XTEXT = re.compile(r"[^!-*,-<>-\[\]-~]")


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
    envelope_id: str | None = None  # ENVID of RFC 3461 §4.4


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
        "Content-Type: message/delivery-status\r\nContent-Description: Delivery report\r\n".encode(
            "ascii"
        ),
        _fields(
            ("Original-Envelope-Id", report.envelope_id),
            ("Reporting-MTA", f"dns; {report.reporting_mta}"),
            ("Arrival-Date", _date(report.arrival)),
        ),
    ]
    blocks += [_recipient_fields(recipient) for recipient in report.recipients]
    return b"\r\n".join(blocks) + b"\r\n"


def _recipient_fields(recipient: RecipientStatus) -> bytes:
    remote = recipient.remote_mta
    diagnostic = recipient.diagnostic
    return _fields(
        ("Original-Recipient", recipient.original_recipient),
        ("Final-Recipient", _typed_address(recipient.recipient)),
        ("Action", recipient.action.value),
        ("Status", recipient.status),
        ("Remote-MTA", f"dns; {remote}" if remote else None),
        ("Diagnostic-Code", f"smtp; {diagnostic}" if diagnostic else None),
        ("Last-Attempt-Date", _date(recipient.last_attempt)),
        ("Will-Retry-Until", _date(recipient.retry_until)),
    )


def _fields(*pairs: tuple[str, str | None]) -> bytes:
    return b"".join(
        fold_field(name, _ascii(value).split(), indent="    ") for name, value in pairs if value
    )


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode("ascii")


def _date(moment: datetime | None) -> str | None:
    return None if moment is None else format_date(moment)


def _typed_address(address: str) -> str:
    if address.isascii():
        return f"rfc822; {address}"
    # RFC 6533 §3: in message/delivery-status a UTF-8 address is written as utf-8-addr-xtext
    return "utf-8; " + _NOT_XTEXT.sub(lambda found: f"\\x{{{ord(found[0]):02X}}}", address)


def _original_part(report: Report) -> bytes:
    """message/rfc822 of the whole original, or text/rfc822-headers (RFC 6522 §4)."""
    original = report.original
    if report.whole and _is_sendable(original):
        encoding = "7bit" if original.isascii() else "8bit"
        head = (
            "Content-Type: message/rfc822\r\n"
            "Content-Description: Undelivered message\r\n"
            f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
        )
        return head.encode("ascii") + original
    header = original[: end_of_header(original)].rstrip(b"\r\n") + b"\r\n"
    text = _LINE_END.sub(b"\r\n", header)
    return _text_part("text/rfc822-headers", "Undelivered message header", text)


def _is_sendable(original: bytes) -> bool:
    """Whether the message can be a part as it is: RFC 2046 §5.2.1 allows it no encoding."""
    if b"\0" in original:
        return False
    return all(len(line) <= MAX_LINE for line in original.split(b"\r\n"))
