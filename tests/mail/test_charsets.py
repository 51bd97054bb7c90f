"""Charsets of mail: names, superset aliases, and codecs that are none."""

from __future__ import annotations

import encodings
import pkgutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.charsets import codec_name, decode


@pytest.mark.parametrize(
    ("raw", "charset", "text"),
    [
        (b"abc", "us-ascii", "abc"),
        (b"caf\xc3\xa9", "us-ascii", "café"),
        (b"caf\xe9", "us-ascii", "café"),
        (b"\x93x\x94", "iso-8859-1", "\u201cx\u201d"),  # windows-1252 sent under the wrong name
        (b"\xa4", "ISO-8859-15", "\u20ac"),
        ("漢字".encode("gb18030"), "gb2312", "漢字"),
        ("日本語".encode("iso2022_jp"), "ISO-2022-JP", "日本語"),
        ("한국".encode("cp949"), "ks_c_5601-1987", "한국"),
        (b"+AOQ-", "utf-7", "ä"),
        (b"a", "utf-16", "\ufffd"),
        (b"caf\xc3\xa9", "no-such-charset", "café"),
        (b"\xff", "utf-8", "\ufffd"),
        (b"a\0b", "utf-8", "a\ufffdb"),
        (b"+2AA-", "utf-7", "\ufffd"),
    ],
)
def test_bytes_are_read_by_their_charset(raw: bytes, charset: str, text: str) -> None:
    assert decode(raw, charset) == text


@pytest.mark.parametrize(
    "name",
    [
        "unicode_escape",
        "raw_unicode_escape",
        "idna",
        "punycode",
        "hex",
        "zlib",
        "rot13",
        "bz2",
        "undefined",
        "",
        "../../etc",
        "a" * 100,
        "utf-8\x00",
        "ü",
    ],
)
def test_codecs_that_are_no_charset_are_unknown(name: str) -> None:
    assert codec_name(name) is None
    assert decode(b"\\x41", name) == "\\x41"


def test_no_codec_of_python_that_is_taken_for_a_charset_raises() -> None:
    samples = [bytes(range(256)), b"\x1b$B\xff(J", b"~{~", b"+2AA", b"\xff\xfe\x00", b"a", b""]
    for module in pkgutil.iter_modules(encodings.__path__):
        for sample in samples:
            decode(sample, module.name).encode()


_NAMES = ["utf-7", "utf-16", "utf-32", "iso-2022-jp", "hz", "cp932", "big5", "gb18030", "x"]


@given(st.binary(), st.one_of(st.sampled_from(_NAMES), st.text(max_size=20)))
def test_any_bytes_under_any_name_are_storable_text(raw: bytes, charset: str) -> None:
    text = decode(raw, charset)
    assert "\0" not in text
    text.encode()
