"""CATENATE is understood literal by literal (RFC 4469 §5), with the URLs of RFC 5092."""

import pytest

from imap.protocol.append import Append, AppendMessage, Rest, parse_rest
from imap.protocol.catenate import Part, Text, Url
from imap.protocol.command import parse_command
from imap.protocol.errors import ParseError
from imap.protocol.events import Frame, Limits, LiteralChunk, LiteralRequested, Streamed
from imap.protocol.framer import Framer
from imap.protocol.section import Section, SectionKind
from imap.protocol.url import MessageUrl, badurl_code, parse_url


def message(*parts: Part, unclosed: int = 0) -> AppendMessage:
    return AppendMessage((), None, parts, catenated=True, unclosed=unclosed)


def append(text: bytes, *sizes: int) -> tuple[AppendMessage, ...]:
    command = parse_command(Frame(b"A003 APPEND Drafts " + text, tuple(map(Streamed, sizes))))
    assert isinstance(command.command, Append)
    return command.command.messages


def test_the_example_of_the_rfc_literal_by_literal() -> None:
    framer = Framer(Limits(message=1000))
    framer.feed(
        b"A003 APPEND Drafts (\\Seen \\Draft $MDNSent) CATENATE "
        b'(URL "/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER" TEXT {42}\r\n'
    )
    asked = framer.next()
    assert isinstance(asked, LiteralRequested)
    command = parse_command(framer.command_so_far()).command
    assert isinstance(command, Append)
    (first,) = command.messages
    header = Url(b"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER")
    assert first.parts == (header, Text(Streamed(42)))
    assert (first.catenated, first.unclosed) == (True, 1)
    framer.accept(sink=True)
    framer.feed(b"x" * 42 + b' URL "/Drafts;UIDVALIDITY=385759045/;UID=20/;section=1.MIME" TEXT ')
    framer.feed(b"{7}\r\n")
    assert framer.next() == LiteralChunk(b"x" * 42, 0)
    asked = framer.next()
    assert isinstance(asked, LiteralRequested)
    second = Url(b"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=1.MIME")
    assert parse_rest(asked.line, asked.size, first) == Rest((second, Text(Streamed(7))), 1, ())


def test_messages_of_urls_need_no_literal() -> None:
    assert append(b"CATENATE (URL a URL {1}\n) (\\Seen) CATENATE (URL b)", 1) == (
        message(Url(b"a"), Url(Streamed(1))),
        AppendMessage(("\\Seen",), None, (Url(b"b"),), catenated=True),
    )
    assert append(b"catenate ( url a  text ~{1+}\n)", 1) == (
        message(Url(b"a"), Text(Streamed(1), binary=True)),
    )


def test_utf8_has_a_parenthesis_of_its_own() -> None:
    (first,) = append(b"CATENATE (URL a UTF8 (~{4}\n", 4)
    assert first == message(Url(b"a"), Text(Streamed(4), utf8=True), unclosed=2)
    assert parse_rest(b") URL b) {5}\n", 5, first) == Rest(
        (Url(b"b"),), 0, (AppendMessage((), None, (Text(Streamed(5)),)),)
    )
    assert parse_rest(b"))", None, first) == Rest((), 0, ())
    for line in (b")", b"", b") URL b", b" )", b")))"):
        with pytest.raises(ParseError):
            parse_rest(line, None, first)


@pytest.mark.parametrize("line", [b"", b"(", b" URL", b" URL a", b" FOO a)", b"TEXT {1}\n", b") x"])
def test_what_cannot_follow_a_part(line: bytes) -> None:
    with pytest.raises(ParseError):
        parse_rest(line, 1 if line.endswith(b"\n") else None, message(unclosed=1))


@pytest.mark.parametrize(
    "text",
    [
        *(b"CATENATE", b"CATENATE ()", b"CATENATE (URL)", b"CATENATE (TEXT a)", b"CATENATE (URL a"),
        *(b"CATENATE (TEXT {1}\nURL a)", b"CATENATE (UTF8 (~{1}\n)", b"CATENATE (UTF8 ({1}\n))"),
        *(b"CATENATE (URL a)(URL b)", b"CATENATE (URL a) URL b", b"CATENATE URL a", b"URL a"),
    ],
)
def test_what_is_no_catenate(text: bytes) -> None:
    with pytest.raises(ParseError):
        append(text, 1, 1)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        (b"/INBOX;UIDVALIDITY=1/;UID=5/;SECTION=1.2", MessageUrl(5, "INBOX", 1, Section((1, 2)))),
        (
            b"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER",
            MessageUrl(20, "Drafts", 385759045, Section(kind=SectionKind.HEADER)),
        ),
        (b";uid=7", MessageUrl(7)),
        (b"/inbox/a%20b/%C3%A9t%C3%A9/;UID=1", MessageUrl(1, "INBOX/a b/été")),
        (
            b"imap://alice%40example.test;AUTH=*@mail.example.test:993/x/;UID=1/;PARTIAL=1.1024",
            MessageUrl(
                1, "x", partial=(1, 1024), user="alice@example.test", host="mail.example.test"
            ),
        ),
        (b"//h/x/;UID=1/;PARTIAL=9", MessageUrl(1, "x", partial=(9, None), host="h")),
        (
            b"/x/;UID=1/;SECTION=1.HEADER.FIELDS%20(From%20%22To%22)",
            MessageUrl(1, "x", None, Section((1,), SectionKind.HEADER_FIELDS, (b"FROM", b"TO"))),
        ),
    ],
)
def test_urls(url: bytes, found: MessageUrl) -> None:
    assert parse_url(url) == found


@pytest.mark.parametrize(
    "url",
    [
        *(b"", b"/", b"/x", b"/x/;UID=0", b"/x/;UID=99999999999", b"/x/;UID=1;URLAUTH=anonymous:x"),
        *(b"/x/;UID=1/;SECTION=", b"/x/;UID=1/;SECTION=NO", b"/x/;UID=1/;SECTION=1]%20x"),
        *(b"http://h/x/;UID=1", b"imap://h/;UID=1", b"imap://h/x", b"/x?SUBJECT%20a/;UID=1"),
        *(b"/%FF/;UID=1", b"//%FF/x/;UID=1", b"/x/;UID=1/;SECTION=%7B1%7D%0A", b"/x/;UID=1\n"),
        *(b"/x/;UID=1/;PARTIAL=1.0", b"/;UID=1", b"/x/;UID=1/;SECTION=1/;EXPIRE=2020"),
    ],
)
def test_what_is_no_url_of_a_message(url: bytes) -> None:
    with pytest.raises(ParseError):
        parse_url(url)


def test_a_bad_url_is_named_in_printable_characters() -> None:
    assert badurl_code(b"/Drafts;UIDVALIDITY=1/;UID=20/;section=HEADER") == (
        b'BADURL "/Drafts;UIDVALIDITY=1/;UID=20/;section=HEADER"'
    )
    assert badurl_code(b'a"\\] %41\r\n\xff') == b'BADURL "a%22%5C%5D%20%41%0D%0A%FF"'
