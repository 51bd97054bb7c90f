"""Postfix as the other host: it takes what alice sends, sends to us, and refuses.

The test's DNS says where remote.test is and holds the keys that example.test publishes.
"""

import re
import smtplib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import dkim
import dns.resolver
import pytest

from tests.support.dns_server import DnsServer
from tests.support.dns_thread import dns_beside
from tests.support.exim import exim
from tests.support.letters import (
    ALICE,
    BOB,
    CAROL,
    Letter,
    await_one,
    parsed,
    reading,
    trusting,
    unique_word,
)
from tests.support.mutt import configure
from tests.support.opendkim import Verdict, verify
from tests.support.postfix import Postfix, postfix
from tests.support.programs import require
from tests.support.remote_mx import free_port
from tests.support.server import Server, running
from tests.support.terminal import terminal

LIFETIME = 8.0  # seconds until the queue gives up

# gone.test has a mail host on which nobody listens; nowhere.test is not there at all.
ZONE = """
remote.test. IN MX 10 mx.remote.test.
mx.remote.test. IN A 127.0.0.1
exim.test. IN MX 10 mx.exim.test.
mx.exim.test. IN A 127.0.0.2
gone.test. IN MX 10 mx.gone.test.
mx.gone.test. IN A 127.0.0.9
"""


@dataclass(slots=True)
class Internet:
    """Our server and the DNS it asks; every other host listens on `smtp_port`."""

    server: Server
    dns: DnsServer
    smtp_port: int

    def records(self, name: str) -> list[str]:
        """TXT records as the DNS answers."""
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], self.dns.port
        answer = resolver.resolve(f"{name.removesuffix('.')}.", "TXT")
        return [b"".join(record.strings).decode() for record in answer]


@pytest.fixture(scope="module")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    smtp_port = free_port()
    with dns_beside() as dns_server:
        dns_server.add(ZONE)
        settings = {
            "RESOLVER": f'["{dns_server.address}"]',
            "SMTP_PORT": str(smtp_port),
            "LIFETIME": str(LIFETIME),
            "RETRY_FIRST": "1.0",
            "RETRY_MOST": "2.0",
        }
        data = tmp_path_factory.mktemp("postfix") / "var"
        environment = {f"MAILSERVER__DELIVERY__{key}": value for key, value in settings.items()}
        with running(data, **environment) as server:
            # The lines that an operator pastes into the zone.
            shown = server.cli("domain", "show", "example.test").stdout
            dns_server.add(shown.partition("DNS records to publish:\n")[2])
            yield Internet(server, dns_server, smtp_port)
            assert server.stop() == 0


@pytest.fixture(scope="module")
def mta(internet: Internet) -> Iterator[Postfix]:
    with postfix(port=internet.smtp_port, relay=internet.server.ports["smtp"]) as started:
        yield started


def submit(
    server: Server,
    letter: Letter,
    *more: str,
    mail_options: Sequence[str] = (),
    rcpt_options: Sequence[str] = (),
) -> None:
    """alice sends `letter` to its recipient and `more` of them, with these parameters."""
    with smtplib.SMTP("127.0.0.1", server.ports["submission"], "laptop.test", timeout=30) as client:
        client.starttls(context=trusting())
        client.login(ALICE, server.logins[ALICE])
        recipients = [letter.recipient, *more]
        client.sendmail(ALICE, recipients, letter.content, mail_options, rcpt_options)


def as_sent(stored: bytes) -> bytes:
    """A message of a Maildir with the line ends it came with."""
    return stored.replace(b"\n", b"\r\n")


# ── the way out ─────────────────────────────────────────────────────────────────────────────


def test_postfix_receives_what_alice_sends(internet: Internet, mta: Postfix) -> None:
    letter = Letter(ALICE, CAROL)
    submit(internet.server, letter)
    stored = as_sent(mta.received(letter.word))
    assert stored.endswith(letter.content)
    header = stored.removesuffix(letter.content).decode()
    assert header.startswith(f"Return-Path: <{ALICE}>\r\n")
    by_postfix, by_us = re.findall(r"^Received: (?:.*\r\n)(?:[ \t].*\r\n)*", header, re.MULTILINE)
    assert "from mail.example.test (unknown [127.0.0.1])" in by_postfix
    assert "using TLSv1.3" in by_postfix
    assert "with ESMTPS" in by_postfix
    assert "with ESMTPSA" in by_us
    assert "[127.0.0.1]" not in by_us
    assert internet.server.json("queue", "list") == []


