"""The first words of a message, whatever they are wrapped in (RFC 8970)."""

from __future__ import annotations

import base64
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.digest import digest
from mailserver.mail.parts import PartTable
from mailserver.mail.preview import MOST, preview


def of(message: bytes) -> str:
    return preview(message, PartTable.decode(digest(message).parts).parts)


def typed(media: str, content: bytes, encoding: str = "8bit") -> bytes:
    head = f"Content-Type: {media}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + content


def multipart(kind: str, *parts: bytes) -> bytes:
    middle = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts)
    return f"Content-Type: multipart/{kind}; boundary=b\r\n\r\n".encode() + middle + b"--b--\r\n"


TEXT = "Grüße aus Köln, \r\n\t wo  es regnet."
SHOWN = "Grüße aus Köln, wo es regnet."


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (b"Subject: x\r\n\r\nGood\x07morning,\r\n\r\n  Ann\r\n", "Good morning, Ann"),
        (b"Subject: x\r\n\r\n", ""),
        (b"", ""),
        (typed("text/plain; charset=utf-8", TEXT.encode()), SHOWN),
        (typed("text/plain", TEXT.encode("latin-1")), SHOWN),
        (
            typed("text/plain; charset=utf-8", base64.encodebytes(TEXT.encode()), "base64"),
            SHOWN,
        ),
        (
            typed(
                "text/plain; charset=iso-8859-1",
                quopri.encodestring(TEXT.encode("latin-1")),
                "quoted-printable",
            ),
            SHOWN,
        ),
        (typed("image/png", b"\x89PNG", "binary"), ""),
        (
            multipart("alternative", typed("text/html", b"<p>no"), typed("text/plain", b"yes")),
            "yes",
        ),
        (
            multipart("alternative", typed("text/plain", b" \r\n"), typed("text/html", b"<p>yes")),
            "yes",
        ),
        (
            multipart(
                "mixed",
                typed("message/rfc822", b"Subject: y\r\n\r\nno"),
                typed("text/plain", b"yes"),
            ),
            "yes",
        ),
        (multipart("mixed", typed("message/rfc822", b"Subject: y\r\n\r\nno")), ""),
    ],
)
def test_the_preview_of_a_message(message: bytes, shown: str) -> None:
    assert of(message) == shown


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (
            "<html><head><title>no</title><style>p {}</style></head><p>Hel<b>lo</b>,</p>A&amp;B",
            "Hello, A&B",
        ),
        ("<!-- no --><div>a</div><div>b</div>", "a b"),
        ("<p title='x'>open <em", "open"),
        ("<style>never closed", ""),
        ("<p>Sale \u200c\u00a0\u034f\u200c\u00a0 today", "Sale today"),
        ("<style>" + "p { }\n" * 5000 + "</style><p>at last", "at last"),
        ("<style>" + "p { }\n" * 50000 + "</style><p>too late", ""),
    ],
)
def test_html_is_shown_without_its_markup(content: str, shown: str) -> None:
    assert of(typed("text/html; charset=utf-8", content.encode())) == shown


def test_a_preview_is_cut_between_characters() -> None:
    assert of(b"\r\n" + b"word " * 1000) == ("word " * 1000)[:MOST].rstrip()
    message = typed("text/plain; charset=utf-8", b"x" + b" " * 500 + "é".encode() * 5000)
    assert of(message) == "x " + "é" * (MOST - 2)
    # what is looked at ends within a character
    message = typed("text/plain; charset=utf-8", b" " * 1023 + "é".encode())
    assert of(message) == ""


@pytest.mark.parametrize("piece", ["<!--", "<style>", "<a ", "</style  ", "<", "&#1", "<!-- -->"])
def test_markup_that_is_never_closed_is_looked_at_once(piece: str) -> None:
    """What looks at the rest of it at each piece takes minutes here."""
    assert len(of(typed("text/html", piece.encode() * 100_000))) <= MOST


@given(
    st.binary(max_size=400),
    st.sampled_from(["text/plain", "text/html", "text/html; charset=utf-7"]),
)
def test_any_bytes_have_a_preview_of_one_line(content: bytes, media: str) -> None:
    shown = of(typed(media, content))
    assert len(shown) <= MOST
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in shown)
    shown.encode()
