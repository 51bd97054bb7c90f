"""The decisions, as tables."""

from dataclasses import replace

import pytest

from mailserver.accounts import Account, Resolution
from mailserver.accounts.values import ELSEWHERE
from mailserver.mail.addresses import Address
from mailserver.mail.replies import Reply
from smtp import policy, replies
from smtp.grammar import Mail
from smtp.message import addresses, names_any, read_header
from smtp.policy import Evidence, Rules, Stage, Verdict
from smtp.recipients import Envelope, Forward, Recipient, destinations

INBOUND, SUBMISSION = Rules(login=False), Rules(login=True)
NEW = Stage(hello=False, extended=False, tls=False, logged_in=False, in_mail=False)
READY = Stage(hello=True, extended=True, tls=True, logged_in=True, in_mail=False)

BOB = Account(1, 1, "demo", 1, "example.test", "bob@example.test", None, True)
AMY = Account(2, 1, "demo", 1, "example.test", "amy@example.test", None, True)


def local(
    *accounts: Account, forwards: tuple[str, ...] = (), suspended: bool = False
) -> Resolution:
    return Resolution(True, "demo", 1, accounts, forwards, suspended)


@pytest.mark.parametrize(
    ("stage", "rules", "expected"),
    [
        (NEW, INBOUND, replies.NEED_HELLO),
        (replace(NEW, hello=True), INBOUND, None),
        (replace(NEW, hello=True, in_mail=True), INBOUND, replies.NESTED_MAIL),
        (replace(READY, tls=False), SUBMISSION, replies.TLS_FIRST),
        (replace(READY, logged_in=False), SUBMISSION, replies.LOGIN_FIRST),
        (READY, SUBMISSION, None),
        (replace(READY, in_mail=True), SUBMISSION, replies.NESTED_MAIL),
    ],
)
def test_mail_in_its_place(stage: Stage, rules: Rules, expected: Reply | None) -> None:
    assert policy.before_mail(stage, rules) is expected


@pytest.mark.parametrize(
    ("stage", "rules", "expected"),
    [
        (READY, INBOUND, replies.AUTH_ELSEWHERE),
        (NEW, SUBMISSION, replies.NEED_EHLO),
        (replace(READY, extended=False), SUBMISSION, replies.NEED_EHLO),
        (replace(READY, tls=False), SUBMISSION, replies.TLS_FOR_AUTH),
        (READY, SUBMISSION, replies.LOGGED_IN_ALREADY),
        (replace(READY, logged_in=False, in_mail=True), SUBMISSION, replies.AUTH_IN_MAIL),
        (replace(READY, logged_in=False), SUBMISSION, None),
    ],
)
def test_auth_in_its_place(stage: Stage, rules: Rules, expected: Reply | None) -> None:
    assert policy.before_auth(stage, rules) is expected


@pytest.mark.parametrize(
    ("resolution", "inbound", "submission"),
    [
        (ELSEWHERE, replies.RELAY_DENIED, None),
        (local(), replies.UNKNOWN_MAILBOX, replies.UNKNOWN_MAILBOX),
        (local(BOB), None, None),
        (local(forwards=("a@b.test",)), None, None),
        (local(suspended=True), replies.ACCOUNT_SUSPENDED, replies.ACCOUNT_SUSPENDED),
        (
            replace(ELSEWHERE, suspended=True),
            replies.ACCOUNT_SUSPENDED,
            replies.ACCOUNT_SUSPENDED,
        ),
    ],
)
def test_recipients(
    resolution: Resolution, inbound: Reply | None, submission: Reply | None
) -> None:
    assert policy.recipient(resolution, "b.test", relaying=False) is inbound
    assert policy.recipient(resolution, "b.test", relaying=True) is submission


@pytest.mark.parametrize(
    ("domain", "reply"),
    [
        ("sales", replies.NOT_QUALIFIED),
        ("[192.0.2.1]", None),
        ("[IPv6:2001:db8::1]", None),
        ("b.test", None),
    ],
)
def test_only_qualified_domains_are_relayed_to(domain: str, reply: Reply | None) -> None:
    assert policy.recipient(ELSEWHERE, domain, relaying=True) is reply
    assert policy.recipient(local(BOB), domain, relaying=True) is None


