"""LIST with its extensions, LSUB and STATUS: commands and responses."""

from collections.abc import Callable

import pytest

from imap.protocol.command import Command, parse_command
from imap.protocol.errors import ParseError
from imap.protocol.events import Frame
from imap.protocol.listing import (
    List,
    ListReturn,
    ListSelection,
    Lsub,
    encode_list,
    encode_lsub,
    encode_root,
)
from imap.protocol.status import StatusItem, encode_status

Parse = Callable[[bytes], Command]


@pytest.mark.parametrize(
    ("line", "command"),
    [
        # RFC 3501 §6.3.8, §6.3.9
        (b'LIST "" ""', List("", ("",))),
        (b'LIST "" *', List("", ("*",))),
        (b'LIST #news.comp.mail.misc ""', List("#news.comp.mail.misc", ("",))),
        (b"LIST /usr/staff/jones %", List("/usr/staff/jones", ("%",))),
        (b'LIST ~/Mail/ "%/a]"', List("~/Mail/", ("%/a]",))),
        (b"LIST {0}\r\n {3}\r\n&-%", List("", ("&%",))),
        (b'LIST "" R&D*', List("", ("R&D*",))),
        (b'LSUB "#news." "comp.mail.*"', Lsub("#news.", "comp.mail.*")),
        # RFC 5258 §5
        (
            b'LIST (SUBSCRIBED) "" "*"',
            List("", ("*",), ListSelection.SUBSCRIBED, extended=True),
        ),
        (
            b'LIST () "" "%" RETURN (CHILDREN)',
            List("", ("%",), returns=ListReturn.CHILDREN, extended=True),
        ),
        (
            b'LIST (REMOTE) "" "%" RETURN (CHILDREN SUBSCRIBED)',
            List(
                "",
                ("%",),
                ListSelection.REMOTE,
                ListReturn.CHILDREN | ListReturn.SUBSCRIBED,
                extended=True,
            ),
        ),
        (
            b'LIST "" ("INBOX" "Drafts" "Sent/%")',
            List("", ("INBOX", "Drafts", "Sent/%"), extended=True),
        ),
        (
            b'list (subscribed recursivematch) "" "*"',
            List(
                "",
                ("*",),
                ListSelection.SUBSCRIBED | ListSelection.RECURSIVEMATCH,
                extended=True,
            ),
        ),
        (b'LIST "" "*" RETURN ()', List("", ("*",), extended=True)),
        # RFC 6154 §5
        (
            b'LIST (SPECIAL-USE) "" "*" RETURN (SPECIAL-USE)',
            List("", ("*",), ListSelection.SPECIAL_USE, ListReturn.SPECIAL_USE, extended=True),
        ),
        # RFC 5819 §2
        (
            b'LIST "" % RETURN (STATUS (MESSAGES UNSEEN))',
            List("", ("%",), status=(StatusItem.MESSAGES, StatusItem.UNSEEN), extended=True),
        ),
        (
            b'LIST "" % RETURN (CHILDREN STATUS (UIDNEXT) SUBSCRIBED)',
            List(
                "",
                ("%",),
                returns=ListReturn.CHILDREN | ListReturn.SUBSCRIBED,
                status=(StatusItem.UIDNEXT,),
                extended=True,
            ),
        ),
    ],
)
def test_known_listings(parse: Parse, line: bytes, command: Command) -> None:
    assert parse(line) == command


@pytest.mark.parametrize(
    "line",
    [
        *(b"LIST", b'LIST ""', b'LIST "" ()', b'LIST (FOO) "" *', b'LIST "" * RETURN'),
        *(b'LIST "" * RETURN (FOO)', b'LIST "" * CHILDREN', b'LIST "" * RETURN (STATUS)'),
        *(b'LIST "" * RETURN (STATUS ())', b'LIST (RECURSIVEMATCH) "" *', b'LSUB "" (a b)'),
        *(b'LIST (REMOTE RECURSIVEMATCH) "" *', b'LIST "" caf\xc3\xa9*', b'LIST (SUBSCRIBED "" *'),
    ],
)
def test_what_is_no_listing(parse: Parse, line: bytes) -> None:
    with pytest.raises(ParseError):
        parse(line)


def test_with_utf8_enabled_patterns_are_utf8() -> None:
    frame = Frame('a LIST "" "é&*"'.encode())
    assert parse_command(frame, utf8=True).command == List("", ("é&*",))


def test_list_responses() -> None:
    assert encode_root() == b'* LIST (\\Noselect) "/" ""\r\n'
    assert encode_list("INBOX") == b'* LIST () "/" INBOX\r\n'
    assert encode_list("Entwürfe", ("\\HasNoChildren", "\\Drafts")) == (
        b'* LIST (\\HasNoChildren \\Drafts) "/" Entw&APw-rfe\r\n'
    )
    assert encode_list("Sent Items", utf8=True) == b'* LIST () "/" "Sent Items"\r\n'
    # RFC 5258 §5, example 8
    assert encode_list("Foo", child_info=("SUBSCRIBED",)) == (
        b'* LIST () "/" Foo ("CHILDINFO" ("SUBSCRIBED"))\r\n'
    )
    assert encode_lsub("a/b", ("\\Noselect",)) == b'* LSUB (\\Noselect) "/" a/b\r\n'


def test_status_responses() -> None:
    # RFC 3501 §6.3.10
    values = [(StatusItem.MESSAGES, 231), (StatusItem.UIDNEXT, 44292)]
    assert encode_status("blurdybloop", values) == (
        b"* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)\r\n"
    )
    assert encode_status("a b", []) == b'* STATUS "a b" ()\r\n'
