"""Fields added on submission (RFC 6409 §8)."""

from __future__ import annotations

from datetime import UTC, datetime

from mailserver.mail.completion import missing_fields

_NOW = datetime(2026, 11, 24, 9, 12, 33, tzinfo=UTC)


def _missing(header: bytes) -> bytes:
    return missing_fields(header, now=_NOW, unique="17a.f3", domain="example.test")


def test_missing_date_and_message_id_are_made() -> None:
    assert _missing(b"From: a@example.test\r\n\r\n") == (
        b"Date: Tue, 24 Nov 2026 09:12:33 +0000\r\nMessage-ID: <17a.f3@example.test>\r\n"
    )


def test_fields_that_are_there_stay() -> None:
    assert _missing(b"MESSAGE-id: <x@y>\r\ndate: x\r\n") == b""
    assert _missing(b"Date: x\r\nX: \r\n Message-ID: <folded>\r\n").startswith(b"Message-ID: ")


def test_unique_part_is_made_an_atom() -> None:
    made = missing_fields(b"Date: x", now=_NOW, unique=".a b@c>\r\n.", domain="x")
    assert made == b"Message-ID: <a-b-c---@x>\r\n"
