"""The contract of the grammar: any bytes are a request or the one documented error."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from imap.protocol.command import Request, parse_command
from imap.protocol.errors import ParseError
from imap.protocol.events import Frame

WORDS = [
    *(b" ", b"  ", b"(", b")", b'"', b"\\", b"[", b"]", b"<", b">", b"{", b"}", b"*", b"%", b","),
    *(
        b":",
        b".",
        b"1",
        b"0",
        b"4294967295",
        b"NIL",
        b"INBOX",
        b"a",
        b"\xc3\xa9",
        b"\0",
        b"&",
        b"-",
    ),
    *(
        b"{3}\r\nabc",
        b"~{3+}\r\n\0bc",
        b"{0}\r\n",
        b'"a b"',
        b'""',
        b"1:*",
        b"+",
        b"=",
        b"dGVzdA==",
    ),
    *(b"CAPABILITY", b"AUTHENTICATE", b"LOGIN", b"SELECT", b"CREATE", b"RENAME", b"LIST", b"LSUB"),
    *(b"STATUS", b"APPEND", b"SEARCH", b"FETCH", b"STORE", b"COPY", b"UID", b"ENABLE", b"ID"),
    *(b"BODY", b"BODY.PEEK[", b"HEADER.FIELDS (", b"TEXT]", b"1.2.MIME]", b"<0.10>", b"RFC822"),
    *(b"FLAGS", b"+FLAGS.SILENT", b"(\\Seen)", b"MESSAGES", b"RETURN (", b"STATUS (", b"USE ("),
    *(b"COMPRESS", b"DEFLATE", b"UTF8 (~{3+}\r\nabc)", b"EMAILID", b"THREADID", b"MAILBOXID"),
    *(b"CHANGEDSINCE 1", b"UNCHANGEDSINCE", b"VANISHED", b"QRESYNC (1 2", b"CONDSTORE", b"MODSEQ"),
    *(b"REPLACE", b"CATENATE (", b"URL a", b"TEXT {3}\r\nabc", b"BINARY[1.2]", b"BINARY.SIZE["),
    *(b"PARTIAL -1:-2", b'"/flags/a" all 1', b"(1:2 3,4)"),
    *(b"GETQUOTA", b"SETQUOTA", b"STORAGE", b"SETACL", b"DELETEACL", b"LISTRIGHTS", b"anyone"),
    *(b"GETMETADATA", b"SETMETADATA", b"DEPTH", b"/shared/comment", b"/private"),
    *(b"ESEARCH", b"IN (", b"SUBTREE-ONE", b"CANCELUPDATE", b'"a1"', b"UPDATE", b"CONTEXT"),
    *(b"NOTIFY", b"SET STATUS (", b"PERSONAL (", b"MessageNew (", b"MessageExpunge", b"SUBTREE"),
    *(
        b"UIDAFTER 1",
        b"UIDBEFORE",
        b"SAVEDATE",
        b"SAVEDBEFORE",
        b"SAVEDATESUPPORTED",
        b"IMAP4rev2",
        b"e\xcc\x81",
    ),
    *(b"MailboxMetadataChange", b"ServerMetadataChange", b"METADATA"),
    *(b"OR", b"NOT", b"ALL", b"CHARSET", b"SINCE", b"1-Feb-1994", b"HEADER", b"KEYWORD", b"LARGER"),
]
NOISE = st.lists(st.sampled_from(WORDS), max_size=12).map(b"".join)
SPACED = st.lists(st.sampled_from(WORDS), max_size=12).map(b" ".join)


def check(frame: Frame) -> None:
    for utf8 in (False, True):
        try:
            request = parse_command(frame, utf8=utf8)
        except ParseError as error:
            position, tag = error.position, error.tag
        else:
            assert isinstance(request, Request)
            position, tag = 0, request.tag
        assert 0 <= position <= len(frame.text)
        assert tag is None or frame.text.startswith(tag)


@settings(max_examples=1500, deadline=None)
@given(line=st.one_of(NOISE, SPACED))
def test_any_words_are_a_request_or_the_one_error(
    frame_of: Callable[[bytes], Frame], line: bytes
) -> None:
    check(frame_of(b"a1 " + line + b"\r\n"))


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=60))
def test_any_frame_is_a_request_or_the_one_error(text: bytes) -> None:
    check(Frame(text))
    check(Frame(b"a1 " + text, (b"x",)))


def test_long_nonsense_is_refused_quickly(frame_of: Callable[[bytes], Frame]) -> None:
    for verb in (b"SEARCH ", b"FETCH 1 ", b"STORE 1 FLAGS ", b'LIST "" ', b"ID ", b"ENABLE "):
        for word in (b"(", b"((", b"NOT ", b'"', b'"\\', b"a ", b"()", b"1.", b"[", b"1,", b"&"):
            check(frame_of(b"a " + verb + word * (60000 // len(word)) + b"\r\n"))
