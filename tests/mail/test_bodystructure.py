"""BODY and BODYSTRUCTURE, known answers."""

from __future__ import annotations

import pytest

from mailserver.mail.digest import digest
from mailserver.mail.parts import PartTable
from mailserver.mail.structure import MAX_DEPTH, MAX_PARTS


def _structure(message: bytes) -> bytes:
    return digest(message.replace(b"\n", b"\r\n")).bodystructure


def test_plain_text_of_rfc3501() -> None:
    # RFC 3501 §7.4.2: "a simple text message of 48 lines and 2279 octets"
    body = b"x" * 45 + b"\r\n"
    body = body * 47 + b"y" * (2279 - 47 * 47 - 2) + b"\r\n"
    found = digest(b"Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\n" + body)
    expected = b'("text" "plain" ("charset" "US-ASCII") NIL NIL "7bit" 2279 48)'
    assert found.body == expected
    assert found.bodystructure == expected[:-1] + b" NIL NIL NIL NIL)"


def test_two_parts_as_in_rfc3501() -> None:
    # RFC 3501 §7.4.2: a two part message, text and text with a name
    message = (
        b'MIME-Version: 1.0\nContent-Type: MULTIPART/MIXED; BOUNDARY="b"\n\n'
        b"preamble\n--b\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII\n\nfirst\ntext\n\n"
        b'--b\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII; NAME="cc.diff"\n'
        b"Content-ID: <960723163407.20117h@cac.washington.edu>\n"
        b"Content-Description: Compiler diff\nContent-Transfer-Encoding: BASE64\n\nAAAA\n"
        b"--b--\nepilogue\n"
    )
    found = digest(message.replace(b"\n", b"\r\n"))
    first = b'"text" "plain" ("charset" "US-ASCII") NIL NIL "7bit" 13 2'
    second = (
        b'"text" "plain" ("charset" "US-ASCII" "name" "cc.diff") '
        b'"<960723163407.20117h@cac.washington.edu>" "Compiler diff" "base64" 4 0'
    )
    assert found.body == b'((%b)(%b) "mixed")' % (first, second)
    nil = b" NIL NIL NIL NIL"
    assert found.bodystructure == (
        b'((%b%b)(%b%b) "mixed" ("boundary" "b") NIL NIL NIL)' % (first, nil, second, nil)
    )


def test_extension_data() -> None:
    assert _structure(
        b"Content-Type: application/pdf; name=x\nContent-MD5: Q2hlY2s=\n"
        b'Content-Disposition: ATTACHMENT; FileName="a b.pdf"; size=3\n'
        b"Content-Language: en, de\nContent-Location: http://x/\n\nabc"
    ) == (
        b'("application" "pdf" ("name" "x") NIL NIL "7bit" 3 "Q2hlY2s=" '
        b'("attachment" ("filename" "a b.pdf" "size" "3")) ("en" "de") "http://x/")'
    )
    assert _structure(
        b"Content-Type: multipart/mixed; boundary=b\nContent-Disposition: inline\n"
        b"Content-Language: en\n\n--b\n\nx\n--b--"
    ) == (
        b'(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 1 0 NIL NIL NIL NIL) "mixed" '
        b'("boundary" "b") ("inline" NIL) "en" NIL)'
    )


def test_message_inside_has_envelope_structure_and_lines() -> None:
    inner = b"From: a@x\nSubject: in\n\none\ntwo\n"
    found = _structure(
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n"
        + inner
        + b"\n--b--\n"
    )
    address = b'((NIL NIL "a" "x"))'
    assert found == (
        b'(("message" "rfc822" NIL NIL NIL "7bit" %d (NIL "in" %b %b %b NIL NIL NIL NIL NIL) '
        b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 10 2 NIL NIL NIL NIL) 5 '
        b'NIL NIL NIL NIL) "mixed" ("boundary" "b") NIL NIL NIL)'
    ) % (len(inner) + inner.count(b"\n"), address, address, address)


def test_lines_of_messages_in_messages_count_each() -> None:
    head = b"Content-Type: message/rfc822\n\n"
    found = _structure(head + head + b"\na\nb\n")
    assert found.count(b" 3 NIL NIL NIL NIL)") == 1  # the innermost message: empty line, a, b
    assert found.count(b" 5 NIL NIL NIL NIL)") == 1  # the one around it: two lines more
    assert b'"7bit" 6 2 NIL NIL NIL NIL) 3' in found


def test_digest_parts_are_messages_by_default() -> None:
    found = _structure(
        b"Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\ny\n"
        b"--b\nContent-Type: text/plain\n\nz\n--b--\n"
    )
    assert found.startswith(b'(("message" "rfc822" NIL NIL NIL "7bit" 15 (NIL "x" ')
    assert b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 1 0 NIL' in found


def test_rfc2231_sections_are_joined() -> None:
    assert _structure(
        b"Content-Type: text/html; charset=utf-8\n"
        b"Content-Disposition: attachment; filename*0*=utf-8''%e2%82%ac;\n filename*1=\" x\"\n\n"
    ) == (
        b'("text" "html" ("charset" "utf-8") NIL NIL "7bit" 0 0 NIL '
        b'("attachment" ("filename*" "utf-8\'\'%e2%82%ac%20x")) NIL NIL)'
    )


@pytest.mark.parametrize(
    "content_type",
    [
        b"",
        b"Content-Type: nonsense\n",
        b"Content-Type: multipart/mixed\n",
        b'Content-Type: multipart/mixed; boundary=""\n',
        b"Content-Type: multipart/mixed; boundary=never\n",
        b"Content-Type: text/plain\n",
        b"Content-Type: text/plain; charset=\n",
    ],
)
def test_what_cannot_be_read_is_plain_text(content_type: bytes) -> None:
    # RFC 2045 §5.2
    assert _structure(b"Subject: x\n" + content_type + b"\nbody\n") == (
        b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 6 1 NIL NIL NIL NIL)'
    )


def test_nesting_is_cut_to_opaque_content_at_the_limit() -> None:
    def part(level: int) -> bytes:
        return b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (level, level)

    found = digest(b"".join(part(level) for level in range(1000)) + b"\r\ntext")
    assert found.bodystructure.count(b'"mixed"') == MAX_DEPTH - 1
    assert found.bodystructure.count(b'"application" "octet-stream"') == 1
    messages = digest(b"Content-Type: message/rfc822\r\n\r\n" * 1000)
    assert messages.bodystructure.count(b'"rfc822"') == MAX_DEPTH - 1
    assert messages.bodystructure.count(b'"application" "octet-stream"') == 1


def test_parts_beyond_the_limit_are_left_out() -> None:
    parts = b"--b\r\n\r\nx\r\n" * 10_000
    found = digest(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + parts + b"--b--\r\n")
    assert found.bodystructure.count(b'"plain"') == MAX_PARTS - 1
    messages = b"--b\r\nContent-Type: message/rfc822\r\n\r\n\r\nx\r\n" * 10_000
    found = digest(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + messages)
    assert len(PartTable.decode(found.parts).parts) == MAX_PARTS
