"""What the server says, against the RFCs' own examples; no value can break out of its line."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.protocol import responses
from imap.protocol.events import Frame
from imap.protocol.flags import encode_flags, fold, is_keyword, is_settable
from imap.protocol.message_limit import message_limit_code
from imap.protocol.responses import Condition
from imap.protocol.session import encode_id
from imap.protocol.strings import astring, literal, nstring, quoted, string
from imap.protocol.tokens import Cursor


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            responses.tagged(b"A142", Condition.OK, "SELECT completed", responses.READ_WRITE),
            b"A142 OK [READ-WRITE] SELECT completed\r\n",
        ),
        (
            responses.tagged(b"A003", Condition.NO, "Mailbox unknown", responses.TRYCREATE),
            b"A003 NO [TRYCREATE] Mailbox unknown\r\n",
        ),
        (responses.untagged(Condition.BYE, "logging out"), b"* BYE logging out\r\n"),
        (
            responses.untagged(Condition.OK, "UIDs valid", responses.uidvalidity_code(3857529045)),
            b"* OK [UIDVALIDITY 3857529045] UIDs valid\r\n",
        ),
        (
            responses.untagged(Condition.OK, "Predicted next UID", responses.uidnext_code(4392)),
            b"* OK [UIDNEXT 4392] Predicted next UID\r\n",
        ),
        (
            responses.untagged(Condition.OK, "Message 12 is first", responses.unseen_code(12)),
            b"* OK [UNSEEN 12] Message 12 is first\r\n",
        ),
        (
            responses.untagged(
                Condition.OK,
                "Limited",
                responses.permanentflags_code(("\\Deleted", "\\Seen", "\\*")),
            ),
            b"* OK [PERMANENTFLAGS (\\Deleted \\Seen \\*)] Limited\r\n",
        ),
        (
            responses.tagged(
                b"a", Condition.NO, "charset", responses.badcharset_code(("US-ASCII", "UTF-8"))
            ),
            b"a NO [BADCHARSET (US-ASCII UTF-8)] charset\r\n",
        ),
        (
            responses.untagged(
                Condition.OK, "hello", responses.capability_code(("IMAP4rev1", "IDLE"))
            ),
            b"* OK [CAPABILITY IMAP4rev1 IDLE] hello\r\n",
        ),
        # RFC 4315 §3
        (
            responses.tagged(
                b"A003", Condition.OK, "APPEND completed", responses.appenduid_code(38505, [3955])
            ),
            b"A003 OK [APPENDUID 38505 3955] APPEND completed\r\n",
        ),
        (
            responses.tagged(
                b"A004",
                Condition.OK,
                "Done",
                responses.copyuid_code(38505, [304, 319, 320], [3956, 3957, 3958]),
            ),
            b"A004 OK [COPYUID 38505 304,319:320 3956:3958] Done\r\n",
        ),
        (
            responses.capability(("IMAP4rev1", "STARTTLS")),
            b"* CAPABILITY IMAP4rev1 STARTTLS\r\n",
        ),
        (responses.enabled(("CONDSTORE",)), b"* ENABLED CONDSTORE\r\n"),
        (responses.enabled(()), b"* ENABLED\r\n"),
        (responses.flags_line(("\\Answered", "\\Seen")), b"* FLAGS (\\Answered \\Seen)\r\n"),
        (responses.exists(23), b"* 23 EXISTS\r\n"),
        (responses.recent(5), b"* 5 RECENT\r\n"),
        (responses.expunge(44), b"* 44 EXPUNGE\r\n"),
        # RFC 4731 §3.1
        (
            responses.esearch(b"A282", [(b"MIN", b"2"), (b"COUNT", b"3")]),
            b'* ESEARCH (TAG "A282") MIN 2 COUNT 3\r\n',
        ),
        (
            responses.esearch(b"A285", [(b"ALL", b"43")], by_uid=True),
            b'* ESEARCH (TAG "A285") UID ALL 43\r\n',
        ),
        (responses.continuation("idling"), b"+ idling\r\n"),
        (responses.continuation(), b"+ OK\r\n"),
        (responses.challenge(b""), b"+ \r\n"),
        (responses.challenge(b"Zm9v"), b"+ Zm9v\r\n"),
        (encode_id({"name": "mailserver", "os": None}), b'* ID ("name" "mailserver" "os" NIL)\r\n'),
        (encode_id({}), b"* ID NIL\r\n"),
    ],
)
def test_known_responses(line: bytes, expected: bytes) -> None:
    assert line == expected


def test_copyuid_pairs() -> None:
    with pytest.raises(ValueError, match="pairs"):
        responses.copyuid_code(1, [1, 2], [1])


@given(st.text(max_size=40))
def test_no_text_breaks_out_of_its_line(text: str) -> None:
    line = responses.untagged(Condition.NO, text)
    assert line.endswith(b"\r\n")
    assert line[:-2].isascii()
    assert line[:-2].decode().isprintable()
    assert len(line) > len(b"* NO \r\n")


def test_known_strings() -> None:
    assert nstring(None) == b"NIL"
    assert nstring(b"NIL") == b'"NIL"'
    assert string(b"") == b'""'
    assert string(b'a "b" \\') == b'"a \\"b\\" \\\\"'
    assert string(b"a\r\nb") == literal(b"a\r\nb") == b"{4}\r\na\r\nb"
    assert string("é".encode()) == b"{2}\r\n\xc3\xa9"
    assert string(b"x" * 1001).startswith(b"{1001}\r\n")
    assert astring(b"a]b") == b"a]b"
    assert astring(b"a b") == b'"a b"'
    assert astring(b"nil") == b'"nil"'
    assert astring(b"") == b'""'


@pytest.mark.parametrize("value", [b"a\rb", b"a\nb", b"\0", b"\xff"])
def test_a_quoted_string_cannot_hold_everything(value: bytes) -> None:
    with pytest.raises(ValueError, match="quoted"):
        quoted(value)


@given(value=st.binary(max_size=40).filter(lambda value: b"\0" not in value))
def test_a_string_read_back_is_the_same_string(
    frame_of: Callable[[bytes], Frame], value: bytes
) -> None:
    for write, read in ((string, Cursor.string), (astring, Cursor.astring)):
        cursor = Cursor(frame_of(write(value) + b"\r\n"))
        assert read(cursor) == value
        cursor.end()


def test_flags() -> None:
    assert encode_flags(()) == b"()"
    assert encode_flags(("\\Seen", "$Forwarded")) == b"(\\Seen $Forwarded)"
    assert is_keyword("$Forwarded")
    for no_keyword in ("", "a b", "\\Seen", "a*", "é", "a]", "a\n", "{"):
        assert not is_keyword(no_keyword), no_keyword
    assert is_settable("\\Seen")
    assert not is_settable("\\Recent")
    assert not is_settable("\\Foo")
    assert fold("$FORWARDED") == fold("$Forwarded")


def test_a_limit_of_messages_may_say_how_far_it_reached() -> None:
    assert message_limit_code(1000, 23221) == b"MESSAGELIMIT 1000 23221"  # RFC 9738 §3.1
    assert message_limit_code(1000) == b"MESSAGELIMIT 1000"
