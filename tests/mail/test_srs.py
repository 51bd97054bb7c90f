"""Rewritten senders: the grammar, the hash, the age."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mailserver.mail import srs
from mailserver.mail.addresses import Address, parse_address
from mailserver.mail.srs import SrsError, Token

KEY, OLDER = b"k" * 32, b"o" * 32
DAY = 20781  # 2026-11-24
OURS = "example.test"


def rewritten(sender: str, *, key: bytes = KEY, day: int = DAY) -> str:
    made = srs.rewrite(parse_address(sender, smtputf8=True), OURS, key=key, day=day)
    assert made is not None
    return str(made)


def original(local: str, *, day: int = DAY, lifetime: int = 21) -> Address | Token:
    return srs.original(local, keys=(KEY, OLDER), day=day, lifetime=lifetime)


# The hashes are those of `openssl dgst -sha256 -mac HMAC`, in base32.
@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        ("ann@elsewhere.test", "SRS0=4YXGNI74=JN=elsewhere.test=ann"),
        (
            "SRS0=HHHH=TT=elsewhere.test=ann@first.test",
            "SRS1=2H4QLPOI=first.test==HHHH=TT=elsewhere.test=ann",
        ),
        ("SRS0+hh+tt+a.test+bob@first.test", "SRS1=UWIBWQMF=first.test=+hh+tt+a.test+bob"),
        # the second forwarder's address leads to the first one's, whoever the second was
        (
            "SRS1=ZZZZ=first.test==HHHH=TT=elsewhere.test=ann@second.test",
            "SRS1=2H4QLPOI=first.test==HHHH=TT=elsewhere.test=ann",
        ),
    ],
)
def test_known_answers(sender: str, expected: str) -> None:
    assert rewritten(sender) == f"{expected}@{OURS}"


def test_a_kept_sender_is_named_by_its_token() -> None:
    made = srs.rewrite_token(Token("AAAABBBBCCCCDDDD"), OURS, key=KEY, day=DAY)
    assert str(made) == "SRS0=YVLP65GO=JN==AAAABBBBCCCCDDDD@example.test"
    assert original(made.local) == Token("AAAABBBBCCCCDDDD")  # type: ignore[union-attr]


def test_an_address_of_another_forwarder_leads_back_to_it() -> None:
    for sender in ("SRS0=HHHH=TT=a.test=ann@first.test", "SRS0+hh+tt+a.test+bob@first.test"):
        local = rewritten(sender).rpartition("@")[0]
        assert str(original(local)) == sender


def test_what_only_looks_rewritten_is_a_sender_like_others() -> None:
    for sender in ("SRS0=short@a.test", "SRS1=x@a.test", "SRS05@a.test", "srs0-team@a.test"):
        local = rewritten(sender).rpartition("@")[0]
        assert local.startswith("SRS0=")
        assert str(original(local)) == sender


def test_it_lasts_its_lifetime_and_a_day_of_a_clock_that_is_ahead() -> None:
    local = rewritten("ann@elsewhere.test").rpartition("@")[0]
    for later, taken in {-1: True, 0: True, 21: True, 22: False, 500: False, -2: False}.items():
        if taken:
            assert original(local, day=DAY + later) == Address("ann", "elsewhere.test")
        else:
            with pytest.raises(SrsError, match="expired"):
                original(local, day=DAY + later)


def test_an_older_secret_is_taken_and_a_strange_one_is_not() -> None:
    assert original(rewritten("a@b.test", key=OLDER).rpartition("@")[0]) == Address("a", "b.test")
    with pytest.raises(SrsError, match="forged"):
        original(rewritten("a@b.test", key=b"x" * 32).rpartition("@")[0])


@pytest.mark.parametrize(
    "local",
    [
        *("SRS0=", "SRS0=hash", "SRS0==", "SRS0=A=B=c.test=d", "SRS1=A=b.test==c", "ann", ""),
        "SRS0=\u00e4=JN=elsewhere.test=ann",
    ],
)
def test_what_nobody_signed_is_not_taken(local: str) -> None:
    with pytest.raises(SrsError):
        original(local)


def test_a_sender_that_does_not_fit_is_told() -> None:
    # RFC 5321 §4.5.3.1.1: 64 octets; SRS0= and hash and stamp take 17 of them
    host = "elsewhere.test"
    most = 64 - 17 - len(host) - 1
    assert srs.rewrite(Address("x" * most, host), OURS, key=KEY, day=DAY) is not None
    assert srs.rewrite(Address("x" * (most + 1), host), OURS, key=KEY, day=DAY) is None


LOCALS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1)
DAYS = st.integers(0, 50_000)


@given(LOCALS, st.sampled_from(["a.test", "b\u00fccher.example", "[192.0.2.1]"]), DAYS)
def test_any_sender_comes_back_as_it_was(local: str, domain: str, day: int) -> None:
    made = srs.rewrite(Address(local, domain), OURS, key=KEY, day=day)
    assume(made is not None)
    assert made is not None
    parsed = parse_address(str(made), smtputf8=True)
    meant = original(parsed.local, day=day)
    assert isinstance(meant, Address)
    if not srs.is_rewritten(local):
        assert (meant.local, meant.domain) == (local, meant.domain)
        assert Address("x", domain).key == meant.key.replace(meant.key.rpartition("@")[0], "x", 1)


@given(st.from_regex(r"[a-zA-Z0-9.+_-]{1,20}", fullmatch=True), DAYS)
def test_a_change_of_case_on_the_way_does_no_harm(local: str, day: int) -> None:
    made = rewritten(f"{local}@a.test" if "." not in local else "x@a.test", day=day)
    for changed in (made.lower(), made.upper()):
        meant = original(changed.rpartition("@")[0], day=day)
        assert isinstance(meant, Address)
        assert meant.key == str(original(made.rpartition("@")[0], day=day)).lower()


@given(st.text())
def test_any_text_is_refused_with_the_one_error(text: str) -> None:
    for local in (text, f"SRS0={text}", f"SRS1={text}"):
        with pytest.raises(SrsError):
            original(local)


@given(st.integers(0, 60), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567=.x"))
def test_any_changed_letter_is_found(place: int, letter: str) -> None:
    local = rewritten("ann@elsewhere.test").rpartition("@")[0]
    place = 5 + place % (len(local) - 5)
    changed = local[:place] + letter + local[place + 1 :]
    assume(changed.lower() != local.lower())
    with pytest.raises(SrsError):
        original(changed)
