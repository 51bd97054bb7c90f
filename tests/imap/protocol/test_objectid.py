"""Identifiers as RFC 8474 writes them."""

import pytest

from imap.protocol.command import parse_command
from imap.protocol.errors import ParseError
from imap.protocol.events import Frame
from imap.protocol.fetch import Fetch, FetchAttribute
from imap.protocol.objectid import mailboxid, mailboxid_code, message_of
from imap.protocol.search import EmailIdKey, NotKey, Search, ThreadIdKey
from imap.protocol.sequence import SequenceSet
from imap.protocol.status import Status, StatusItem, encode_status


def test_commands_that_name_identifiers() -> None:
    items = (FetchAttribute.EMAILID, FetchAttribute.THREADID)
    fetch = parse_command(Frame(b"5 fetch 1:* (emailid threadid)")).command
    assert isinstance(fetch, Fetch)
    assert fetch.items == items
    assert isinstance(fetch.sequence, SequenceSet)
    search = parse_command(Frame(b"27 search emailid M6d99ac3275bb4e")).command
    assert search == Search(EmailIdKey(b"M6d99ac3275bb4e"))
    search = parse_command(Frame(b"28 search not threadid T64b478a75b7ea9")).command
    assert search == Search(NotKey(ThreadIdKey(b"T64b478a75b7ea9")))
    status = parse_command(Frame(b"11 status foo (mailboxid messages)")).command
    assert status == Status("foo", (StatusItem.MAILBOXID, StatusItem.MESSAGES))


@pytest.mark.parametrize("word", [b"", b'"M1"', b"M.1", b"M" * 256, b"M\xc3\xa9", b"(M1)", b"M1 x"])
def test_what_is_no_identifier(word: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(Frame(b"a SEARCH EMAILID " + word))


def test_identifiers_as_they_are_told() -> None:
    assert mailboxid_code(12) == b"MAILBOXID (F12)"
    told = [(StatusItem.MAILBOXID, mailboxid(12)), (StatusItem.MESSAGES, 3)]
    assert encode_status("foo", told) == b"* STATUS foo (MAILBOXID (F12) MESSAGES 3)\r\n"


@pytest.mark.parametrize(
    ("word", "message"),
    [(b"M12", 12), (b"m12", None), (b"M012", None), (b"T12", None), (b"M" + b"9" * 20, None)],
)
def test_the_message_of_an_identifier(word: bytes, message: int | None) -> None:
    assert message_of(word) == message
