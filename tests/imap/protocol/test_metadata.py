"""METADATA's grammar, with the examples of RFC 5464 and RFC 9590."""

from collections.abc import Callable

import pytest

from imap.protocol.command import Command
from imap.protocol.errors import ParseError
from imap.protocol.listing import List
from imap.protocol.metadata import (
    INFINITY,
    GetMetadata,
    SetMetadata,
    encode_metadata,
    longentries_code,
    maxsize_code,
)

Parse = Callable[[bytes], Command]
BOTH = ("/shared/comment", "/private/comment")


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b'GETMETADATA "" /shared/comment', GetMetadata("", ("/shared/comment",))),
        (b"GETMETADATA INBOX (/shared/comment /private/comment)", GetMetadata("INBOX", BOTH)),
        (
            b"GETMETADATA (MAXSIZE 1024) INBOX (/shared/comment /private/comment)",
            GetMetadata("INBOX", BOTH, max_size=1024),
        ),
        # as the RFC's examples have it, against its grammar
        (
            b'GETMETADATA "INBOX" (MAXSIZE 1024) (/shared/comment /private/comment)',
            GetMetadata("INBOX", BOTH, max_size=1024),
        ),
        (
            b'GETMETADATA "INBOX" (DEPTH 1) (/private/filters/values)',
            GetMetadata("INBOX", ("/private/filters/values",), depth=1),
        ),
        (
            b"getmetadata (depth Infinity maxsize 5) a {8}\r\n/PRIVATE",
            GetMetadata("a", ("/private",), max_size=5, depth=INFINITY),
        ),
        (b"GETMETADATA (DEPTH 0) a ( /shared )", GetMetadata("a", ("/shared",))),
        (
            b'GETMETADATA a ("/Shared/A b" /shared/a)',
            GetMetadata("a", ("/shared/a b", "/shared/a")),
        ),
        (
            b"SETMETADATA INBOX (/private/comment {33}\r\nMy new comment across\r\ntwo lines.)",
            SetMetadata("INBOX", {"/private/comment": b"My new comment across\r\ntwo lines."}),
        ),
        (
            b"SETMETADATA INBOX (/private/comment NIL)",
            SetMetadata("INBOX", {"/private/comment": None}),
        ),
        (
            b'SETMETADATA "" (/private/comment "My" /shared/comment "Its")',
            SetMetadata("", {"/private/comment": b"My", "/shared/comment": b"Its"}),
        ),
        (
            b"SETMETADATA a (/shared/vendor/x/y ~{3}\r\n\0\xff\n)",
            SetMetadata("a", {"/shared/vendor/x/y": b"\0\xff\n"}),
        ),
        (
            b'LIST "" % RETURN (METADATA ("/shared/a" /private/b))',
            List("", ("%",), status=None, metadata=("/shared/a", "/private/b"), extended=True),
        ),
    ],
)
def test_commands(parse: Parse, line: bytes, command: Command) -> None:
    assert parse(line) == command


@pytest.mark.parametrize(
    "line",
    [
        b"GETMETADATA",
        b"GETMETADATA a",
        b"GETMETADATA a ()",
        b"GETMETADATA a /other/comment",
        b"GETMETADATA a shared/comment",
        b"GETMETADATA a /shared//comment",
        b"GETMETADATA a /shared/comment/",
        b'GETMETADATA a "/shared/*"',
        b'GETMETADATA a "/shared/%"',
        b"GETMETADATA a /shared/\xc3\xa9",
        b"GETMETADATA a {9}\r\n/shared/\t",
        b"GETMETADATA a /shared/" + b"x" * 1000,
        b"GETMETADATA (DEPTH 2) a /shared",
        b"GETMETADATA (MAXSIZE x) a /shared",
        b"GETMETADATA (WIDTH 2) a /shared",
        b"GETMETADATA (DEPTH 1) a (DEPTH 1) /shared",
        b"GETMETADATA a (" + b" ".join(b"/shared/%d" % n for n in range(101)) + b")",
        b"SETMETADATA a",
        b"SETMETADATA a ()",
        b"SETMETADATA a (/shared/comment)",
        b"SETMETADATA a (/shared x)",
        b'SETMETADATA a (/shared "x")',
        b"SETMETADATA a (/shared/comment x)",
        b'SETMETADATA a (/shared/a "x" /SHARED/A "y")',
        b"SETMETADATA a (/shared/a {1}\r\n\0)",
        b'LIST "" % RETURN (METADATA)',
    ],
)
def test_bad_input(parse: Parse, line: bytes) -> None:
    with pytest.raises(ParseError):
        parse(line)


def test_responses() -> None:
    assert encode_metadata("", [("/shared/comment", b"Shared comment")]) == (
        b'* METADATA "" (/shared/comment "Shared comment")\r\n'
    )
    pairs = [("/private/a", None), ("/private/b", b"\xff"), ("/private/c", b"\0")]
    assert encode_metadata("INBOX", pairs) == (
        b"* METADATA INBOX (/private/a NIL /private/b {1}\r\n\xff /private/c ~{1}\r\n\0)\r\n"
    )
    assert longentries_code(2199) == b"METADATA LONGENTRIES 2199"
    assert maxsize_code(1024) == b"METADATA MAXSIZE 1024"
