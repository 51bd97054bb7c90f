"""The digest as a whole: never raises, bounded, linear, the same on mapped files; oracles."""

from __future__ import annotations

import email
import email.policy
import mmap
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.message import EmailMessage, Message
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.mail import structure
from mailserver.mail.digest import CACHED_FIELDS, MAX_FIELDS, digest
from mailserver.mail.headers import select
from mailserver.mail.parts import Kind, PartTable, Section
from mailserver.mail.structure import MAX_HEADER
from mailserver.mail.text import What, readable, stretch_text

_MULTIPART = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


def _skip_imap_value(wire: bytes, pos: int) -> int:
    """Position after one string, NIL, number or list of RFC 3501 §9 at `pos`; raises if none."""
    if wire[pos : pos + 1] == b"(":
        pos += 1
        while wire[pos : pos + 1] != b")":
            pos = _skip_imap_value(wire, pos)
            if wire[pos : pos + 1] == b" ":
                pos += 1
        return pos + 1
    literal = re.compile(rb"\{(\d+)\}\r\n").match(wire, pos)
    if literal is not None:
        end = literal.end() + int(literal[1])
        assert end < len(wire)
        assert b"\0" not in wire[literal.end() : end]
        return end
    atom = re.compile(rb'NIL|\d+|"(?:[\x01-\x09\x0b\x0c\x0e-\x21\x23-\x5b\x5d-\x7f]|\\["\\])*"')
    found = atom.match(wire, pos)
    assert found is not None, wire[pos : pos + 40]
    return found.end()


def _texts(message: bytes | mmap.mmap, table: PartTable) -> Iterator[str]:
    """The texts of the leaves that can be read."""
    for stretch in readable(table):
        text = stretch_text(message[stretch.start : stretch.end], stretch)
        if stretch.what is What.CONTENT:
            yield text


def _check(message: bytes) -> None:
    """What holds of every message's digest."""
    found = digest(message)
    assert found.size == len(message)
    for wire in (found.envelope, found.body, found.bodystructure):
        assert _skip_imap_value(wire, 0) == len(wire)
    table = PartTable.decode(found.parts)
    ancestors: list[tuple[int, int]] = []
    for part in table.parts:
        assert 0 <= part.start <= part.body <= part.end <= len(message)
        del ancestors[part.depth :]
        if ancestors:
            body, end = ancestors[-1]
            assert body <= part.start
            assert part.end <= end
        ancestors.append((part.body, part.end))
        if part.kind is not Kind.LEAF:
            following = table.parts[table.parts.index(part) + 1]
            assert following.depth == part.depth + 1
    assert table.locate((), Section.ALL) == (0, len(message))
    for text in _texts(message, table):
        text.encode()


@given(st.binary())
def test_any_bytes_have_a_digest(message: bytes) -> None:
    _check(message)


def test_empty_header_before_a_delimiter_lies_within_what_is_around_it() -> None:
    """The line end of the empty line is the delimiter's too; the message of a digest has it."""
    message = b"Content-Type: multipart/digest; boundary=a\n\n--a\n\r\n\n--a\n"
    _check(message)
    whole, part, inner = PartTable.decode(digest(message).parts).parts
    assert (part.kind, part.body, part.end) == (Kind.MESSAGE, 50, 51)
    assert (inner.start, inner.body, inner.end) == (50, 51, 51)
    assert whole.end == len(message)


_PIECES = [
    *(
        b"\r\n",
        b"\n",
        b"\r\n\r\n",
        b"\n\n",
        b"\r",
        b"\0",
        b"\xff",
        b" ",
        b"\t",
        b"x",
        b"--",
        b"--\n",
    ),
    *(b"\n--b\n", b"\r\n--b\r\n", b"\n--b--\n", b"--bb\n", b"\n--a\n", b"\n--a--", b"--b"),
    *(
        b"Content-Type: multipart/mixed; boundary=b\n",
        b"Content-Type: multipart/digest; boundary=a\n",
    ),
    *(b'Content-Type: multipart/x; boundary="b', b"Content-Type: message/rfc822\n\n"),
    *(b"Content-Type: text/plain; charset=utf-7\n", b"Content-Transfer-Encoding: base64\n"),
    *(b"Content-Disposition: ", b"Content-Language: a,b\n", b"Content-ID: <\\>\n", b"name*0*=u''%"),
    *(
        b"From: ",
        b"To: a:",
        b"Cc: <@a",
        b"Subject: =?x?q?=00",
        b"Date: 1 Jan 0001 0:0 +1",
        b";",
        b'"',
    ),
]


