"""PLAIN and LOGIN: which bytes are a name and a password."""

import pytest

from mailserver import sasl
from mailserver.sasl.plain import login, plain
from tests.support.sasl import drive


def claims(exchange: sasl.Exchange, *responses: bytes) -> list[sasl.Request]:
    """What the exchange asks to be checked; every password is right."""
    asked: list[sasl.Request] = []
    drive(exchange, list(responses), lambda request: asked.append(request) or True)
    return asked


@pytest.mark.parametrize(
    ("message", "name", "password"),
    [
        (b"\0a@b.test\0pw", "a@b.test", "pw"),
        (b"a@b.test\0a@b.test\0pw", "a@b.test", "pw"),
        ("\0ä@b.test\0pä".encode(), "ä@b.test", "pä"),
        (b"\0a\0", "a", ""),
    ],
)
def test_plain_has_a_name_and_a_password(message: bytes, name: str, password: str) -> None:
    assert claims(plain(), message) == [sasl.PasswordClaim(name, password)]


@pytest.mark.parametrize("message", [b"a\0pw", b"\0a\0p\0w", b"\0a\0\xff", b""])
def test_what_is_no_plain_message_is_malformed(message: bytes) -> None:
    with pytest.raises(sasl.Malformed):
        claims(plain(), message)


def test_acting_for_somebody_else_is_denied() -> None:
    with pytest.raises(sasl.Denied):
        claims(plain(), b"c@b.test\0a@b.test\0pw")


def test_login_asks_for_both() -> None:
    asked: list[sasl.Request] = []
    challenges = drive(login(), [b"a@b.test", b"pw"], lambda one: asked.append(one) or True)
    assert challenges == [b"Username:", b"Password:"]
    assert asked == [sasl.PasswordClaim("a@b.test", "pw")]


def test_a_wrong_password_is_denied() -> None:
    with pytest.raises(sasl.Denied):
        drive(plain(), [b"\0a\0b"], lambda _: False)


def test_passwords_do_not_show() -> None:
    assert "secret" not in repr(sasl.PasswordClaim("a", "secret"))
