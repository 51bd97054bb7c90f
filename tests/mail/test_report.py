"""Delivery status notifications, read back with Python's email package."""

from __future__ import annotations

import email
import email.policy
import quopri
from datetime import UTC, datetime
from email.message import EmailMessage, Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.digest import digest
from mailserver.mail.report import Action, RecipientStatus, Report, build_report

_NOW = datetime(2026, 11, 24, 9, 12, 33, tzinfo=UTC)
_ORIGINAL = b"From: alice@example.test\r\nSubject: hello\r\n\r\nThe body.\r\n"


def _report(original: bytes = _ORIGINAL, *, whole: bool = True, **changes: object) -> bytes:
    recipient = RecipientStatus(
        recipient="bob@example.net",
        action=Action.FAILED,
        status="5.1.1",
        diagnostic="550 5.1.1 no such user",
        remote_mta="mx.example.net",
        last_attempt=_NOW,
    )
    for name, value in changes.items():
        setattr(recipient, name, value)
    report = Report(
        reporting_mta="mx.example.test",
        sender="mailer-daemon@example.test",
        to="alice@example.test",
        recipients=[recipient, RecipientStatus("c@d.test", Action.DELAYED, "4.4.1")],
        original=original,
        whole=whole,
        arrival=_NOW,
        envelope_id="QQ314159",
    )
    return build_report(report, now=_NOW, message_id="<1@example.test>", boundary="=_b0undary")