@settings(max_examples=500)
@given(st.lists(st.sampled_from(_PIECES), max_size=40).map(b"".join))
def test_any_message_made_of_mail_has_a_digest(message: bytes) -> None:
    _check(message)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\0" * 1000,
        b"a" * 100_000,
        b"Subject: " + b"x" * 1_000_000 + b"\r\n\r\n",
        b"To: " + b"a@b, " * 200_000 + b"\r\n\r\n",
        b"X: y\r\n" * 200_000,
        _MULTIPART + b"--b\r\n" * 100_000,
        _MULTIPART + b"--b\r\n\r\nx\r\n" * 10_000 + b"--b--",
        b"".join(b"Content-Type: multipart/x; boundary=%d\n\n--%d\n" % (n, n) for n in range(1000)),
        b"Content-Type: message/rfc822\n\n" * 1000,
    ],
)
def test_big_and_deep_messages_have_bounded_digests(message: bytes) -> None:
    found = digest(message)
    assert len(found.parts) < 64 * 1024
    assert len(found.bodystructure) < 512 * 1024
    assert len(found.envelope) < 1_100_000
    assert len(PartTable.decode(found.parts).parts) <= 1000


def test_digest_of_a_mapped_message_is_that_of_its_bytes() -> None:
    message = (
        b"From: a@b\r\nSubject: x\r\n"
        + _MULTIPART
        + b"--b\r\n\r\n"
        + b"line\r\n" * 400_000
        + b"--b\r\n"
        b"Content-Type: message/rfc822\r\n\r\nSubject: y\r\n\r\nz\r\n--b--\r\n"
    )
    with tempfile.TemporaryFile() as file:
        file.write(message)
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            found = digest(mapped)
            text = list(_texts(mapped, PartTable.decode(found.parts)))
    assert found == digest(message)
    assert text == ["line\r\n" * 399_999 + "line", "z"]


def test_lines_that_delimit_nothing_are_looked_at_only_so_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(structure, "MAX_DASH_LINES", 10)
    for head, unit in ((_MULTIPART + b"--b\n\n", b"--\n"), (_MULTIPART + b"--b\n", b"--\n")):
        few, many = (digest(head + unit * n + b"--b\n\nx").parts for n in (5, 20))
        assert [len(PartTable.decode(parts).parts) for parts in (few, many)] == [3, 2]


def test_a_line_longer_than_any_boundary_is_no_delimiter() -> None:
    message = _MULTIPART + b"--b\n\nx\n--b" + b" " * 3000 + b"\ny\n--b--\n"
    assert len(PartTable.decode(digest(message).parts).parts) == 2
    boundary = b"z" * 2000
    message = b"Content-Type: multipart/x; boundary=%b\n\n--%b\n\nx\n" % (boundary, boundary)
    assert b'"plain"' in digest(message).bodystructure


def _calls(work: Callable[[], object]) -> int:
    """How many functions, C ones too, a piece of work calls."""
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


_FLOODS = {
    "dashes": (_MULTIPART, b"--\n"),
    "almost delimiters": (_MULTIPART, b"--bb\n"),
    "delimiters": (_MULTIPART, b"--b\n"),
    "dashes in a part header": (_MULTIPART + b"--b\n", b"--\n"),
    "header fields": (b"", b"a:\n"),
    "recipient fields": (b"", b"To: a\n"),
    "nested": (b"", b"Content-Type: multipart/mixed; boundary=b\n\n--b\n"),
    "messages": (b"", b"Content-Type: message/rfc822\n\n"),
    "folds": (b"To: x\n", b"\t,\n"),
    "angles": (b"To: ", b"<,"),
    "comments": (b"To: ", b"()"),
    "opened comments": (b"To: ", b"("),
    "quotes": (b"To: ", b'"'),
    "routes": (b"To: ", b"@a,<"),
    "groups": (b"To: ", b"a:"),
    "obsolete dots": (b"To: ", b"a ."),
    "literals": (b"To: ", b"[a,"),
    "words": (b"Subject: ", b"=?a?q?"),
    "parameters": (b"Content-Type: a/b", b";a=b"),
    "parameter spaces": (b"Content-Type: a/b;c=", b"d  "),
    "parameter comments": (b"Content-Type: a/b ", b" ("),
    "sections": (b"Content-Type: a/b", b";a*0=b"),
    "languages": (b"Content-Language: ", b"a,"),
    "date comments": (b"Date: ", b"("),
    "blobs": (b"Subject: ", b"[a]"),
}


