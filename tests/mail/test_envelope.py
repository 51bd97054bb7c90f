"""ENVELOPE, known answers of RFC 3501 and the corners of §7.4.2."""

from __future__ import annotations

import pytest

from mailserver.mail.digest import digest
from mailserver.mail.nstring import nstring, string


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        (b"", b'""'),
        (b"plain text", b'"plain text"'),
        (b'say "hi" \\', b'"say \\"hi\\" \\\\"'),
        (b"tab\tok", b'"tab\tok"'),
        (b"caf\xc3\xa9", b"{5}\r\ncaf\xc3\xa9"),
        (b"a\rb", b"{3}\r\na\rb"),
        (b"a\0b", b'"ab"'),
        (b"\0\xff", b"{1}\r\n\xff"),
    ],
)
def test_strings_are_quoted_where_that_is_safe(value: bytes, wire: bytes) -> None:
    assert string(value) == wire
    assert nstring(value) == wire


def test_none_is_nil() -> None:
    assert nstring(None) == b"NIL"


def test_the_example_of_rfc3501_section_8() -> None:
    message = (
        b"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
        b"From: Terry Gray <gray@cac.washington.edu>\r\n"
        b"Subject: IMAP4rev1 WG mtg summary and minutes\r\n"
        b"To: imap@cac.washington.edu\r\n"
        b"cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
        b"Message-Id: <B27397-0100000@cac.washington.edu>\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\n"
    )
    assert digest(message).envelope == (
        b'("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" '
        b'"IMAP4rev1 WG mtg summary and minutes" '
        b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
        b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
        b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
        b'((NIL NIL "imap" "cac.washington.edu")) '
        b'((NIL NIL "minutes" "CNRI.Reston.VA.US")'
        b'("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL '
        b'"<B27397-0100000@cac.washington.edu>")'
    )


def _envelope(header: bytes) -> bytes:
    return digest(header + b"\r\n\r\n").envelope


def test_absent_fields_are_nil_and_empty_ones_are_empty() -> None:
    assert _envelope(b"X: y") == b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"
    assert _envelope(b"Subject:\r\nDate: \r\nMessage-ID:\r\nTo:") == (
        b'("" "" NIL NIL NIL NIL NIL NIL NIL "")'
    )


def test_sender_and_reply_to_of_their_own_are_shown() -> None:
    a, b, c = (b'((NIL NIL "%b" "x"))' % name for name in (b"a", b"b", b"c"))
    assert _envelope(b"From: a@x\r\nSender: b@x\r\nReply-To: c@x") == (
        b"(NIL NIL %b %b %b NIL NIL NIL NIL NIL)" % (a, b, c)
    )
    # RFC 3501 §7.4.2: empty ones default to From as absent ones do
    assert _envelope(b"From: a@x\r\nSender:\r\nReply-To: ") == (
        b"(NIL NIL %b %b %b NIL NIL NIL NIL NIL)" % (a, a, a)
    )


def test_folded_8_bit_and_nul_values() -> None:
    assert _envelope(b"Subject: a\r\n\tb\0\r\nIn-Reply-To: <x>\r\n <y>") == (
        b'(NIL "a\tb" NIL NIL NIL NIL NIL NIL "<x> <y>" NIL)'
    )
    assert _envelope(b"Subject: \xe4\r\nTo: \xe4 <a@b>") == (
        b'(NIL {1}\r\n\xe4 NIL NIL NIL (({1}\r\n\xe4 NIL "a" "b")) NIL NIL NIL NIL)'
    )


def test_first_field_counts_but_address_fields_add_up() -> None:
    assert _envelope(b"Subject: one\r\nSubject: two\r\nTo: a@x\r\nTo: b@x") == (
        b'(NIL "one" NIL NIL NIL ((NIL NIL "a" "x")(NIL NIL "b" "x")) NIL NIL NIL NIL)'
    )


def test_group_markers_are_on_the_wire() -> None:
    assert _envelope(b"To: Friends: a@x;") == (
        b'(NIL NIL NIL NIL NIL ((NIL NIL "Friends" NIL)(NIL NIL "a" "x")(NIL NIL NIL NIL)) '
        b"NIL NIL NIL NIL)"
    )
