"""Tokens of a configured issuer, whose keys are fetched from a real HTTPS server."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import KeySet, OctKey, OKPKey, RSAKey

from mailserver.errors import MailError
from mailserver.oauth import BadToken, open_issuer
from mailserver.oauth.tokens import TokenIssuer
from mailserver.settings import OAuth
from tests.support.issuer import TokenServer

ALICE = "alice@example.test"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenServer]:
    with TokenServer(tmp_path).running() as running:
        monkeypatch.setenv("SSL_CERT_FILE", str(running.authority))
        yield running


async def test_a_good_token_names_its_address(server: TokenServer) -> None:
    issuer = TokenIssuer(server.settings)
    assert await issuer.address(server.token(ALICE)) == ALICE
    assert issuer.discovery == "https://id.example.test/.well-known/openid-configuration"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://evil.example/"}, "iss"),
        ({"iss": None}, "iss"),
        ({"aud": "other"}, "aud"),
        ({"aud": None}, "aud"),
        ({"exp": int(time.time()) - 60}, "expired"),
        ({"exp": None}, "exp"),
        ({"nbf": int(time.time()) + 3600}, "not yet valid"),
        ({"email": None}, "no claim email"),
        ({"email": 7}, "no claim email"),
        ({"email_verified": False}, "not verified"),
    ],
)
async def test_a_token_that_is_not_for_us_is_bad(
    server: TokenServer, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(BadToken, match=f"(?i){reason}"):
        await TokenIssuer(server.settings).address(server.token(ALICE, **changes))


async def test_another_claim_may_name_the_address(server: TokenServer) -> None:
    settings = msgspec.structs.replace(server.settings, claim="preferred_username")
    token = server.token("x", preferred_username=ALICE, email_verified=False)
    assert await TokenIssuer(settings).address(token) == ALICE


async def test_only_the_issuers_own_signature_counts(server: TokenServer) -> None:
    issuer = TokenIssuer(server.settings)
    forged = RSAKey.generate_key(2048, {"kid": "one"})
    header, claims, _ = server.token(ALICE).split(".")
    unsigned = "eyJhbGciOiJub25lIiwia2lkIjoib25lIn0"  # {"alg":"none","kid":"one"}
    for token in (server.token(ALICE, key=forged), f"{unsigned}.{claims}.", f"{header}.{claims}."):
        with pytest.raises(BadToken):
            await issuer.address(token)


async def test_keys_are_fetched_once_however_many_log_in(server: TokenServer) -> None:
    issuer = TokenIssuer(server.settings)
    token = server.token(ALICE)
    assert await asyncio.gather(*(issuer.address(token) for _ in range(10))) == [ALICE] * 10
    assert server.asked == 1


async def test_a_new_key_is_asked_for_at_a_bounded_rate(server: TokenServer) -> None:
    now = [1000.0]
    issuer = TokenIssuer(server.settings, clock=lambda: now[0])
    await issuer.address(server.token(ALICE))
    server.rotate()
    with pytest.raises(BadToken):  # too soon after the last time
        await issuer.address(server.token(ALICE))
    assert server.asked == 1
    now[0] += 11
    assert await issuer.address(server.token(ALICE)) == ALICE
    stranger = RSAKey.generate_key(2048, {"kid": "unheard of"})
    for _ in range(5):
        with pytest.raises(BadToken):
            await issuer.address(server.token(ALICE, key=stranger))
    assert server.asked == 2


async def test_known_keys_stay_in_use_while_the_issuer_is_away(server: TokenServer) -> None:
    now = [1000.0]
    issuer = TokenIssuer(server.settings, clock=lambda: now[0])
    await issuer.address(server.token(ALICE))
    server.up = False
    now[0] += server.settings.jwks_lifetime + 1
    assert await issuer.address(server.token(ALICE)) == ALICE
    assert server.asked == 2


@pytest.mark.parametrize("document", [b"{}", b"[]", b"nonsense", b'{"keys": [1]}', b"x" * 2**21])
async def test_without_keys_a_login_may_be_tried_again(
    server: TokenServer, document: bytes
) -> None:
    server.document = document
    with pytest.raises(MailError, match=r"454 4\.7\.0"):
        await TokenIssuer(server.settings).address(server.token(ALICE))


async def test_a_shared_secret_among_the_keys_is_no_key(server: TokenServer) -> None:
    server.published = []
    secret = OctKey.generate_key(256, {"kid": "one"})
    server.document = msgspec.json.encode(KeySet([secret]).as_dict(private=True))
    with pytest.raises(MailError, match="454"):
        await TokenIssuer(server.settings).address(server.token(ALICE))


async def test_keys_may_lie_in_a_file(server: TokenServer, tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    file.write_bytes(msgspec.json.encode(KeySet(server.published).as_dict(private=False)))
    settings = msgspec.structs.replace(server.settings, jwks=str(file))
    assert await TokenIssuer(settings).address(server.token(ALICE)) == ALICE
    assert server.asked == 0


async def test_an_authority_that_is_not_trusted_gives_no_keys(
    server: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(MailError, match="454"):
        await TokenIssuer(server.settings).address(server.token(ALICE))


def test_without_an_issuer_there_is_none() -> None:
    assert open_issuer(OAuth()) is None


KEYS = KeySet([OKPKey.generate_key("Ed25519", {"kid": "one"})])
_TEXT = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=40)


@given(st.one_of(_TEXT, st.lists(_TEXT, min_size=3, max_size=3).map(".".join)))
def test_any_text_is_a_bad_token(text: str) -> None:
    issuer = TokenIssuer(OAuth(issuer="i", audience="a", jwks="/dev/null"))
    with pytest.raises(BadToken):
        issuer.decide(text, KEYS)
