"""BODY[section]<partial> names the bytes of the message that RFC 3501 §6.4.5 means."""

import email
import email.policy
from email.message import Message
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imap.messages import static
from imap.messages.header_fields import header_fields
from imap.messages.sections import clip, finish, is_cached, locate, wanted_range
from imap.protocol.fetch import BodyItem, FetchAttribute
from imap.protocol.section import Section, SectionKind
from mailserver.mail.digest import digest
from mailserver.mail.headers import select
from mailserver.mail.parts import PartTable

PREFIX = b"Return-Path: <>\r\nReceived: by us\r\n"

# The message whose parts RFC 3501 §6.4.5 numbers in its example.
RFC_EXAMPLE = b"""\
From: a@x
Subject: the example
Content-Type: multipart/mixed; boundary=A

preamble
--A
Content-Type: text/plain

one
--A
Content-Type: application/octet-stream

two
--A
Content-Type: message/rfc822

Subject: three
Content-Type: multipart/mixed; boundary=B

--B

three.one
--B
Content-Type: application/octet-stream

three.two
--B--
--A
Content-Type: multipart/mixed; boundary=C

--C
Content-Type: image/gif

four.one
--C
Content-Type: message/rfc822

Subject: four.two
Content-Type: multipart/mixed; boundary=D

--D
Content-Type: text/plain

four.two.one
--D
Content-Type: multipart/alternative; boundary=E

--E
Content-Type: text/plain

four.two.two.one
--E
Content-Type: text/richtext

four.two.two.two
--E--
--D--
--C--
--A--
""".replace(b"\n", b"\r\n")


def read(message: bytes, item: BodyItem, prefix: bytes = PREFIX) -> bytes | None:
    """The item's bytes, as FETCH makes them."""
    table = PartTable.decode(digest(message).parts)
    found = wanted_range(item, table, len(prefix))
    served = prefix + message
    return None if found is None else finish(item, served[found[0] : found[1]])


def section(text: str, *fields: bytes) -> Section:
    """`1.2.MIME` as a Section."""
    words = text.split(".") if text else []
    path = tuple(int(word) for word in words if word.isdigit())
    kind = ".".join(word for word in words if not word.isdigit())
    return Section(path, SectionKind(kind.encode()), fields)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("1", b"one"),
        ("2", b"two"),
        ("1.MIME", b"Content-Type: text/plain\r\n\r\n"),
        ("3.HEADER", b"Subject: three\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n"),
        ("3.1", b"three.one"),
        ("3.1.MIME", b"\r\n"),
        ("3.2", b"three.two"),
        ("4.1", b"four.one"),
        ("4.1.MIME", b"Content-Type: image/gif\r\n\r\n"),
        ("4.2.HEADER", b"Subject: four.two\r\nContent-Type: multipart/mixed; boundary=D\r\n\r\n"),
        ("4.2.1", b"four.two.one"),
        ("4.2.2.1", b"four.two.two.one"),
        ("4.2.2.2", b"four.two.two.two"),
        ("4.2.2.MIME", b"Content-Type: multipart/alternative; boundary=E\r\n\r\n"),
        ("5", None),
        ("1.1", None),
        ("1.2", None),
        ("1.HEADER", None),
        ("4.HEADER", None),
        ("2.TEXT", None),
        ("3.3", None),
    ],
)
def test_parts_of_the_example_in_rfc_3501(name: str, expected: bytes | None) -> None:
    assert read(RFC_EXAMPLE, BodyItem(section(name))) == expected


def test_texts_of_messages_hold_their_multiparts() -> None:
    text = read(RFC_EXAMPLE, BodyItem(section("3.TEXT")))
    assert text is not None
    assert text.startswith(b"--B\r\n")
    assert text.endswith(b"--B--")
    assert read(RFC_EXAMPLE, BodyItem(section("3"))) == (
        (read(RFC_EXAMPLE, BodyItem(section("3.HEADER"))) or b"") + text
    )


def test_the_prefix_belongs_to_the_message_and_its_header() -> None:
    head, body = RFC_EXAMPLE.split(b"\r\n\r\n", 1)
    assert read(RFC_EXAMPLE, BodyItem(section(""))) == PREFIX + RFC_EXAMPLE
    assert read(RFC_EXAMPLE, BodyItem(section("HEADER"))) == PREFIX + head + b"\r\n\r\n"
    assert read(RFC_EXAMPLE, BodyItem(section("TEXT"))) == body


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (section("HEADER.FIELDS", b"SUBJECT"), b"Subject: the example\r\n\r\n"),
        (
            section("HEADER.FIELDS", b"SUBJECT", b"RECEIVED", b"FROM"),
            b"Received: by us\r\nFrom: a@x\r\nSubject: the example\r\n\r\n",
        ),
        (section("HEADER.FIELDS", b"X"), b"\r\n"),
        (section("3.HEADER.FIELDS", b"SUBJECT"), b"Subject: three\r\n\r\n"),
        (
            section("3.HEADER.FIELDS.NOT", b"SUBJECT"),
            b"Content-Type: multipart/mixed; boundary=B\r\n\r\n",
        ),
        (section("1.HEADER.FIELDS", b"SUBJECT"), None),
    ],
)
def test_header_fields(item: Section, expected: bytes | None) -> None:
    assert read(RFC_EXAMPLE, BodyItem(item)) == expected


