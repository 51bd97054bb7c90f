"""Postfix as the MTA of the house: it keeps the queue and delivers to our mailboxes by LMTP."""

import re
from collections.abc import Iterator

import pytest

from tests.support.letters import ALICE, BOB, CAROL, Letter, await_one, reading, unique_word
from tests.support.postfix import Postfix, postfix
from tests.support.programs import eventually
from tests.support.remote_mx import free_port
from tests.support.server import Server

QUOTA = 20_000  # bytes


@pytest.fixture(scope="module")
def house(server: Server) -> Iterator[Postfix]:
    """A Postfix that says no SIZE, so that who has no room hears it behind the message."""
    lmtp = server.ports["lmtp"]
    more = (
        f"transport_maps = inline:{{ {{ example.test = lmtp:inet:127.0.0.1:{lmtp} }} }}",
        "lmtp_discard_lhlo_keywords = size",
        "lmtp_tls_security_level = may",
    )
    with postfix(port=free_port(), relay=server.ports["smtp"], more=more) as started:
        yield started


def fate(house: Postfix, recipient: str) -> str:
    """What Postfix logged of the delivery to a recipient."""

    def look() -> list[str]:
        return re.findall(rf"/lmtp\[.*: to=<{re.escape(recipient)}>, .*", house.log)

    return str(eventually(look, 30)[0])


def test_each_recipient_has_an_answer_of_his_own(server: Server, house: Postfix) -> None:
    small = f"{unique_word()}@example.test"
    done = server.cli("account", "add", small, "--generate", "--quota", str(QUOTA))
    assert done.returncode == 0, done.stderr
    unknown = f"{unique_word()}@example.test"
    letter = Letter(CAROL, BOB)
    large = letter.content + b"to the brim\r\n" * (QUOTA // 10)
    recipients = [BOB, small, ALICE, unknown]
    house.send(CAROL, recipients, large.replace(b"\r\n", b"\n"))
    for recipient in (BOB, ALICE):
        stored = await_one(server, recipient, "SUBJECT", letter.word, seconds=30)
        assert b" with LMTPS id " in stored.replace(b"\r\n\t", b" ")
        assert f"Delivered-To: {recipient}".encode() in stored
        assert stored.endswith(large.partition(b"\r\n\r\n")[2])
        assert "status=sent (250 2.0.0 accepted as " in fate(house, recipient)
    deferred = fate(house, small)
    assert "status=deferred" in deferred
    assert "452 4.2.2 Mailbox is full (in reply to end of DATA command" in deferred
    assert "550 5.1.1 No such mailbox here" in fate(house, unknown)
    with reading(server, BOB) as client:
        client.select("INBOX")
        [found] = client.search(None, "SUBJECT", letter.word)[1]
    assert len(found.split()) == 1  # it is not sent again with what small waits for