def test_the_signature_verifies_elsewhere(internet: Internet, mta: Postfix, tmp_path: Path) -> None:
    letter = Letter(ALICE, CAROL)
    submit(internet.server, letter)
    stored = as_sent(mta.received(letter.word))
    selectors = re.findall(rb"^DKIM-Signature:.*?s=(\S+?);", stored, re.MULTILINE | re.DOTALL)
    assert selectors
    names = [f"{selector.decode()}._domainkey.example.test" for selector in selectors]
    keys = {name: "".join(internet.records(name)) for name in names}
    assert verify(stored, keys, tmp_path) is Verdict.OK
    changed = stored.replace("wörtlich".encode(), b"woertlich")
    assert verify(changed, keys, tmp_path) is Verdict.BAD_SIGNATURE
    other_author = stored.replace(b"\r\nFrom: <alice@", b"\r\nFrom: <mallory@")
    assert verify(other_author, keys, tmp_path) is Verdict.BAD_SIGNATURE

    def ask(name: bytes, timeout: int = 5) -> bytes:
        return "".join(internet.records(name.decode())).encode()

    for index in range(len(selectors)):
        assert dkim.DKIM(stored).verify(index, dnsfunc=ask)
        with pytest.raises(dkim.ValidationError):
            dkim.DKIM(changed).verify(index, dnsfunc=ask)


def test_large_message_goes_out_whole(internet: Internet, mta: Postfix, tmp_path: Path) -> None:
    letter = Letter(ALICE, CAROL)
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = ALICE, CAROL, letter.word
    message.set_content("see the attachment")
    attachment = bytes(range(256)) * 4096
    message.add_attachment(attachment, maintype="application", subtype="octet-stream")
    server = internet.server
    with smtplib.SMTP_SSL(
        "127.0.0.1", server.ports["submissions"], timeout=30, context=trusting()
    ) as client:
        client.login(ALICE, server.logins[ALICE])
        client.send_message(message)
    stored = as_sent(mta.received(letter.word))
    [part] = parsed(stored).iter_attachments()
    assert part.get_content() == attachment


def test_postfix_receives_internationalized_mail(internet: Internet, mta: Postfix) -> None:
    word = unique_word()
    header = f"From: Älice <{ALICE}>\r\nTo: Käthe <{CAROL}>\r\nSubject: {word} übermorgen\r\n"
    content = f"{header}\r\nGrüße\r\n".encode()
    with smtplib.SMTP("127.0.0.1", internet.server.ports["submission"], timeout=30) as client:
        client.starttls(context=trusting())
        client.login(ALICE, internet.server.logins[ALICE])
        client.sendmail(ALICE, [CAROL], content, ["SMTPUTF8", "BODY=8BITMIME"])
    stored = as_sent(mta.received(word))
    assert stored.endswith(content)
    assert b"with UTF8SMTPS" in stored


def test_exim_receives_what_alice_sends(internet: Internet) -> None:
    server = internet.server
    letter = Letter(ALICE, "carol@exim.test")
    with (
        exim(relay=server.ports["smtp"]) as other,
        other.receiving("127.0.0.2", internet.smtp_port),
    ):
        submit(server, letter)
        stored = as_sent(other.received(letter.word))
    assert stored.endswith(letter.content)
    assert re.search(rb"by exim\.remote\.test with esmtps\s+\(TLS1\.3\)", stored), stored.decode()


# ── reports that were asked for ─────────────────────────────────────────────────────────────


def status_of(report: EmailMessage) -> tuple[EmailMessage, EmailMessage]:
    """The fields of the message and of its one recipient."""
    assert report.get_content_type() == "multipart/report"
    _, status, returned = report.iter_parts()
    assert returned.get_content_type() == "text/rfc822-headers"
    of_message, of_recipient = status.get_payload()
    return of_message, of_recipient


def test_postfix_reports_what_alice_asked_us_to_ask(internet: Internet, mta: Postfix) -> None:
    letter = Letter(ALICE, CAROL)
    submit(
        internet.server,
        letter,
        mail_options=["RET=HDRS", f"ENVID={letter.word}+2B1"],
        rcpt_options=["NOTIFY=SUCCESS,DELAY", f"ORCPT=rfc822;{CAROL}"],
    )
    assert letter.content in as_sent(mta.received(letter.word))
    wanted = ("SUBJECT", "Successful", "BODY", letter.word)
    report = parsed(await_one(internet.server, ALICE, *wanted, seconds=30))
    of_message, of_recipient = status_of(report)
    assert of_message["Reporting-MTA"] == "dns; mx.remote.test"
    assert of_message["Original-Envelope-Id"] == f"{letter.word}+1"
    assert of_recipient["Original-Recipient"] == f"rfc822;{CAROL}"
    assert of_recipient["Action"] == "delivered"