def test_a_message_that_is_all_header_gets_its_blank_line() -> None:
    header = b"From: a@x\r\nSubject: y"
    assert header_fields(header, (b"SUBJECT",)) == b"Subject: y\r\n\r\n"
    assert header_fields(header, (b"FROM",), others=True) == b"Subject: y\r\n\r\n"


HEADERS = st.lists(
    st.sampled_from(
        [
            b"From",
            b"FROM",
            b"To",
            b"Fro",
            b": ",
            b" : ",
            b":",
            b" ",
            b"\t",
            b"\r\n",
            b"\n",
            b"x",
            b"\r",
        ]
    ),
    max_size=20,
).map(b"".join)


@given(HEADERS, st.sets(st.sampled_from([b"FROM", b"TO", b"FRO", b"X", b"", b"x :", b"."])))
@settings(max_examples=500, deadline=None)
def test_fields_are_those_that_select_finds(header: bytes, names: set[bytes]) -> None:
    header += b"\r\n"
    found = select(header, frozenset(name.lower() for name in names if name))
    assert header_fields(header, tuple(names)) == found + b"\r\n"
    many = (*names, *(b"N%d" % n for n in range(60)))
    assert header_fields(header, many) == found + b"\r\n"


def test_only_fields_that_are_kept_can_come_from_the_row() -> None:
    assert is_cached(section("HEADER.FIELDS", b"FROM", b"SUBJECT"))
    assert not is_cached(section("HEADER.FIELDS", b"FROM", b"RECEIVED"))
    assert not is_cached(section("HEADER.FIELDS.NOT", b"FROM"))
    assert not is_cached(section("1.HEADER.FIELDS", b"FROM"))


def test_a_message_that_is_no_multipart_is_its_own_part_1() -> None:
    plain = b"Subject: x\r\n\r\nbody\r\n"
    assert read(plain, BodyItem(section("1"))) == b"body\r\n"
    assert read(plain, BodyItem(section("1.MIME"))) == b"Subject: x\r\n\r\n"
    assert read(plain, BodyItem(section("2"))) is None
    assert read(plain, BodyItem(section("1.1"))) is None


@given(st.binary(max_size=60), st.integers(0, 80), st.integers(1, 80), st.binary(max_size=20))
@settings(max_examples=300, deadline=None)
def test_partials_are_slices(body: bytes, origin: int, count: int, prefix: bytes) -> None:
    message = b"A: b\r\n\r\n" + body
    for name in ("", "TEXT", "HEADER", "1"):
        whole = read(message, BodyItem(section(name)), prefix)
        partial = read(message, BodyItem(section(name), partial=(origin, count)), prefix)
        assert whole is not None
        assert partial == whole[origin : origin + count]


def test_clip_keeps_within_the_range() -> None:
    assert clip((10, 20), None) == (10, 20)
    assert clip((10, 20), (5, 3)) == (15, 18)
    assert clip((10, 20), (5, 100)) == (15, 20)
    assert clip((10, 20), (50, 100)) == (20, 20)


# ── python's email package as the oracle ─────────────────────────────────────────────────────

LEAVES = st.sampled_from(
    [
        (b"Content-Type: text/plain\n", b"plain text\nof two lines"),
        (b"Content-Type: text/html\nX-Note: y\n", b"<p>hi</p>\n"),
        (b"", b"no header at all"),
        (b"Content-Type: image/png\nContent-Transfer-Encoding: base64\n", b"aGVsbG8=\n"),
        (b"Content-Type: text/plain\n", b""),
        (b"Content-Type: text/plain\n", b"\n\n--not a boundary\n--\n"),
    ]
)


def multipart(children: list[Any]) -> tuple[bytes, Any]:
    return b"multipart", children


def embedded(child: Any) -> tuple[bytes, Any]:
    return b"message", child


TREES: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map(multipart), inner.map(embedded)
    ),
    max_leaves=8,
)


