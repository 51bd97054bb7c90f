"""Binary parts in base64: nothing is lost, nothing else is touched."""

import email
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.downgrade import Unencodable, without_binary, without_nul

BINARY = bytes(range(256)) * 3 + b"\r\n.\r\n\n--b\n\r"
LEAF = b"Content-Type: application/x\r\nContent-Transfer-Encoding: binary\r\n\r\n"


def converted(message: bytes) -> bytes:
    return b"".join(without_binary(message))


def payload(part: Message) -> bytes:
    found = part.get_payload(decode=True)
    assert isinstance(found, bytes)
    return found


@given(st.binary(max_size=300))
def test_a_message_of_one_part(body: bytes) -> None:
    out = converted(b"Subject: x\r\n" + LEAF + body)
    parsed = email.message_from_bytes(out)
    assert parsed["Content-Transfer-Encoding"] == "base64"
    assert payload(parsed) == body
    assert out.isascii()
    assert all(len(line) <= 78 for line in out.split(b"\r\n"))


def test_parts_are_encoded_and_what_holds_them_is_relabelled() -> None:
    inner = b"Subject: inner\r\n" + LEAF + BINARY
    message = (
        b"Subject: x\r\ncontent-transfer-encoding:\r\n BINARY (all of it)\r\nX-Last: 1\r\n"
        b'Content-Type: multipart/mixed; boundary="bound"\r\n\r\npreamble\r\n'
        b"--bound\r\nContent-Type: text/plain\r\n\r\ntext\nwith LF\r\n"
        b"--bound\r\n" + LEAF + BINARY + b"\r\n"
        b"--bound\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        + inner
        + b"\r\n--bound\r\nContent-Type: message/partial\r\n"
        b"Content-Transfer-Encoding: binary\r\n\r\nas it is\r\n--bound--\r\nepilogue"
    )
    out = converted(message)
    parsed = email.message_from_bytes(out)
    _, binary, forwarded, partial = (part for part in parsed.get_payload())  # type: ignore[union-attr]
    assert (parsed["X-Last"], parsed["Content-Transfer-Encoding"]) == ("1", "8bit")
    assert payload(binary) == BINARY
    assert forwarded["Content-Transfer-Encoding"] == "8bit"
    assert payload(forwarded.get_payload()[0]) == BINARY
    assert partial["Content-Transfer-Encoding"] == "8bit"
    assert b"\r\n\r\nas it is\r\n--bound--" in out
    assert b"\r\n\r\ntext\nwith LF\r\n--bound\r\n" in out
    assert out.endswith(b"\r\n--bound--\r\nepilogue")


@pytest.mark.parametrize("encoding", [b"7bit", b"8bit", b"base64", b"x-binary", b"qp"])
def test_what_is_not_binary_is_left_alone(encoding: bytes) -> None:
    message = b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n" + BINARY
    assert converted(message) == message


@given(st.binary(max_size=400))
def test_any_bytes_are_converted(message: bytes) -> None:
    converted(message)
    assert converted(b"Subject: x\r\n" + message.replace(b"binary", b"")) is not None


def without(message: bytes) -> bytes:
    return b"".join(without_nul(message))


@given(st.binary(max_size=400))
def test_what_comes_out_has_no_nul_or_nothing_comes_out(message: bytes) -> None:
    for tried in (message, b"Subject: x\r\n\r\n" + message, LEAF + message):
        try:
            assert b"\0" not in without(tried)
        except Unencodable:
            assert b"\0" in tried


@pytest.mark.parametrize("label", [b"binary", b"8bit", b"7BIT", None])
def test_octets_are_kept_whatever_their_label_was(label: bytes | None) -> None:
    named = b"" if label is None else b"Content-Transfer-Encoding: %b\r\n" % label
    out = without(b"Subject: x\r\n%b\r\n%b" % (named, BINARY))
    parsed = email.message_from_bytes(out)
    assert payload(parsed) == BINARY
    assert (parsed["Subject"], parsed.get_all("Content-Transfer-Encoding")) == ("x", ["base64"])
    assert (parsed["MIME-Version"] == "1.0") == (label is None)


def test_parts_without_nul_are_left_alone() -> None:
    signed = (
        b'Content-Type: multipart/signed; boundary="s"\r\n\r\n--s\r\n'
        + LEAF
        + b"\xff\n\r\n--s\r\n\r\nsignature\r\n--s--\r\n"
    )
    message = (
        b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: binary\r\n"
        b'Content-Type: multipart/mixed; boundary="bound"\r\n\r\n'
        b"--bound\r\n" + signed + b"\r\n--bound\r\n%b\r\n--bound--\r\n"
    )
    out = without(message % (LEAF + BINARY))
    assert out == message % without(b"MIME-Version: 1.0\r\n" + LEAF + BINARY).partition(b"\r\n")[2]


@pytest.mark.parametrize(
    "message",
    [
        b"Subject: a\0b\r\n\r\n",
        b"Content-Transfer-Encoding: base64\r\n\r\nYQ==\0",
        b"Content-Type: message/partial\r\n\r\na\0b",
        b"Content-Type: multipart/mixed\r\n\r\na\0b",  # no boundary: text, but it says otherwise
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n\0\r\n--b\r\n\r\nx\r\n--b--\r\n",
        b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\0\r\n--b\r\n\r\nx\r\n--b--",
    ],
)
def test_where_no_encoding_may_be(message: bytes) -> None:
    with pytest.raises(Unencodable):
        without(message)