def test_postfix_hears_what_it_asked_us(internet: Internet, mta: Postfix) -> None:
    letter = Letter(CAROL, BOB)
    content = letter.content.replace(b"\r\n", b"\n")
    envelope_id = f"{letter.word}+1"
    mta.send(CAROL, [BOB], content, "-N", "success,delay,failure", "-V", envelope_id, "-R", "hdrs")
    await_one(internet.server, BOB, "SUBJECT", letter.word, seconds=30)
    of_message, of_recipient = status_of(parsed(as_sent(mta.received(letter.word))))
    assert of_message["Reporting-MTA"] == "dns; mail.example.test"
    assert of_message["Original-Envelope-Id"] == envelope_id
    assert of_recipient["Original-Recipient"] == f"rfc822;{BOB}"
    assert of_recipient["Final-Recipient"] == f"rfc822; {BOB}"
    assert (of_recipient["Action"], of_recipient["Status"]) == ("delivered", "2.0.0")


def test_held_mail_goes_out_at_its_time(internet: Internet, mta: Postfix) -> None:
    letter = Letter(ALICE, CAROL)
    started = time.monotonic()
    submit(internet.server, letter, BOB, mail_options=["HOLDFOR=3"])
    queued = internet.server.json("queue", "list")
    assert {one["recipient"] for one in queued} == {BOB, CAROL}
    assert all(one["held_until"] for one in queued)
    assert letter.content in as_sent(mta.received(letter.word))
    assert time.monotonic() - started >= 3
    await_one(internet.server, BOB, "SUBJECT", letter.word)


# ── what cannot arrive ──────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Bounce:
    """A delivery status notification, taken apart by Python's parser."""

    message: EmailMessage
    text: str
    status: EmailMessage  # of the one recipient
    original: EmailMessage


def bounce(server: Server, recipient: str, seconds: float) -> Bounce:
    """The one report to alice that tells of `recipient`."""
    wanted = ("FROM", "mailer-daemon", "BODY", recipient)
    raw = await_one(server, ALICE, *wanted, seconds=seconds)
    assert b"\nReturn-Path: <>\r\n" in b"\n" + raw
    message = parsed(raw)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    assert message["Auto-Submitted"] == "auto-replied"
    text, status, original = message.iter_parts()
    assert status.get_content_type() == "message/delivery-status"
    of_message, of_recipient = status.get_payload()
    assert of_message["Reporting-MTA"] == "dns; mail.example.test"
    assert of_recipient["Final-Recipient"] == f"rfc822; {recipient}"
    assert of_recipient["Action"] == "failed"
    returned = original.get_payload()
    inner = returned[0] if isinstance(returned, list) else parsed(original.get_content().encode())
    return Bounce(message, text.get_content(), of_recipient, inner)


def test_recipient_that_postfix_refuses_comes_back(internet: Internet, mta: Postfix) -> None:
    letter = Letter(ALICE, CAROL)
    unknown = f"{letter.word}@remote.test"
    submit(internet.server, letter, unknown)
    assert letter.content in as_sent(mta.received(letter.word))
    report = bounce(internet.server, unknown, 20)
    assert report.status["Status"] == "5.1.1"
    assert report.status["Diagnostic-Code"].startswith(f"smtp; 550 5.1.1 <{unknown}>")
    assert report.status["Remote-MTA"] == "dns; mx.remote.test"
    assert report.original["Message-ID"] == f"<{letter.word}@letters.test>"
    assert CAROL not in report.text


def test_domain_that_does_not_exist_comes_back_at_once(internet: Internet) -> None:
    letter = Letter(ALICE, f"{unique_word()}@nowhere.test")
    submit(internet.server, letter)
    report = bounce(internet.server, letter.recipient, LIFETIME - 2)
    assert report.status["Status"] == "5.1.2"
    assert report.original["Subject"].startswith(letter.word)


