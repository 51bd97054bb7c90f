"""SCRAM-SHA-256: RFC 7677's example both ways, and every way in which a client may cheat."""

import base64
import re
from typing import Any

import pytest

from mailserver import sasl
from mailserver.sasl.scram import scram
from tests.support.sasl import ScramClient, drive

# RFC 7677 §3
SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
CLIENT_FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
SERVER_FIRST = (
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
)
CLIENT_FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

PENCIL = sasl.derive("pencil", SALT, 4096)
CHANNEL = {"tls-exporter": b"\x01" * 32, "tls-server-end-point": b"\x02" * 32}


class Directory:
    """Answers of a directory with one account, `user`."""

    def __init__(self, *known: sasl.Verifier, still: bool = True) -> None:
        self.verifiers = sasl.Verifiers(SALT, 4096, known)
        self.still = still
        self.asked: list[sasl.Request] = []

    def __call__(self, request: sasl.Request) -> Any:
        self.asked.append(request)
        return self.verifiers if isinstance(request, sasl.VerifiersWanted) else self.still


def exchange(*, plus: bool = False, offers_plus: bool = False) -> sasl.Exchange:
    return scram(NONCE, CHANNEL if plus else {}, plus=plus, offers_plus=offers_plus)


def converse(client: ScramClient, directory: Directory, **options: bool) -> bytes:
    """All of an exchange with a client; gives the server's last word."""
    started = exchange(**options)
    [_, server_first] = drive(started, [client.first], directory)
    final = client.final(server_first)
    repeated = exchange(**options)
    challenges = drive(repeated, [client.first, final, b""], directory)
    return challenges[-1]


def test_the_example_of_rfc_7677() -> None:
    directory = Directory(PENCIL)
    said = drive(exchange(), [CLIENT_FIRST, CLIENT_FINAL, b""], directory)
    assert said == [b"", SERVER_FIRST, SERVER_FINAL]
    assert directory.asked == [
        sasl.VerifiersWanted("user"),
        sasl.ProofClaim("user", PENCIL.stored_key),
    ]


def test_the_client_of_the_tests_says_what_rfc_7677_says() -> None:
    client = ScramClient("user", "pencil", nonce="rOprNGfwEbeRWgbNEkqO")
    assert client.first == CLIENT_FIRST
    assert client.final(SERVER_FIRST) == CLIENT_FINAL
    assert client.verify(SERVER_FINAL) == b""


def test_any_of_several_passwords_is_right() -> None:
    other = sasl.derive("brush", SALT, 4096)
    for password in ("pencil", "brush"):
        client = ScramClient("user", password)
        client.verify(converse(client, Directory(other, PENCIL)))


@pytest.mark.parametrize("known", [(), (PENCIL,)])
def test_a_wrong_password_is_denied_as_an_unknown_name_is(known: tuple[sasl.Verifier]) -> None:
    with pytest.raises(sasl.Denied):
        converse(ScramClient("user", "brush"), Directory(*known))


def test_a_password_that_was_changed_meanwhile_is_denied() -> None:
    with pytest.raises(sasl.Denied):
        converse(ScramClient("user", "pencil"), Directory(PENCIL, still=False))


def test_a_name_with_comma_and_equals_sign() -> None:
    directory = Directory(PENCIL)
    converse(ScramClient("a,b=c", "pencil"), directory)
    assert sasl.VerifiersWanted("a,b=c") in directory.asked


@pytest.mark.parametrize("kind", sorted(CHANNEL))
def test_plus_is_bound_to_the_channel(kind: str) -> None:
    client = ScramClient("user", "pencil", flag=f"p={kind}", binding=CHANNEL[kind])
    client.verify(converse(client, Directory(PENCIL), plus=True, offers_plus=True))
    elsewhere = ScramClient("user", "pencil", flag=f"p={kind}", binding=b"\x03" * 32)
    with pytest.raises(sasl.Denied):
        converse(elsewhere, Directory(PENCIL), plus=True, offers_plus=True)


def test_a_list_that_lost_plus_on_its_way_is_noticed() -> None:
    client = ScramClient("user", "pencil", flag="y")
    with pytest.raises(sasl.Denied):
        converse(client, Directory(PENCIL), offers_plus=True)
    client.verify(converse(client, Directory(PENCIL)))  # this server has none: true enough


def test_an_empty_authorization_identity_is_none() -> None:
    first = CLIENT_FIRST.replace(b"n,,", b"n,a=,")
    assert len(drive(exchange(), [first], Directory(PENCIL))) == 2


def test_acting_for_somebody_else_is_denied() -> None:
    with pytest.raises(sasl.Denied):
        converse(ScramClient("user", "pencil", authorization="root"), Directory(PENCIL))
    converse(ScramClient("user", "pencil", authorization="user"), Directory(PENCIL))


@pytest.mark.parametrize(
    ("first", "plus"),
    [
        (b"", False),
        (b"n,,n=,r=x", False),
        (b"n,,m=ext,n=user,r=x", False),  # RFC 5802 §5.1: unknown mandatory extensions fail
        (b"n,,n=us=er,r=x", False),
        (b"n,,n=user,r=", False),
        (b"n,,n=\xff,r=x", False),
        (b"p=tls-exporter,,n=user,r=x", False),
        (b"n,,n=user,r=x", True),
        (b"y,,n=user,r=x", True),
        (b"p=tls-unique,,n=user,r=x", True),
    ],
)
def test_a_first_message_that_is_none(first: bytes, plus: bool) -> None:
    with pytest.raises(sasl.Malformed):
        drive(exchange(plus=plus, offers_plus=True), [first], Directory(PENCIL))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ((b"c=biws", b"c=eSws"), sasl.Denied),  # "y,,"
        ((b",r=rOpr", b",r=xOpr"), sasl.Denied),
        ((b"k0,p=", b",p="), sasl.Denied),
        ((b"p=dHzb", b"p=xHzb"), sasl.Denied),
        ((b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", b"p=dHzb"), sasl.Denied),
        ((b"p=dHzb", b"p=d=zb"), sasl.Malformed),
        ((b",p=", b",q="), sasl.Malformed),
        ((b"c=", b"m=x,c="), sasl.Malformed),
    ],
)
def test_a_final_message_that_does_not_fit(
    change: tuple[bytes, bytes], error: type[Exception]
) -> None:
    changed = CLIENT_FINAL.replace(*change)
    assert changed != CLIENT_FINAL
    with pytest.raises(error):
        drive(exchange(), [CLIENT_FIRST, changed, b""], Directory(PENCIL))


def test_nothing_is_to_be_said_behind_the_servers_last_word() -> None:
    with pytest.raises(sasl.Malformed):
        drive(exchange(), [CLIENT_FIRST, CLIENT_FINAL, b"x"], Directory(PENCIL))


def test_the_cost_is_one_that_clients_take() -> None:
    # Cyrus SASL: MAX_ITERATION_COUNTER 0x10000; RFC 7677 §4: at least 4096.
    assert 4096 <= sasl.verifier.ITERATIONS <= 0x10000


def test_verifiers_are_stored_and_read_back_and_do_not_show() -> None:
    assert sasl.Verifier.decoded(PENCIL.encoded) == PENCIL
    assert len(PENCIL.encoded) == 64
    assert re.fullmatch(r"Verifier\(\)", repr(PENCIL))
