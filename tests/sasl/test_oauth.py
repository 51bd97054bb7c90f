"""OAUTHBEARER and XOAUTH2: which bytes carry a token, and what a bad one is told."""

import json

import pytest

from mailserver import sasl
from mailserver.sasl.oauth import oauthbearer, xoauth2
from tests.support.sasl import drive

AUTH = b"auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01"
DISCOVERY = "https://id.example.test/.well-known/openid-configuration"


def claims(exchange: sasl.Exchange, message: bytes) -> list[sasl.Request]:
    asked: list[sasl.Request] = []
    drive(exchange, [message], lambda request: asked.append(request) or True)
    return asked


@pytest.mark.parametrize(
    ("message", "name"),
    [
        # RFC 7628 §4.1
        (
            b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01" + AUTH,
            "user@example.com",
        ),
        (b"n,,\x01auth=bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01", ""),
        (
            b"n,a=a=2Cb@c.test,\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01",
            "a,b@c.test",
        ),
    ],
)
def test_oauthbearer(message: bytes, name: str) -> None:
    assert claims(oauthbearer(DISCOVERY), message) == [
        sasl.TokenClaim(name, "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==")
    ]


def test_xoauth2() -> None:
    message = b"user=someuser@example.com\x01auth=Bearer ya29.vF9dft4qmTc2Nvb3\x01\x01"
    assert claims(xoauth2(), message) == [
        sasl.TokenClaim("someuser@example.com", "ya29.vF9dft4qmTc2Nvb3")
    ]


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x01",
        b"n,,\x01\x01",
        b"y,,\x01auth=Bearer x\x01\x01",
        b"n,,\x01auth=Basic x\x01\x01",
        b"n,,\x01auth=Bearer \x01\x01",
        b"n,,\x01auth=Bearer x\x01",
        b"n,,\x01auth=Bearer x y\x01\x01",
        b"user=a\x01auth=Bearer \xff\x01\x01",
        b"user=a\x01auth=Bearer x\x01",
    ],
)
def test_what_is_no_message_of_either_is_malformed(message: bytes) -> None:
    for exchange in (oauthbearer(DISCOVERY), xoauth2()):
        with pytest.raises(sasl.Malformed):
            claims(exchange, message)


@pytest.mark.parametrize("farewell", [b"\x01", b"", b"AQ"])
def test_a_bad_token_is_told_in_json_and_denied_whatever_the_client_answers(
    farewell: bytes,
) -> None:
    said: list[bytes] = []
    for exchange, message in (
        (oauthbearer(DISCOVERY), b"n,,\x01auth=Bearer x\x01\x01"),
        (xoauth2(), b"user=a\x01auth=Bearer x\x01\x01"),
    ):
        said.append(drive(exchange, [message], lambda _: False)[-1])
        with pytest.raises(sasl.Denied):
            exchange.send(farewell)
    # RFC 7628 §3.2.2
    assert json.loads(said[0]) == {
        "status": "invalid_token",
        "openid-configuration": DISCOVERY,
    }
    assert json.loads(said[1])["status"] == "401"


def test_tokens_do_not_show() -> None:
    assert "secret" not in repr(sasl.TokenClaim("a", "secret"))
