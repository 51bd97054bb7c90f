"""Exim as the other host: it sends by BDAT (RFC 3030) to whoever offers CHUNKING."""

import re
from collections.abc import Iterator

import pytest

from tests.support.exim import Exim, exim
from tests.support.letters import ALICE, BOB, CAROL, Letter, await_one
from tests.support.server import Server


@pytest.fixture(scope="module")
def mta(server: Server) -> Iterator[Exim]:
    with exim(relay=server.ports["smtp"]) as ready:
        yield ready


def deliveries(mta: Exim, recipient: str) -> list[str]:
    """Its log's lines of what arrived."""
    return re.findall(rf"(?:=>|->) {re.escape(recipient)} .*", mta.log)


@pytest.mark.parametrize("lines", [0, 40_000], ids=["small", "large"])
def test_exim_delivers_by_bdat_over_tls(server: Server, mta: Exim, lines: int) -> None:
    letter = Letter(CAROL, BOB)
    content = letter.content + b".\r\n..\r\nBDAT 10 LAST\r\n" + b"x" * 70 + b"\r\n"
    content += b"a line of a large message, with a dot.\r\n.\r\n" * lines
    mta.send(CAROL, [BOB, ALICE], content.replace(b"\r\n", b"\n"))
    for recipient in (BOB, ALICE):
        stored = await_one(server, recipient, "SUBJECT", letter.word)
        assert stored.startswith(b"Return-Path: <carol@remote.test>\r\nDelivered-To: ")
        assert b" with ESMTPS id " in stored.replace(b"\r\n\t", b" ")
        assert stored.endswith(content.partition(b"\r\n\r\n")[2])
        line = deliveries(mta, recipient)[-1]
        # Exim's log: X= is the cipher, K that it was sent by BDAT
        assert re.search(r" X=TLS1\.[23]:\S+ .*K C=\"250 2\.0\.0 accepted as ", line), line


def test_exim_hears_who_is_unknown(server: Server, mta: Exim) -> None:
    letter = Letter(CAROL, BOB)
    unknown = f"{letter.word}@example.test"
    mta.send(CAROL, [unknown, BOB], letter.content.replace(b"\r\n", b"\n"))
    assert await_one(server, BOB, "SUBJECT", letter.word)
    assert re.search(rf"\*\* {unknown} .*550 5\.1\.1 No such mailbox here", mta.log), mta.log
