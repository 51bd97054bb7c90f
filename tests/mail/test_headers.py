"""Header fields and RFC 2047 words."""

from __future__ import annotations

import mmap
import tempfile
from email.header import decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.headers import (
    decode_base64,
    decode_words,
    end_of_header,
    field_value,
    fields,
    select,
    unfold,
    values,
)


@pytest.mark.parametrize(
    ("message", "end"),
    [
        (b"A: b\r\n\r\nbody", 8),
        (b"A: b\n\nbody", 6),
        (b"A: b\r\n\nbody", 7),
        (b"\r\nbody", 2),
        (b"\nbody", 1),
        (b"A: b\r\n", 6),
        (b"A: b", 4),
        (b"", 0),
    ],
)
def test_header_ends_after_the_first_empty_line(message: bytes, end: int) -> None:
    assert end_of_header(message) == end


def test_a_mapped_message_is_read_too() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"A: b\r\n\r\nbody")
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            assert end_of_header(mapped) == 8


def test_fields_keep_folding_and_survive_junk() -> None:
    header = (
        b" leading\r\nFrom: a\r\n\tb\r\nno colon\r\nSubject : x\nX\xff: y\r\nNul: a\0b\r\n"
        b"Spaced name: z\r\n: nameless\r\nLast:\r\n\r\n"
    )
    found = list(fields(header))
    assert found == [
        (b"", b" leading\r\n"),
        (b"From", b"From: a\r\n\tb\r\n"),
        (b"", b"no colon\r\n"),
        (b"Subject", b"Subject : x\n"),
        (b"", b"X\xff: y\r\n"),
        (b"Nul", b"Nul: a\0b\r\n"),
        (b"", b"Spaced name: z\r\n"),
        (b"", b": nameless\r\n"),
        (b"Last", b"Last:\r\n"),
    ]


@given(st.lists(st.sampled_from([b"A", b":", b" ", b"\t", b"\r", b"\n", b"\0", b"\xff"])))
def test_raw_fields_joined_are_the_header(pieces: list[bytes]) -> None:
    header = b"".join(pieces)
    joined = b"".join(raw for _, raw in fields(header))
    assert joined.replace(b"\n", b"").replace(b"\r", b"") == header.replace(b"\n", b"").replace(
        b"\r", b""
    )
    for name, raw in fields(header):
        assert name == b"" or raw.startswith(name)
        assert raw


def test_selected_fields_are_those_named_or_the_others() -> None:
    header = b"From: a\r\nTO: b\r\n c\r\njunk\r\nfrom: d"
    names = frozenset({b"from"})
    assert select(header, names) == b"From: a\r\nfrom: d\r\n"
    assert select(header, names, others=True) == b"TO: b\r\n c\r\njunk\r\n"
    assert select(header, frozenset({b"date"})) == b""


def test_values_are_unfolded_by_lower_case_name() -> None:
    bodies, raw = values(
        b"TO: a\r\nSubject :  x\r\n  y \r\nto: b\r\nto\r\n\r\n", frozenset({b"to", b"subject"})
    )
    assert bodies == {b"to": [b"a", b"b"], b"subject": [b"x  y"]}
    assert raw == []


def test_unfolding_removes_only_the_line_ends() -> None:
    assert unfold(b" a\r\n\t b\n c \r\n") == b"a\t b c"
    assert field_value(b"Subject: a:b\r\n c\r\n") == b"a:b c"


# RFC 2047 §8: the table of how adjacent words are displayed, and the examples before it.
@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"(=?ISO-8859-1?Q?a?=)", "(a)"),
        (b"(=?ISO-8859-1?Q?a?= b)", "(a b)"),
        (b"(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"),
        (b"(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)", "(ab)"),
        (b"(=?ISO-8859-1?Q?a?=\t =?ISO-8859-1?Q?b?=)", "(ab)"),
        (b"(=?ISO-8859-1?Q?a_b?=)", "(a b)"),
        (b"(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)"),
        (b"=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>", "Keith Moore <moore@cs.utk.edu>"),
        (b"=?ISO-8859-1?Q?Patrik_F=E4ltstr=F6m?=", "Patrik Fältström"),
        (
            (
                b"=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?= "
                b"=?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?="
            ),
            "If you can read this you understand the example.",
        ),
        (b"=?iso-8859-8?b?7eXs+SDv4SDp7Oj08A==?=", "םולש ןב ילטפנ"),
        (b"=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"),  # RFC 2231 §5
        (b"a =?utf-8?q?b?= c =?utf-8?q?d?=", "a b c d"),
        (b"=?utf-8?b?4oI=?= =?UTF-8?b?rA==?=", "\u20ac"),  # one character split between two words
        (b"=?iso-8859-1?q?=E4?= =?utf-8?q?=C3=A4?=", "ää"),
        (b"=?utf-8?q?two words?=", "two words"),
        (b"=?x-unknown?q?caf=C3=A9?=", "café"),
        (b"=?utf-8?q?=FF?=", "\ufffd"),
        (b"=?utf-8?b?YWJj!ZGVm?=", "abcdef"),
        (b"=?utf-8?b?YWJ?=", "ab"),
        (b"=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
        (b"=?utf-8?q?abc", "=?utf-8?q?abc"),
        (b"caf\xc3\xa9", "café"),
        (b"caf\xe9", "café"),
        (b"=?utf-8?q?=00?=x", "\ufffdx"),
        (b"", ""),
    ],
)
def test_encoded_words(raw: bytes, text: str) -> None:
    assert decode_words(raw) == text


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=60))
def test_words_the_email_package_writes_are_read_back(text: str) -> None:
    from email.header import Header

    written = Header(text, "utf-8", maxlinelen=60).encode(linesep="\r\n")
    expected = str(make_header(decode_header(written)))
    assert decode_words(unfold(written.encode())) == expected


@given(st.binary())
def test_words_never_raise(raw: bytes) -> None:
    decode_words(raw).encode()
    decode_words(b"=?utf-7?q?" + raw + b"?= =?iso-2022-jp?b?" + raw + b"?=").encode()


@given(st.binary())
def test_base64_never_raises(raw: bytes) -> None:
    decode_base64(raw)
