"""SMTP replies: wire form, and reading remote ones."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.replies import MAX_LINE, Reply, parse_reply


def test_wire_form() -> None:
    assert Reply(250, "2.1.0", "OK").wire == b"250 2.1.0 OK\r\n"
    assert Reply(354, "", "go on").wire == b"354 go on\r\n"
    assert Reply(250, "2.0.0", "").wire == b"250 2.0.0 \r\n"
    assert Reply(250, "", "host\nSIZE 10\nPIPELINING").wire == (
        b"250-host\r\n250-SIZE 10\r\n250 PIPELINING\r\n"
    )
    # RFC 2034 §4: on every line
    assert Reply(550, "5.7.1", "a\r\nb").wire == b"550-5.7.1 a\r\n550 5.7.1 b\r\n"
    assert Reply(550, "5.7.1", "caf\u00e9\0").wire == b"550 5.7.1 caf??\r\n"


def test_classes() -> None:
    kinds = [
        (r.positive, r.temporary, r.permanent)
        for r in (Reply(c, "", "") for c in (250, 354, 451, 550))
    ]
    assert kinds == [
        (True, False, False),
        (False, False, False),
        (False, True, False),
        (False, False, True),
    ]
    assert Reply(451, "", "").status == "4.0.0"
    assert Reply(451, "4.7.1", "").status == "4.7.1"
    assert str(Reply(550, "5.1.1", "no\nsuch  user")) == "550 5.1.1 no such user"


@pytest.mark.parametrize(
    ("code", "text", "reply"),
    [
        (550, "5.1.1 no such user", Reply(550, "5.1.1", "no such user")),
        (550, "5.1.1", Reply(550, "5.1.1", "")),
        (550, "no such user", Reply(550, "", "no such user")),
        (250, "2.0.0 OK\n2.0.0 queued", Reply(250, "2.0.0", "OK\nqueued")),
        (550, "5.7.1 a\nb", Reply(550, "5.7.1", "a\nb")),
        (550, "4.2.2 contradiction", Reply(550, "", "4.2.2 contradiction")),
        (550, "5.1.1.1 no status", Reply(550, "", "5.1.1.1 no status")),
        (550, "", Reply(550, "", "")),
    ],
)
def test_enhanced_code_is_split_off_remote_replies(code: int, text: str, reply: Reply) -> None:
    assert parse_reply(code, text) == reply


@given(st.integers(200, 599), st.sampled_from(["", "5.1.1"]), st.text(max_size=1200))
def test_any_text_gives_well_formed_lines(code: int, enhanced: str, text: str) -> None:
    lines = Reply(code, enhanced, text).wire.split(b"\r\n")
    assert lines.pop() == b""
    for number, line in enumerate(lines, 1):
        assert len(line) + 2 <= MAX_LINE
        mark = b" " if number == len(lines) else b"-"
        assert re.fullmatch(rb"%d%b[\t -~]*" % (code, mark), line)


_WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


@given(st.lists(_WORDS, min_size=1).map(" ".join))
def test_written_reply_is_read_back(text: str) -> None:
    reply = Reply(550, "5.1.1", text)
    wire = reply.wire.decode().split("\r\n")[:-1]
    assert parse_reply(550, "\n".join(line[4:] for line in wire)).enhanced == "5.1.1"
    if len(wire) == 1:
        assert parse_reply(550, wire[0][4:]) == reply