def test_limits() -> None:
    assert policy.before_data(named=0, accepted=0) is replies.NEED_RECIPIENT
    assert policy.before_data(named=2, accepted=0) is replies.NO_VALID_RECIPIENTS
    assert policy.before_data(named=2, accepted=1) is None
    assert policy.declared_size(10, 10) is None
    assert policy.declared_size(11, 10) is replies.TOO_LARGE
    assert policy.number_of_recipients(2, 3) is None
    assert policy.number_of_recipients(3, 3) is replies.TOO_MANY_RECIPIENTS
    assert policy.room([]) is None
    assert policy.room([True, False]) is replies.MAILBOX_FULL
    assert policy.framing(10, 10, bare=False) is None
    assert policy.framing(11, 10, bare=False) is replies.TOO_LARGE
    assert policy.framing(11, 10, bare=True) is replies.BARE_IN_DATA
    assert policy.failed_login(4, limited=False) is replies.BAD_CREDENTIALS
    assert policy.failed_login(4, limited=True) is replies.LOGINS_LIMITED
    assert policy.failed_login(5, limited=True) is replies.TOO_MANY_LOGINS
    assert policy.authors([]) is None
    assert policy.authors([True, False]) is replies.NOT_YOUR_FROM
    assert policy.authors(None) is replies.BAD_FROM


def test_verdicts() -> None:
    assert policy.verdict(Evidence(50, 50, False)) == Verdict()
    assert policy.verdict(Evidence(51, 50, False)).refusal is replies.LOOP
    assert policy.verdict(Evidence(0, 50, True)).refusal is replies.LOOP


def test_every_reply_is_well_formed() -> None:
    without = {replies.START_DATA}
    found = [value for value in vars(replies).values() if isinstance(value, Reply)]
    assert len(found) > 40
    for reply in found:
        assert (reply.enhanced == "") == (reply in without)
        assert reply.enhanced[:1] in ("", str(reply.code)[0])
        assert len(reply.wire) <= 512
        assert reply.wire.count(b"\r\n") == 1


def test_what_a_header_tells() -> None:
    header = read_header(
        b"Received: a\r\nreceived: b\r\n c\r\nDelivered-To:\r\n <Bob@Example.test>\r\n"
        b'From: "x" <amy@example.test>, g: bob@example.test, "a b"@example.test;\r\n\r\n'
        b"Received: in the body\r\n"
    )
    assert header.hops == 2
    assert names_any(header.delivered_to, {"bob@example.test"})
    assert not names_any(header.delivered_to, {"amy@example.test"})
    assert addresses(header.authors) == [
        Address("amy", "example.test"),
        Address("bob", "example.test"),
        Address("a b", "example.test"),
    ]
    assert addresses(read_header(b"From: \xff@x\r\n\r\n").authors) is None
    assert addresses(read_header(b"Subject: x\r\n\r\n").authors) == []
    assert addresses(read_header(b"SENDER: a@b.test\r\n\r\n").senders) == [Address("a", "b.test")]
    assert not names_any([b"", b"@", b"\xff"], {"bob@example.test"})


def test_each_account_and_address_is_reached_once() -> None:
    def to(text: str, resolution: Resolution) -> Recipient:
        name, _, domain = text.partition("@")
        return Recipient(Address(name, domain), resolution)

    found = destinations(
        Envelope(
            Mail(None),
            [
                to("team@example.test", local(BOB, AMY, forwards=("x@b.test", "y@b.test"))),
                to("bob@example.test", local(BOB)),
                to("x@b.test", ELSEWHERE),
                to("z@b.test", ELSEWHERE),
                to("z@B.test", ELSEWHERE),
                to("other@example.test", local(forwards=("y@B.test",))),
            ],
        )
    )
    team = Address("team", "example.test")
    assert found.accounts == [(BOB, team), (AMY, team)]
    assert found.forwards == [Forward(team, 1, ["x@b.test", "y@b.test"])]
    assert found.elsewhere == ["z@b.test"]
