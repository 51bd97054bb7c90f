"""Decoded text for SEARCH, and folding for comparison."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.digest import digest
from mailserver.mail.parts import PartTable
from mailserver.mail.text import What, fold, header_text, readable, stretch_text


def _text(message: bytes) -> list[str]:
    found = readable(PartTable.decode(digest(message).parts))
    return [
        stretch_text(message[stretch.start : stretch.end], stretch)
        for stretch in found
        if stretch.what is What.CONTENT
    ]


def test_header_text() -> None:
    assert header_text(b"Subject: =?utf-8?q?caf=C3=A9?=\r\n\t=?utf-8?q?_x?= y\r\n") == "café x y"
    assert header_text(b"Subject") == ""


def test_text_leaves_are_decoded_in_order() -> None:
    message = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain; charset=iso-8859-15\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n10 =A4 so=\r\nft\r\n"
        b"--b\r\nContent-Type: image/png\r\n\r\nPNG\r\n"
        b"--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n"
        b"\r\nPGI+w7w8L2I+\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ninside caf\xe9\r\n--b--\r\n"
    )
    assert _text(message) == ["10 \u20ac soft", "<b>ü</b>", "inside café"]


def test_body_is_read_with_the_headers_within_it_in_order() -> None:
    message = (
        b"Subject: outer\r\nContent-Type: multipart/report; boundary=b\r\n\r\n"
        b"--b\r\n\r\nnotice\r\n"
        b"--b\r\nContent-Type: message/delivery-status\r\n\r\nStatus: 5.1.1\r\n"
        b"--b\r\nContent-Type: image/png; name=a.png\r\n\r\nPNG\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\n"
        b"Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\n there\r\nX: y\r\n\r\ninside\r\n--b--\r\n"
    )
    found = readable(PartTable.decode(digest(message).parts))
    assert [(one.what, stretch_text(message[one.start : one.end], one)) for one in found] == [
        (What.MIME, ""),
        (What.CONTENT, "notice"),
        (What.MIME, "Content-Type: message/delivery-status"),
        (What.CONTENT, "Status: 5.1.1"),
        (What.MIME, "Content-Type: image/png; name=a.png"),
        (What.MIME, "Content-Type: message/rfc822"),
        (What.HEADER, "Subject: grüße there\r\nX: y"),
        (What.CONTENT, "inside"),
    ]


@pytest.mark.parametrize("encoding", [b"base64", b"quoted-printable", b"x-uuencode", b"binary"])
@given(body=st.binary())
def test_any_body_has_text(encoding: bytes, body: bytes) -> None:
    head = b"Content-Type: text/plain; charset=utf-7\nContent-Transfer-Encoding: "
    for text in _text(head + encoding + b"\n\n" + body):
        text.encode()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hello", "hELLO"),
        ("ÄÖÜ", "äöü"),
        ("a\u0308", "ä"),  # decomposed and composed
        ("\u01c4", "\u01c6"),  # DŽ and dž by way of their title case
        ("ΣΑΣ", "σας".replace("ς", "σ")),
        ("\uff21\uff22", "AB"),  # full width by compatibility decomposition
        ("Жизнь", "жИЗНЬ"),
    ],
)
def test_folding_makes_equal_what_rfc5051_holds_equal(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_folding_keeps_apart_what_rfc5051_keeps_apart() -> None:
    assert fold("ß") != fold("ss")  # no full case mapping
    assert fold("a") != fold("ä")


@given(st.text(), st.text(), st.text())
def test_folded_part_is_found_in_the_folded_whole(before: str, part: str, after: str) -> None:
    whole = f"{before} {part} {after}"
    assert f" {fold(part)} " in fold(whole)


@given(st.text())
def test_folding_twice_is_folding_once_for_ascii_and_case_pairs(text: str) -> None:
    assert fold(text.swapcase()) == fold(text) if text.isascii() else True