def encode(tree: Any, counter: list[int]) -> tuple[bytes, bytes]:
    """(header without its empty line, body) of a tree of parts, lines ended by LF."""
    kind, content = tree
    if kind == b"multipart":
        counter[0] += 1
        boundary = b"b%d" % counter[0]
        parts = [b"\n".join(encode(child, counter)) for child in content]
        body = b"".join(b"\n--%b\n%b" % (boundary, part) for part in parts)
        header = b"Content-Type: multipart/mixed; boundary=%b\n" % boundary
        return header, b"preamble" + body + b"\n--%b--\nepilogue\n" % boundary
    if kind == b"message":
        header, body = encode(content, counter)
        return b"Content-Type: message/rfc822\n", b"Subject: inside\n" + header + b"\n" + body
    return kind, content


def numbered(part: Message, path: tuple[int, ...]) -> list[tuple[tuple[int, ...], Message]]:
    """Every part with its number, as RFC 3501 §6.4.5 counts, by the email package's tree."""
    if part.get_content_type() == "message/rfc822":
        inside = part.get_payload(0)
        assert isinstance(inside, Message)
        here = path or (1,)
        if inside.get_content_maintype() == "multipart":
            return [(here, part), *numbered(inside, here)]
        return [(here, part), *numbered(inside, (*here, 1))]
    if part.is_multipart():
        found = [(path, part)] if path else []
        for number, child in enumerate(part.get_payload(), 1):
            assert isinstance(child, Message)
            found += numbered(child, (*path, number))
        return found
    return [(path or (1,), part)]


@given(TREES)
@settings(max_examples=250, deadline=None)
def test_leaves_are_where_the_email_package_finds_them(tree: Any) -> None:
    header, body = encode(tree, [0])
    message = (b"Subject: outside\n" + header + b"\n" + body).replace(b"\n", b"\r\n")
    parsed = email.message_from_bytes(message, policy=email.policy.compat32)
    for path, part in numbered(parsed, ()):
        if part.is_multipart():
            continue
        expected = str(part.get_payload()).encode()
        found = read(message, BodyItem(Section(path)))
        assert found == expected, (path, message)


@given(TREES)
@settings(max_examples=100, deadline=None)
def test_no_section_reaches_beyond_the_message(tree: Any) -> None:
    header, body = encode(tree, [0])
    message = header + b"\n" + body
    table = PartTable.decode(digest(message).parts)
    for path in ((), (1,), (1, 1), (2,), (1, 2, 1)):
        for kind in SectionKind:
            if kind is SectionKind.MIME and not path:
                continue
            found = locate(Section(path, kind), table, len(PREFIX))
            assert found is None or 0 <= found[0] <= found[1] <= len(PREFIX) + len(message)


# ── pieces of the ready-made bytes ───────────────────────────────────────────────────────────

DATE, SIZE, ENVELOPE = static.ATTRIBUTES
STATIC = b'INTERNALDATE "07-Jul-1996 02:44:25 -0700" RFC822.SIZE 44 ENVELOPE %b'


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({DATE}, b'INTERNALDATE "07-Jul-1996 02:44:25 -0700"'),
        ({SIZE}, b"RFC822.SIZE 44"),
        ({ENVELOPE}, b'ENVELOPE ("x ENVELOPE (")'),
        ({DATE, SIZE}, b'INTERNALDATE "07-Jul-1996 02:44:25 -0700" RFC822.SIZE 44'),
        ({SIZE, ENVELOPE}, b'RFC822.SIZE 44 ENVELOPE ("x ENVELOPE (")'),
        (
            {DATE, ENVELOPE},
            b'INTERNALDATE "07-Jul-1996 02:44:25 -0700" ENVELOPE ("x ENVELOPE (")',
        ),
        ({DATE, SIZE, ENVELOPE}, STATIC % b'("x ENVELOPE (")'),
    ],
)
def test_static_items_are_cut(wanted: set[FetchAttribute], expected: bytes) -> None:
    statics = [STATIC % b'("x ENVELOPE (")'] * 2
    assert static.cut(statics, frozenset(wanted)) == [expected] * 2


@pytest.mark.parametrize(
    ("envelope", "expected"),
    [
        (b'("Wed, 1 Jan 2025 01:00:00 +0900" NIL', "2025-01-01"),
        (b'("1 Jan 25 23:59:59 -1200 (\\"GMT\\")" NIL', "2025-01-01"),
        (b"({31}\r\nWed, 1 Jan 2025 00:30:00 +0200\xe9 NIL", "2025-01-01"),
        (b'(NIL "Wed, 1 Jan 2025 01:00:00 +0900"', None),
        (b'("soon" NIL', None),
        (b'("" NIL', None),
    ],
)
def test_days_are_those_that_were_written(envelope: bytes, expected: str | None) -> None:
    day = static.sent_day(STATIC % envelope)
    assert (None if day is None else day.isoformat()) == expected
    assert static.internal_day(STATIC % envelope).isoformat() == "1996-07-07"