def _parse(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    for part in message.walk():
        assert not part.defects, part.defects
    return message


def _blocks(status: Message) -> list[Message]:
    payload = status.get_payload()
    assert isinstance(payload, list)
    return [block for block in payload if isinstance(block, Message)]


def test_report_is_a_multipart_report_of_three_parts() -> None:
    raw = _report()
    message = _parse(raw)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["To"].addresses[0].addr_spec == "alice@example.test"
    assert message["From"] == "Mail Delivery System <mailer-daemon@example.test>"
    assert [part.get_content_type() for part in message.iter_parts()] == [
        "text/plain",
        "message/delivery-status",
        "message/rfc822",
    ]
    assert b'"report" ("report-type" "delivery-status"' in digest(raw).bodystructure
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")


def test_status_part_has_one_block_for_the_message_and_one_a_recipient() -> None:
    status = list(_parse(_report()).iter_parts())[1]
    assert [dict(block.items()) for block in _blocks(status)] == [
        {
            "Original-Envelope-Id": "QQ314159",
            "Reporting-MTA": "dns; mx.example.test",
            "Arrival-Date": "Tue, 24 Nov 2026 09:12:33 +0000",
        },
        {
            "Final-Recipient": "rfc822; bob@example.net",
            "Action": "failed",
            "Status": "5.1.1",
            "Remote-MTA": "dns; mx.example.net",
            "Diagnostic-Code": "smtp; 550 5.1.1 no such user",
            "Last-Attempt-Date": "Tue, 24 Nov 2026 09:12:33 +0000",
        },
        {"Final-Recipient": "rfc822; c@d.test", "Action": "delayed", "Status": "4.4.1"},
    ]


def test_reader_is_told_who_and_why() -> None:
    text = next(iter(_parse(_report()).iter_parts())).get_content().replace("\r\n", "\n")
    assert "<bob@example.net>:\n    host mx.example.net said: 550 5.1.1 no such user" in text
    assert "could not be delivered" in text
    assert "has not been delivered yet" in text
    assert "in our own words" in _report(reason="in our own words").decode()


def test_whole_original_comes_back_unchanged() -> None:
    raw = _report()
    assert b"\r\n\r\n" + _ORIGINAL + b"\r\n--=_b0undary--\r\n" in raw


def test_8_bit_original_is_declared() -> None:
    original = "Subject: x\r\n\r\ncafé\r\n".encode()
    raw = _report(original)
    message = _parse(raw)
    assert message["Content-Transfer-Encoding"] == "8bit"
    assert list(message.iter_parts())[2]["Content-Transfer-Encoding"] == "8bit"
    assert original in raw


@pytest.mark.parametrize("whole", [True, False])
def test_header_only_is_7_bit_whatever_it_holds(whole: bool) -> None:
    # a line too long makes message/rfc822 impossible, so the header alone comes back
    header = "Subject: café\r\nX: y\r\n".encode()
    original = header + b"\r\n" + (b"x" * 2000 + b"\r\n" if whole else b"body\r\n")
    raw = _report(original, whole=whole)
    assert raw.isascii()
    part = list(_parse(raw).iter_parts())[2]
    assert part.get_content_type() == "text/rfc822-headers"
    assert part["Content-Transfer-Encoding"] == "quoted-printable"
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    assert content.replace(b"\r\n", b"\n").strip() == header.replace(b"\r\n", b"\n").strip()


def test_internationalised_recipient_is_written_in_ascii() -> None:
    raw = _report(recipient="jürg@bücher.example")
    assert b"Final-Recipient: utf-8; j\\x{FC}rg@b\\x{FC}cher.example\r\n" in raw


@given(st.text(max_size=300))
def test_no_reply_text_breaks_the_structure(text: str) -> None:
    message = _parse(_report(diagnostic=text, remote_mta=text, reason=text))
    status = list(message.iter_parts())[1]
    assert [block["Status"] for block in _blocks(status)] == [None, "5.1.1", "4.4.1"]


def test_reader_of_a_delay_is_told_until_when() -> None:
    raw = _report(action=Action.DELAYED, retry_until=_NOW)
    assert b"    Tried until Tue, 24 Nov 2026 09:12:33 +0000.\r\n" in raw
    assert b"Will-Retry-Until: Tue, 24 Nov 2026 09:12:33 +0000\r\n" in raw


def test_original_with_nul_comes_back_as_its_header() -> None:
    assert b"Content-Type: text/rfc822-headers" in _report(b"Subject: x\r\n\r\na\0b\r\n")


def test_subject_says_the_worst() -> None:
    assert b"Subject: Undelivered Mail Returned to Sender\r\n" in _report()
    assert b"Subject: Delayed Mail" in _report(action=Action.DELAYED)


# ── internationalised (RFC 6533) ────────────────────────────────────────────────────────────


def _utf8_report(original: bytes, *, whole: bool, recipient: str) -> bytes:
    status = RecipientStatus(
        recipient, Action.FAILED, "5.1.1", original_recipient=r"utf-8;j\x{FC}rg@b\x{FC}cher.example"
    )
    report = Report("mx.a.test", "md@a.test", "al@a.test", [status], original, whole, _NOW)
    report.utf8 = True
    return build_report(report, now=_NOW, message_id="<1@a.test>", boundary="=_b0undary")


def _decoded(raw: bytes, media_type: str) -> bytes:
    """The body of the one part of this type, which Python would take for a message."""
    assert raw.isascii()
    _, _, rest = raw.partition(f"Content-Type: {media_type}\r\n".encode())
    head, _, body = rest.partition(b"\r\n\r\n")
    assert b"Content-Transfer-Encoding: quoted-printable" in head
    return quopri.decodestring(body.partition(b"\r\n--=_b0undary")[0])


@pytest.mark.parametrize(
    ("whole", "media_type"), [(True, "message/global"), (False, "message/global-headers")]
)
def test_internationalised_message_comes_back_in_types_of_its_own(
    whole: bool, media_type: str
) -> None:
    original = "From: jürg@bücher.example\r\nSubject: ü\r\n\r\nbödy\r\n".encode()
    raw = _utf8_report(original, whole=whole, recipient="jürg@bücher.example")
    fields = _decoded(raw, "message/global-delivery-status").decode()
    assert "Final-Recipient: utf-8; jürg@bücher.example\r\n" in fields
    assert "Original-Recipient: utf-8;jürg@bücher.example\r\n" in fields
    returned = _decoded(raw, media_type).strip()
    assert returned == (original if whole else original.partition(b"\r\n\r\n")[0]).strip()


def test_what_ascii_says_as_well_keeps_the_traditional_types() -> None:
    report = RecipientStatus("bob@example.net", Action.FAILED, "5.1.1")
    built = Report("mx.a.test", "md@a.test", "al@a.test", [report], _ORIGINAL, True, _NOW)
    built.utf8 = True
    raw = build_report(built, now=_NOW, message_id="<1@a.test>", boundary="=_b0undary")
    types = [part.get_content_type() for part in _parse(raw).iter_parts()]
    assert types == ["text/plain", "message/delivery-status", "message/rfc822"]


def test_times_that_were_asked_for_are_told() -> None:
    status = RecipientStatus("bob@example.net", Action.FAILED, "5.4.7")
    built = Report("mx.a.test", "md@a.test", "al@a.test", [status], _ORIGINAL, False, _NOW)
    built.envelope_id, built.hold_request, built.deliver_by = "QQ+20+2B", "for;60", _NOW
    raw = build_report(built, now=_NOW, message_id="<1@a.test>", boundary="=_b0undary")
    about = _blocks(list(_parse(raw).iter_parts())[1])[0]
    assert about["Original-Envelope-Id"] == "QQ +"
    assert about["Future-Release-Request"] == "for;60"
    assert about["Deliver-By-Date"] == "Tue, 24 Nov 2026 09:12:33 +0000"