def test_dead_domain_bounces_after_the_lifetime_and_mutt_shows_it(
    internet: Internet, tmp_path: Path
) -> None:
    letter = Letter(ALICE, f"{unique_word()}@gone.test")
    started = time.monotonic()
    submit(internet.server, letter)
    queued = internet.server.json("queue", "list", "--domain", "gone.test")
    assert [one["recipient"] for one in queued] == [letter.recipient]
    report = bounce(internet.server, letter.recipient, LIFETIME + 20)
    assert time.monotonic() - started > LIFETIME - 1
    assert report.status["Status"] == "5.4.7"
    assert letter.recipient in report.text
    assert report.original["Message-ID"] == f"<{letter.word}@letters.test>"
    assert internet.server.json("queue", "list", "--domain", "gone.test") == []

    require("mutt", "tmux")
    config = configure(tmp_path, internet.server, ALICE)
    with terminal(tmp_path, "mutt", "-n", "-F", config) as screen:
        screen.wait_for("=INBOX")
        screen.type("l")
        screen.wait_for("Limit to messages matching")
        screen.type(f"~b {letter.recipient}", "Enter")
        screen.wait_for("Msgs:1/", report.message["Subject"][:30])
        screen.type("Enter")
        screen.wait_for(f"Final-Recipient: rfc822; {letter.recipient}", "Status: 5.4.7")
        screen.type("v")
        screen.wait_for("Delivery report", "message/delivery-s", "Undelivered message")


# ── the way in ──────────────────────────────────────────────────────────────────────────────


def test_postfix_delivers_to_us(internet: Internet, mta: Postfix) -> None:
    letter = Letter(CAROL, BOB)
    mta.send(CAROL, [BOB, ALICE], letter.content.replace(b"\r\n", b"\n"))
    for address in (BOB, ALICE):
        stored = await_one(internet.server, address, "SUBJECT", letter.word, seconds=30)
        assert stored.startswith(b"Return-Path: <carol@remote.test>\r\nDelivered-To: ")
        ours, theirs, *_ = re.findall(
            rb"^Received: (?:.*\r\n)(?:[ \t].*\r\n)*", stored, re.MULTILINE
        )
        assert b"from mx.remote.test (unknown [127.0.0.1])" in ours
        assert b"with ESMTPS id" in ours.replace(b"\r\n\t", b" ")
        assert b"by mx.remote.test (Postfix" in theirs
        _header, _, body = letter.content.partition(b"\r\n\r\n")
        assert stored.endswith(b"\r\n\r\n" + body)
        assert b"Message-ID: " + letter.word.encode() in stored.replace(b"<", b"")


def test_postfix_delivers_internationalized_mail(internet: Internet, mta: Postfix) -> None:
    server, word = internet.server, unique_word()
    name = f"jörg-{word}@example.test"
    assert server.cli("alias", "add", name, BOB).returncode == 0
    content = f"From: Käthe <käthe@remote.test>\nTo: Jörg <{name}>\nSubject: {word}\n\nGrüße\n"
    mta.send("käthe@remote.test", [name], content.encode())
    stored = await_one(server, BOB, "SUBJECT", word, seconds=30)
    assert stored.startswith("Return-Path: <käthe@remote.test>\r\n".encode())
    assert f"Delivered-To: {name}\r\n".encode() in stored
    assert b"with UTF8SMTPS id" in stored.replace(b"\r\n\t", b" ")


def test_postfix_hears_of_an_unknown_user(internet: Internet, mta: Postfix) -> None:
    letter = Letter(CAROL, "nobody@example.test")
    mta.send(CAROL, [letter.recipient], letter.content.replace(b"\r\n", b"\n"))
    report = parsed(as_sent(mta.received(letter.word)))
    assert report.get_content_type() == "multipart/report"
    _, status, _ = report.iter_parts()
    assert status.get_payload()[1]["Status"] == "5.1.1"


def test_a_conversation_over_two_hosts(internet: Internet, mta: Postfix) -> None:
    question = Letter(ALICE, CAROL)
    submit(internet.server, question)
    received = parsed(as_sent(mta.received(question.word)))
    answer = EmailMessage()
    answer["From"], answer["To"] = CAROL, received["Return-Path"].strip("<>")
    answer["Subject"] = f"Re: {question.word}"
    answer["In-Reply-To"] = received["Message-ID"]
    answer.set_content("it arrived")
    mta.send(CAROL, [str(answer["To"])], bytes(answer))
    stored = await_one(internet.server, ALICE, "HEADER", "In-Reply-To", question.word, seconds=30)
    assert parsed(stored).get_content() == "it arrived\r\n"
    with reading(internet.server, ALICE) as client:
        client.select("INBOX")
        [threaded] = client.search(None, "FROM", CAROL, "SUBJECT", question.word)[1]
    assert threaded
