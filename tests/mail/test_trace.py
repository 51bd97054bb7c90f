"""The prefix: Received, Return-Path, Delivered-To."""

from __future__ import annotations

import email
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.addresses import Address
from mailserver.mail.folding import fold_field
from mailserver.mail.trace import (
    delivered_to_field,
    protocol_keyword,
    received_field,
    return_path_field,
)

_WHEN = datetime(2026, 11, 24, 9, 12, 33, tzinfo=UTC)


def test_received_field_of_one_recipient_over_tls() -> None:
    assert received_field(
        helo="mail.example.net",
        client_name="mail.example.net",
        client_address="2001:db8::1",
        by="mx.example.test",
        protocol="ESMTPS",
        transaction_id="4F1B2C",
        when=_WHEN,
        tls="TLS_AES_256_GCM_SHA384",
        recipient=Address("bob", "example.test"),
    ) == (
        b"Received: from mail.example.net (mail.example.net [IPv6:2001:db8::1])\r\n"
        b"\tby mx.example.test with ESMTPS id 4F1B2C for <bob@example.test>\r\n"
        b"\ttls TLS_AES_256_GCM_SHA384; Tue, 24 Nov 2026 09:12:33 +0000\r\n"
    )


def test_received_field_without_client_name_or_address() -> None:
    def field(address: str | None) -> bytes:
        return received_field(
            helo="",
            client_name=None,
            client_address=address,
            by="mx",
            protocol="SMTP",
            transaction_id="1",
            when=_WHEN,
        )

    assert b"from unknown (unknown [192.0.2.1]) by mx with SMTP id 1;" in field("192.0.2.1")
    assert b"(unknown [192.0.2.1])" in field("::ffff:192.0.2.1")
    assert b"(unknown [IPv6:fe80::1])" in field("fe80::1%eth0")
    assert b"(unknown [unknown])" in field("not an address")
    assert field(None).startswith(b"Received: from unknown by mx with SMTP id 1;")


@pytest.mark.parametrize(
    ("extended", "tls", "authenticated", "smtputf8", "keyword"),
    [
        (False, False, False, False, "SMTP"),
        (True, False, False, False, "ESMTP"),
        (True, True, False, False, "ESMTPS"),
        (True, True, True, False, "ESMTPSA"),
        (True, False, True, False, "ESMTPA"),
        (True, True, True, True, "UTF8SMTPSA"),
        (True, False, False, True, "UTF8SMTP"),
    ],
)
def test_protocol_keywords_of_rfc3848_and_rfc6531(
    extended: bool, tls: bool, authenticated: bool, smtputf8: bool, keyword: str
) -> None:
    found = protocol_keyword(
        extended=extended, tls=tls, authenticated=authenticated, smtputf8=smtputf8
    )
    assert found == keyword


@pytest.mark.parametrize(
    ("helo", "address", "expected"),
    [
        ("[IPv6:2001:db8::1]", "2001:db8::1", b"[IPv6:2001:db8::1] (unknown [IPv6:2001:db8::1])"),
        ("[192.0.2.1]", "192.0.2.1", b"[192.0.2.1] (unknown [192.0.2.1])"),
        ("xn--bcher-kva.example", "192.0.2.1", b"xn--bcher-kva.example (unknown [192.0.2.1])"),
        # a literal says again what is kept private, and may not stand alone (RFC 5321 §4.4)
        ("[192.168.1.23]", None, b"unknown"),
        ("[IPv6:fe80::1]", None, b"unknown"),
        ("laptop.lan", None, b"laptop.lan"),
    ],
)
def test_who_a_received_field_is_from(helo: str, address: str | None, expected: bytes) -> None:
    field = received_field(
        helo=helo,
        client_name=None,
        client_address=address,
        by="mx",
        protocol="SMTP",
        transaction_id="1",
        when=_WHEN,
    )
    assert field.replace(b"\r\n\t", b" ").startswith(b"Received: from " + expected + b" by mx ")


def test_received_for_an_internationalised_recipient() -> None:
    field = received_field(
        helo="client.test",
        client_name=None,
        client_address="192.0.2.1",
        by="mx",
        protocol=protocol_keyword(extended=True, tls=True, smtputf8=True),
        transaction_id="1",
        when=_WHEN,
        recipient=Address("bjørn", "bücher.example"),
    )
    words = field.replace(b"\r\n\t", b" ").decode()
    assert " with UTF8SMTPS id 1 for <bjørn@bücher.example>; " in words


def test_paths() -> None:
    assert return_path_field(None) == b"Return-Path: <>\r\n"
    assert return_path_field(Address("a b", "x")) == b'Return-Path: <"a b"@x>\r\n'
    assert delivered_to_field(Address("jürg", "x")) == "Delivered-To: jürg@x\r\n".encode()


def test_helo_cannot_pass_for_other_clauses() -> None:
    field = received_field(
        helo="a (trusted [10.0.0.1]) by b; x",
        client_name="p by q",
        client_address="192.0.2.1",
        by="mx",
        protocol="ESMTP",
        transaction_id="1 for <x@y>",
        when=_WHEN,
    )
    words = field.replace(b"\r\n\t", b" ")
    assert b"from a??trusted?[10.0.0.1]??by?b??x (p?by?q [192.0.2.1]) by mx with ESMTP id " in words
    assert b"id 1?for??x?y?; Tue," in words


@given(st.text(), st.text(), st.text(), st.text())
def test_nothing_a_client_says_adds_a_field(helo: str, name: str, address: str, tls: str) -> None:
    field = received_field(
        helo=helo,
        client_name=name,
        client_address=address,
        by="mx.example.test",
        protocol="ESMTP",
        transaction_id=tls,
        when=_WHEN,
        tls=tls,
        recipient=Address(helo, "example.test"),
    )
    assert field.endswith(b"\r\n")
    parsed = email.message_from_bytes(field + b"\r\n")
    assert parsed.keys() == ["Received"]
    lines = field[:-2].split(b"\r\n")
    assert all(line.startswith(b"\t") for line in lines[1:])
    assert not any(b"\r" in line or b"\n" in line for line in lines)


def test_folding_keeps_to_78_columns_where_words_allow() -> None:
    field = fold_field("X", ["word"] * 40 + ["w" * 100, "end"])
    lines = field.split(b"\r\n")
    assert [len(line) <= 78 for line in lines].count(False) == 1
    assert b"".join(lines).replace(b"\t", b" ") == b"X: " + b" ".join(
        [*[b"word"] * 40, b"w" * 100, b"end"]
    )
