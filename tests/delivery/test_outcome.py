"""What replies and failures mean."""

import pytest

from delivery.outcome import Category, Failure, answered, expired, failed
from mailserver.mail.replies import parse_reply
from mailserver.storage.queue import State


@pytest.mark.parametrize(
    ("code", "text", "command", "state", "category", "status"),
    [
        (250, "2.0.0 ok", ".", State.DELIVERED, Category.NONE, "2.0.0"),
        (250, "queued", ".", State.DELIVERED, Category.NONE, "2.0.0"),
        (251, "will forward", "RCPT", State.DELIVERED, Category.NONE, "2.0.0"),
        (550, "5.1.1 no such user", "RCPT", State.BOUNCED, Category.INVALID_RECIPIENT, "5.1.1"),
        (550, "5.1.10 null MX", "RCPT", State.BOUNCED, Category.INVALID_RECIPIENT, "5.1.10"),
        (550, "5.2.1 disabled", "RCPT", State.BOUNCED, Category.INACTIVE, "5.2.1"),
        (452, "4.2.2 full", "RCPT", State.DEFERRED, Category.QUOTA, "4.2.2"),
        (552, "5.2.2 full", "RCPT", State.BOUNCED, Category.QUOTA, "5.2.2"),
        (552, "5.3.4 too big", "MAIL", State.BOUNCED, Category.SIZE, "5.3.4"),
        # RFC 5321 §4.5.3.1.10
        (552, "5.5.3 too many", "RCPT", State.DEFERRED, Category.PROTOCOL, "4.5.3"),
        (552, "too many recipients", "RCPT", State.DEFERRED, Category.QUOTA, "4.0.0"),
        (552, "too much mail data", ".", State.BOUNCED, Category.QUOTA, "5.0.0"),
        (550, "5.7.1 blocked", "MAIL", State.BOUNCED, Category.POLICY, "5.7.1"),
        (421, "4.7.0 try later", "MAIL", State.DEFERRED, Category.POLICY, "4.7.0"),
        (421, "too many connections", "", State.DEFERRED, Category.RATE, "4.0.0"),
        (451, "4.4.3 DNS", "RCPT", State.DEFERRED, Category.DNS, "4.4.3"),
        (450, "greylisted", "RCPT", State.DEFERRED, Category.OTHER, "4.0.0"),
        # a bare 550 must not pass for an invalid recipient
        (550, "go away", "RCPT", State.BOUNCED, Category.OTHER, "5.0.0"),
        (554, "5.6.0 content", ".", State.BOUNCED, Category.CONTENT, "5.6.0"),
        (354, "what", "RCPT", State.DEFERRED, Category.PROTOCOL, "4.5.0"),
        (199, "what", "RCPT", State.DEFERRED, Category.PROTOCOL, "4.5.0"),
        (999, "what", "RCPT", State.DEFERRED, Category.PROTOCOL, "4.5.0"),
    ],
)
def test_reply(
    code: int, text: str, command: str, state: State, category: Category, status: str
) -> None:
    outcome = answered(parse_reply(code, text), "mx.test", command=command)
    assert (outcome.state, outcome.category, outcome.status) == (state, category, status)
    assert outcome.host == "mx.test"


@pytest.mark.parametrize("failure", list(Failure))
def test_class_of_a_status_says_whether_it_is_for_good(failure: Failure) -> None:
    assert failure.status[0] == {"bounced": "5", "deferred": "4"}[failure.state]
    outcome = failed(failure, "detail", "mx.test")
    assert outcome.state is failure.state
    assert "detail" in outcome.text


def test_end_of_the_lifetime_keeps_the_last_words() -> None:
    last = answered(parse_reply(451, "4.3.2 busy"), "mx.test", command="RCPT")
    outcome = expired(last)
    assert (outcome.state, outcome.category) == (State.BOUNCED, Category.EXPIRED)
    assert outcome.status == "5.4.7"
    assert "451 4.3.2 busy" in outcome.text
    assert outcome.reply == last.reply
