"""ESEARCH: the command and its responses (RFC 7377)."""

from collections.abc import Callable

import pytest

from imap.protocol.command import Command
from imap.protocol.errors import ParseError
from imap.protocol.esearch import Return, ReturnOption
from imap.protocol.multisearch import SELECTED, Esearch, Source, Where, encode_found
from imap.protocol.search import AllKey, FlagKey, HeaderKey, Search

Parse = Callable[[bytes], Command]
UNSEEN = FlagKey("\\Seen", present=False)


def test_the_examples_of_the_rfc(parse: Parse) -> None:
    # RFC 7377 §3
    assert parse(b'ESEARCH IN (mailboxes "folder1" subtree "folder2") unseen') == Esearch(
        (Source(Where.MAILBOXES, ("folder1",)), Source(Where.SUBTREE, ("folder2",))),
        Search(UNSEEN, by_uid=True),
    )
    command = parse(b'ESEARCH IN (mailboxes "folder1" subtree-one "folder2") subject "chad"')
    assert command == Esearch(
        (Source(Where.MAILBOXES, ("folder1",)), Source(Where.SUBTREE_ONE, ("folder2",))),
        Search(HeaderKey(b"SUBJECT", b"chad"), by_uid=True),
    )
    told = [(b"ALL", b"4001,4003,4005,4007,4009")]
    assert encode_found(b"tag1", "folder1", 1, told, utf8=False) == (
        b'* ESEARCH (TAG "tag1" MAILBOX folder1 UIDVALIDITY 1) UID ALL 4001,4003,4005,4007,4009\r\n'
    )
    assert b'MAILBOX "a b&AOk-"' in encode_found(b"t", "a bé", 1, told, utf8=False)


def test_sources_and_options(parse: Parse) -> None:
    alone = Esearch((SELECTED,), Search(AllKey(), by_uid=True))
    assert parse(b"ESEARCH ALL") == alone
    assert parse(b"esearch in (selected) all") == alone
    assert alone.of_selected
    assert alone.returned == Return(frozenset((ReturnOption.ALL,)))
    several = parse(
        b"ESEARCH IN (inboxes personal subscribed mailboxes (INBOX inbox/x))"
        b" RETURN (COUNT) CHARSET UTF-8 ALL"
    )
    assert several == Esearch(
        (
            *(Source(Where.INBOXES), Source(Where.PERSONAL), Source(Where.SUBSCRIBED)),
            Source(Where.MAILBOXES, ("INBOX", "INBOX/x")),
        ),
        Search(AllKey(), b"UTF-8", True, Return(frozenset((ReturnOption.COUNT,)))),
    )


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b" IN", b" IN ()", b" IN () ALL", b" IN (personal)", b" IN (bogus) ALL"),
        *(b' IN ("personal") ALL', b" IN (selected-delayed) ALL", b" IN (subtree) ALL"),
        *(b" IN (subtree ()) ALL", b" IN (personal (1)) ALL", b" IN personal ALL"),
        b" RETURN (ALL) IN (personal) ALL",
    ],
)
def test_what_is_no_search(parse: Parse, text: bytes) -> None:
    with pytest.raises(ParseError):
        parse(b"ESEARCH" + text)
