"""Parameters of Content-Type and Content-Disposition, RFC 2231 included."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.parameters import (
    decode_parameters,
    join_continuations,
    parse_content_type,
    parse_disposition,
    parse_token,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"text/plain", (b"text", b"plain", [])),
        (
            b'TEXT/Plain; CHARSET="us-ascii"; Format=flowed',
            (b"text", b"plain", [(b"charset", b"us-ascii"), (b"format", b"flowed")]),
        ),
        # RFC 2045 §5.1: a comment
        (
            b"text/plain; charset=us-ascii (Plain text)",
            (b"text", b"plain", [(b"charset", b"us-ascii")]),
        ),
        (b"text / html ;", (b"text", b"html", [])),
        (b'a/b; x="a\\"b;c"; y=', (b"a", b"b", [(b"x", b'a"b;c'), (b"y", b"")])),
        (b'a/b; x="never closed', (b"a", b"b", [(b"x", b"never closed")])),
        (
            b"a/b; name=My File (1).pdf; x=1",
            (b"a", b"b", [(b"name", b"My File  .pdf"), (b"x", b"1")]),
        ),
        (b"a/b; name=file(1).pdf", (b"a", b"b", [(b"name", b"file(1).pdf")])),
        (
            b'multipart/mixed\tboundary="b"',
            (b"multipart", b"mixed", [(b"boundary", b"b")]),
        ),
        (
            b"a/b; charset=utf-8 format=flowed",
            (b"a", b"b", [(b"charset", b"utf-8"), (b"format", b"flowed")]),
        ),
        (b"a/b; junk; =x; c=d", (b"a", b"b", [(b"c", b"d")])),
        (b"a/b; x = y", (b"a", b"b", [(b"x", b"y")])),
    ],
)
def test_content_type(
    value: bytes, expected: tuple[bytes, bytes, list[tuple[bytes, bytes]]]
) -> None:
    assert parse_content_type(value) == expected


@pytest.mark.parametrize("value", [b"", b"text", b"/plain", b"text/", b";", b'"text/plain"'])
def test_what_names_no_media_type(value: bytes) -> None:
    assert parse_content_type(value) is None


def test_disposition() -> None:
    assert parse_disposition(b'INLINE; filename="a b"') == (b"inline", [(b"filename", b"a b")])
    # RFC 2183 §2.8: the unknown is an attachment
    assert parse_disposition(b'; filename="a"') == (b"attachment", [(b"filename", b"a")])
    assert parse_disposition(b'filename="a"') == (b"attachment", [(b"filename", b"a")])
    assert parse_disposition(b"") == (b"attachment", [])


def test_token() -> None:
    assert parse_token(b" Base64 ") == b"base64"
    assert parse_token(b"(c) 8bit; x") == b"8bit"
    assert parse_token(b"") == b""


# RFC 2231 §3, §4, §4.1
_SECTIONS = (
    b'message/external-body; access-type=URL; URL*0="ftp://"; URL*1="cs.utk.edu/pub/moore/x.tar"'
)
_EXTENDED = b"application/x-stuff; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A"
_BOTH = (
    b"application/x-stuff; title*0*=us-ascii'en'This%20is%20even%20more%20; "
    b'title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2="isn\'t it!"'
)


def test_rfc2231_examples_decode() -> None:
    def decoded(value: bytes) -> dict[str, str]:
        media = parse_content_type(value)
        assert media is not None
        return decode_parameters(media[2])

    assert decoded(_SECTIONS) == {
        "access-type": "URL",
        "url": "ftp://cs.utk.edu/pub/moore/x.tar",
    }
    assert decoded(_EXTENDED) == {"title": "This is ***fun***"}
    assert decoded(_BOTH) == {"title": "This is even more ***fun*** isn't it!"}


def test_sections_are_joined_for_bodystructure_and_stay_encoded() -> None:
    media = parse_content_type(_BOTH)
    assert media is not None
    assert join_continuations(media[2]) == [
        (
            b"title*",
            b"us-ascii'en'This%20is%20even%20more%20%2A%2A%2Afun%2A%2A%2A%20isn%27t%20it!",
        )
    ]
    plain = [(b"a", b"b"), (b"c*", b"x''y")]
    assert join_continuations(plain) == plain


def test_sections_may_come_in_any_order_and_end_at_a_gap() -> None:
    out_of_order = [(b"x*1", b"b"), (b"y", b"z"), (b"x*0", b"a"), (b"x*3", b"d")]
    assert join_continuations(out_of_order) == [(b"x", b"ab"), (b"y", b"z")]


def test_first_section_without_charset_gets_an_empty_one() -> None:
    assert join_continuations([(b"x*0", b"a'b"), (b"x*1*", b"%20")]) == [(b"x*", b"''a%27b%20")]


def test_extended_name_wins_over_the_plain_one() -> None:
    both = [(b"filename", b"x.txt"), (b"filename*", b"UTF-8''%e2%82%ac.txt")]
    assert decode_parameters(both) == {"filename": "\u20ac.txt"}
    assert decode_parameters([(b"filename*", b"no quotes%20x")]) == {"filename": "no quotes x"}


_PIECES = st.lists(
    st.sampled_from([b"a", b"/", b";", b"=", b'"', b" ", b"*", b"0", b"(", b")", b"\\", b"%", b"'"])
).map(b"".join)


@given(_PIECES)
def test_parameters_never_raise(value: bytes) -> None:
    media = parse_content_type(b"a/b;" + value)
    assert media is not None
    decode_parameters(media[2])
    parse_disposition(value)
    parse_token(value)
