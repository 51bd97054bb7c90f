"""Command lines: values, or the one documented error with its reply."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.errors import MailError
from mailserver.mail.addresses import Address
from smtp import grammar
from smtp.grammar import Body, Mail, Rcpt


def refused(error: pytest.ExceptionInfo[MailError]) -> str:
    return f"{error.value.code} {error.value.enhanced}"


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        (b"FROM:<>", Mail(None)),
        (b"from:<a@b.test>", Mail(Address("a", "b.test"))),
        (b"FROM: <a@b.test>", Mail(Address("a", "b.test"))),
        (b"FROM:<@r.test,@s.test:a@b.test>", Mail(Address("a", "b.test"))),
        (b'FROM:<"a> b"@b.test> SIZE=5', Mail(Address("a> b", "b.test"), size=5)),
        (b"FROM:<a@[192.0.2.1]>", Mail(Address("a", "[192.0.2.1]"))),
        (b"FROM:<a@b.test> body=8BITMIME", Mail(Address("a", "b.test"), body=Body.EIGHT_BIT)),
        (b"FROM:<a@b.test>  SIZE=0   BODY=7bit", Mail(Address("a", "b.test"))),
        (b"FROM:<a@b.test> BODY=BinaryMIME", Mail(Address("a", "b.test"), body=Body.BINARY)),
        (
            "FROM:<ä@b.test> SMTPUTF8 AUTH=a+3Db".encode(),
            Mail(Address("ä", "b.test"), smtputf8=True, auth=b"a+3Db"),
        ),
    ],
)
def test_mail(argument: bytes, expected: Mail) -> None:
    assert grammar.mail(argument, extended=True) == expected


@pytest.mark.parametrize(
    ("argument", "code"),
    [
        (b"", "501 5.5.4"),
        (b"FROM", "501 5.5.4"),
        (b"FROM :<a@b.test>", "501 5.5.4"),
        (b"FROM:a@b.test", "501 5.5.4"),
        (b"TO:<a@b.test>", "501 5.5.4"),
        (b"FROM:<a@b.test", "501 5.1.7"),
        (b'FROM:<"a@b.test>', "501 5.1.7"),
        (b"FROM:<a@b..test>", "501 5.1.7"),
        (b"FROM:<" + b"a" * 65 + b"@b.test>", "501 5.1.7"),
        (b"FROM:<a@b.test>x", "501 5.5.4"),
        (b"FROM:<a@b.test> SIZE=" + b"1" * 21, "501 5.5.4"),
        (b"FROM:<a@b.test> SIZE", "501 5.5.4"),
        (b"FROM:<a@b.test> SIZE=-1", "501 5.5.4"),
        (b"FROM:<a@b.test> SIZE=1 SIZE=1", "501 5.5.4"),
        (b"FROM:<a@b.test> =1", "501 5.5.4"),
        (b"FROM:<a@b.test> AUTH=a=b", "501 5.5.4"),
        (b"FROM:<a@b.test> BODY=9BIT", "501 5.5.4"),
        (b"FROM:<a@b.test> MT-PRIORITY=3", "555 5.5.4"),
        (b"FROM:<\xc3\xa4@b.test>", "553 5.6.7"),
        (b"FROM:<\xff@b.test> SMTPUTF8", "501 5.1.7"),
    ],
)
def test_mail_refused(argument: bytes, code: str) -> None:
    with pytest.raises(MailError) as error:
        grammar.mail(argument, extended=True)
    assert refused(error) == code


def test_parameters_need_ehlo() -> None:
    with pytest.raises(MailError) as error:
        grammar.mail(b"FROM:<a@b.test> SIZE=1", extended=False)
    assert refused(error) == "555 5.5.4"


def test_rcpt() -> None:
    def rcpt(argument: bytes) -> Rcpt:
        return grammar.rcpt(argument, extended=True, smtputf8=False)

    assert rcpt(b"TO:<a@b.test>") == Rcpt(Address("a", "b.test"))
    assert rcpt(b"To: <postMASTER>") == Rcpt(None)
    for argument, code in [
        (b"TO:<>", "501 5.1.3"),
        (b"TO:<a>", "501 5.1.3"),
        (b"TO:<a@b.test> RRVS=2014-04-03T23:01:00Z", "555 5.5.4"),
        ("TO:<ä@b.test>".encode(), "553 5.6.7"),
    ]:
        with pytest.raises(MailError) as error:
            rcpt(argument)
        assert refused(error) == code


def test_command_lines() -> None:
    assert grammar.command(b"mail  FROM:<>  ") == (b"MAIL", b"FROM:<>")
    assert grammar.command(b"QUIT") == (b"QUIT", b"")
    assert grammar.command(b"NOOP " + b"x" * 505)[0] == b"NOOP"
    for line in (b"NOOP\0", b"A\rB", b"NOOP " + b"x" * 506, b"RCPT TO:<" + b"x" * 1040):
        with pytest.raises(MailError) as error:
            grammar.command(line)
        assert refused(error) == "500 5.5.2"
    assert grammar.command(b"AUTH PLAIN " + b"x" * 12000)[0] == b"AUTH"


@pytest.mark.parametrize(
    ("argument", "name"),
    [
        (b"client.test", "client.test"),
        (b"[192.0.2.1]", "[192.0.2.1]"),
        (b"[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"),
        (b"my_desktop", "my_desktop"),
        ("münchen.test".encode(), "xn--mnchen-3ya.test"),
        (b"", None),
        (b"a b", None),
        (b"<a>", None),
        (b"\xff", None),
        (b"-", None),
    ],
)
def test_host_names(argument: bytes, name: str | None) -> None:
    assert grammar.host_name(argument) == name


@given(st.binary(max_size=300), st.booleans(), st.booleans())
def test_any_bytes_are_a_value_or_the_documented_error(
    octets: bytes, extended: bool, smtputf8: bool
) -> None:
    for parse in (
        grammar.command,
        lambda b: grammar.mail(b"FROM:<" + b, extended=extended),
        lambda b: grammar.mail(b"FROM:<a@b.test> " + b, extended=extended),
        lambda b: grammar.rcpt(b"TO:<" + b, extended=extended, smtputf8=smtputf8),
    ):
        with suppress(MailError):
            parse(octets)
    grammar.host_name(octets)
