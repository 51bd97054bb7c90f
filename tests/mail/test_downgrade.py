"""Binary parts in base64: nothing is lost, nothing else is touched."""

import email
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.downgrade import without_binary

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