@pytest.mark.parametrize("name", _FLOODS)
def test_work_grows_no_faster_than_the_message(name: str) -> None:
    head, unit = _FLOODS[name]
    once = _calls(lambda: digest(head + unit * 2000))
    fourfold = _calls(lambda: digest(head + unit * 8000))
    assert fourfold <= 4.5 * once + 500


@pytest.mark.parametrize("name", _FLOODS)
@pytest.mark.timeout(10)
def test_a_flood_of_300_kb_is_done_at_once(name: str) -> None:
    # What one call does inside is not counted above; quadratic, this would take minutes.
    head, unit = _FLOODS[name]
    digest(head + unit * (300_000 // len(unit)))


def test_cached_fields_are_raw_in_order_and_complete_or_none() -> None:
    header = b"X-Other: 1\r\nTO: a,\r\n\tb\r\nReceived: x\r\nlist-id : <l>\r\nSubject: s\r\n\r\n"
    assert digest(header + b"body").fields == b"TO: a,\r\n\tb\r\nlist-id : <l>\r\nSubject: s\r\n"
    assert digest(header).fields == select(header, CACHED_FIELDS)
    assert digest(b"").fields == b""
    assert digest(b"Subject: " + b"x" * MAX_FIELDS + b"\r\n\r\n").fields is None
    assert digest(b"X: " + b"x" * MAX_HEADER + b"\r\nSubject: y\r\n\r\n").fields is None


def test_the_date_is_the_moment_of_the_date_field_or_none() -> None:
    found = digest(b"Date: Wed, 17 Jul 1996 02:23:25 +0200\r\nSubject: x\r\n\r\n")
    assert found.sent is not None
    assert found.sent.astimezone(UTC) == datetime(1996, 7, 17, 0, 23, 25, tzinfo=UTC)
    assert digest(b"Date: never\r\n\r\n").sent is None


_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=80)


@st.composite
def _emails(draw: st.DrawFn) -> bytes:
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"] = "alice@example.test"
    message["Subject"] = draw(st.from_regex(r"[a-z ]{0,30}", fullmatch=True)).strip()
    message.set_content(draw(_TEXTS))
    if draw(st.booleans()):
        message.add_alternative(draw(_TEXTS), subtype="html")
    for name in draw(st.lists(_TEXTS.filter(bool), max_size=3)):
        message.add_attachment(draw(st.binary(max_size=90)), "image", "png", filename=name)
    if draw(st.booleans()):
        inner = EmailMessage(policy=email.policy.SMTP)
        inner["Subject"] = "inside"
        inner.set_content(draw(_TEXTS))
        message.add_attachment(inner)
    for number, part in enumerate(message.walk()):
        if part.is_multipart() and part.get_content_maintype() == "multipart":
            part.set_boundary(f"=={number}==")  # the package would take a random one
    return message.as_bytes()


def _tree(part: Message) -> list[object]:
    payload = part.get_payload()
    if isinstance(payload, list):
        children = [child for child in payload if isinstance(child, Message)]
        return [part.get_content_type(), *map(_tree, children)]
    content = part.get_payload(decode=True)
    return [part.get_content_type(), content]


@given(_emails())
def test_messages_of_the_email_package_have_the_same_parts_and_text(raw: bytes) -> None:
    expected = _tree(email.message_from_bytes(raw))
    table = PartTable.decode(digest(raw).parts)
    parts = iter(table.parts)
    texts = _texts(raw, table)

    def compare(tree: list[object]) -> None:
        part = next(parts)
        media, *rest = tree
        assert part.media_type == media
        if part.kind is not Kind.LEAF:
            for child in rest:
                assert isinstance(child, list)
                compare(child)
        elif part.media_type.startswith("text/"):
            content = rest[0]
            assert isinstance(content, bytes)
            found = next(texts).replace("\r\n", "\n").rstrip("\n")
            assert found == content.decode(part.charset).replace("\r\n", "\n").rstrip("\n")

    compare(expected)
    assert next(parts, None) is None
