"""Content-Transfer-Encodings come apart the same in any pieces."""

import base64
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.parts import Encoding
from mailserver.mail.text import decode_content
from mailserver.mail.transfer_encoding import decoder

KNOWN = [Encoding.IDENTITY, Encoding.BASE64, Encoding.QUOTED_PRINTABLE]
QUOTED = st.lists(
    st.sampled_from([b"=", b"=\r\n", b"=4", b"1", b"\r\n", b"\n", b"=C3=A9", b" ", b"abc", b"\0"])
).map(b"".join)


def in_pieces(encoding: Encoding, content: bytes, size: int) -> bytes:
    decoding = decoder(encoding)
    pieces = [content[place : place + size] for place in range(0, len(content), size)]
    return b"".join([*map(decoding.feed, pieces), decoding.end()])


@given(st.binary(max_size=300), st.integers(1, 80))
def test_base64_comes_back(octets: bytes, size: int) -> None:
    content = base64.encodebytes(octets).replace(b"\n", b"\r\n")
    assert in_pieces(Encoding.BASE64, content, size) == octets


@given(st.binary(max_size=300), st.integers(1, 80))
def test_quoted_printable_comes_back(octets: bytes, size: int) -> None:
    content = quopri.encodestring(octets)
    assert in_pieces(Encoding.QUOTED_PRINTABLE, content, size) == octets


@given(QUOTED, st.integers(1, 9))
def test_malformed_quoted_printable_is_the_same_in_any_pieces(content: bytes, size: int) -> None:
    whole = decode_content(content, Encoding.QUOTED_PRINTABLE)
    assert in_pieces(Encoding.QUOTED_PRINTABLE, content, size) == whole


@given(st.text(st.sampled_from("AZaz09+/-\r\n é")).map(str.encode), st.integers(1, 9))
def test_malformed_base64_is_the_same_in_any_pieces(content: bytes, size: int) -> None:
    assert in_pieces(Encoding.BASE64, content, size) == decode_content(content, Encoding.BASE64)


@given(st.sampled_from(KNOWN), st.binary(max_size=100), st.integers(1, 9))
def test_any_bytes_are_decoded_alike_whatever_the_pieces(
    encoding: Encoding, content: bytes, size: int
) -> None:
    assert in_pieces(encoding, content, size) == in_pieces(encoding, content, 1000)


@pytest.mark.parametrize("escape", range(4))
def test_a_line_without_end_is_not_kept_whole(escape: int) -> None:
    content = b"a" * (70_000 + escape) + b"=41" * 50_000
    decoding = decoder(Encoding.QUOTED_PRINTABLE)
    decoded = decoding.feed(content[:70_001]) + decoding.feed(content[70_001:])
    assert len(decoded) > 100_000
    assert decoded + decoding.end() == b"a" * (70_000 + escape) + b"A" * 50_000


def test_what_follows_padding_is_no_content() -> None:
    assert in_pieces(Encoding.BASE64, b"YQ==\r\nYWJj\r\n", 3) == b"a"


def test_an_unknown_encoding_has_no_decoder() -> None:
    with pytest.raises(ValueError):
        decoder(Encoding.UNKNOWN)
