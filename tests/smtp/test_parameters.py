"""Parameters that ask something of delivery: read, granted, refused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.errors import MailError
from mailserver.mail.terms import ByMode, DeliverBy, Hold, Notify, Return, Terms
from smtp import grammar, parameters, replies
from smtp.parameters import By, HoldFor, HoldUntil, Options
from smtp.policy import Rules, Stage
from smtp.replies import Reply
from smtp.terms import Bounds, granted

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
INBOUND, SUBMISSION = Rules(login=False), Rules(login=True)
STAGE = Stage(hello=True, extended=True, tls=True, logged_in=True, in_mail=False)
PLAIN = Stage(hello=True, extended=True, tls=False, logged_in=False, in_mail=False)
BOUNDS = Bounds(max_hold=3600, min_by=60)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (b"RET=full", Options(returned=Return.FULL)),
        (b"RET=HDRS ENVID=a+3Db", Options(returned=Return.HEADERS, envelope_id="a+3Db")),
        (b"ENVID=" + b"x" * 100, Options(envelope_id="x" * 100)),
        (b"REQUIRETLS", Options(require_tls=True)),
        (b"HOLDFOR=999999999", Options(hold=HoldFor(999_999_999))),
        (
            b"HOLDUNTIL=2026-11-24T10:00:00.5+01:00",
            Options(hold=HoldUntil(NOW, "2026-11-24T10:00:00.5+01:00")),
        ),
        (
            b"HOLDUNTIL=2026-11-24t08:59:60z",
            Options(hold=HoldUntil(NOW, "2026-11-24t08:59:60z")),
        ),
        (b"BY=120;R", Options(by=By(120, ByMode.RETURN, trace=False))),
        (b"BY=-7;nt", Options(by=By(-7, ByMode.NOTIFY, trace=True))),
        (b"SIZE=5", None),
    ],
)
def test_options_of_mail(words: bytes, expected: Options | None) -> None:
    assert grammar.mail(b"FROM:<a@b.test> " + words, extended=True).options == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"NEVER", Notify(0)),
        (b"success,DELAY", Notify.SUCCESS | Notify.DELAY),
        (b"FAILURE,FAILURE", Notify.FAILURE),
    ],
)
def test_notify(value: bytes, expected: Notify) -> None:
    assert parameters.notify(value) == expected
    assert parameters.notify(str(expected).encode()) == expected


def test_original_recipient_is_kept_as_it_was_given() -> None:
    for given_value in (
        "rfc822;Bob+2Bx@example.test",
        "x400;/G+3Da/S+3Db/",
        "utf-8;bøb@example.test",
        r"utf-8;b\x{F8}b@example.test",
        "rfc822;" + "x" * 493,
    ):
        assert parameters.original_recipient(given_value.encode()) == given_value
    for refused in (b"", b"rfc822;", b"a b;c", b"rfc822;\xc3\xb8@x", b"rfc822;" + b"x" * 494):
        with pytest.raises(MailError):
            parameters.original_recipient(refused)


@pytest.mark.parametrize(
    ("options", "stage", "rules", "expected"),
    [
        (Options(), PLAIN, INBOUND, Terms()),
        (Options(Return.FULL, "id"), PLAIN, INBOUND, Terms(Return.FULL, "id")),
        (Options(require_tls=True), PLAIN, INBOUND, replies.NOT_OFFERED),
        (Options(require_tls=True), STAGE, INBOUND, Terms(require_tls=True)),
        (Options(hold=HoldFor(60)), STAGE, INBOUND, replies.NOT_OFFERED),
        (Options(by=By(60, ByMode.NOTIFY, False)), STAGE, INBOUND, replies.NOT_OFFERED),
        (
            Options(hold=HoldFor(3600)),
            STAGE,
            SUBMISSION,
            Terms(hold=Hold(NOW + timedelta(hours=1), "for;3600")),
        ),
        (Options(hold=HoldFor(3601)), STAGE, SUBMISSION, replies.BAD_HOLD),
        (Options(hold=HoldUntil(NOW, "now")), STAGE, SUBMISSION, replies.BAD_HOLD),
        (
            Options(hold=HoldUntil(NOW + timedelta(seconds=1), "soon")),
            STAGE,
            SUBMISSION,
            Terms(hold=Hold(NOW + timedelta(seconds=1), "until;soon")),
        ),
        (Options(by=By(59, ByMode.RETURN, False)), STAGE, SUBMISSION, replies.BY_TOO_SOON),
        (
            Options(by=By(-5, ByMode.NOTIFY, True)),
            STAGE,
            SUBMISSION,
            Terms(deliver_by=DeliverBy(NOW - timedelta(seconds=5), ByMode.NOTIFY, True)),
        ),
        (
            Options(hold=HoldFor(61), by=By(60, ByMode.RETURN, False)),
            STAGE,
            SUBMISSION,
            replies.HOLD_PAST_BY,
        ),
    ],
)
def test_terms(options: Options, stage: Stage, rules: Rules, expected: Terms | Reply) -> None:
    assert granted(options, stage, rules, BOUNDS, NOW) == expected


@given(
    st.sampled_from([b"RET", b"ENVID", b"REQUIRETLS", b"HOLDFOR", b"HOLDUNTIL", b"BY"]),
    st.none() | st.binary(max_size=40) | st.from_regex(rb"[0-9TZ:+;RN.-]{1,40}", fullmatch=True),
)
def test_any_value_is_an_option_or_the_documented_error(
    keyword: bytes, value: bytes | None
) -> None:
    assert refused(lambda: parameters.option(None, keyword, value)) in (None, "501 5.5.4")


@given(st.binary(max_size=60))
def test_any_value_of_rcpt_is_read_or_refused(value: bytes) -> None:
    assert refused(lambda: parameters.notify(value)) in (None, "501 5.5.4")
    assert refused(lambda: parameters.original_recipient(value)) in (None, "501 5.5.4")


def refused(parse: Callable[[], object]) -> str | None:
    """How it was refused; None: it was read."""
    try:
        parse()
    except MailError as error:
        return f"{error.code} {error.enhanced}"
    return None
