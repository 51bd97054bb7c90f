"""The part table: section numbers of RFC 3501 §6.4.5, packing, and boundaries of all kinds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.digest import digest
from mailserver.mail.parts import Encoding, Kind, Part, PartTable, Section


def _table(message: bytes) -> PartTable:
    return PartTable.decode(digest(message).parts)


def _section(message: bytes, path: tuple[int, ...], what: Section = Section.ALL) -> bytes | None:
    span = _table(message).locate(path, what)
    return None if span is None else message[span[0] : span[1]]


# The message of RFC 3501 §6.4.5's list of part specifiers:
#   1 text/plain, 2 application/octet-stream, 3 message/rfc822 (3.1 text, 3.2 octet-stream),
#   4 multipart/mixed (4.1 image/gif, 4.2 message/rfc822 (4.2.1 text, 4.2.2 multipart (…))).
_RFC3501 = (
    b"Subject: top\r\nContent-Type: multipart/mixed; boundary=0\r\n\r\n"
    b"--0\r\nX: 1\r\n\r\none\r\n"
    b"--0\r\nContent-Type: application/octet-stream\r\n\r\ntwo\r\n"
    b"--0\r\nContent-Type: message/rfc822\r\n\r\n"
    b"Subject: 3\r\nContent-Type: multipart/mixed; boundary=3\r\n\r\n"
    b"--3\r\n\r\nthree-one\r\n--3\r\nContent-Type: application/octet-stream\r\n\r\n32\r\n--3--\r\n"
    b"--0\r\nContent-Type: multipart/mixed; boundary=4\r\n\r\n"
    b"--4\r\nContent-Type: image/gif\r\n\r\nGIF\r\n"
    b"--4\r\nContent-Type: message/rfc822\r\n\r\n"
    b"Subject: 4.2\r\nContent-Type: multipart/mixed; boundary=42\r\n\r\n"
    b"--42\r\n\r\n421\r\n--42\r\nContent-Type: multipart/alternative; boundary=422\r\n\r\n"
    b"--422\r\n\r\n4221\r\n--422\r\nContent-Type: text/richtext\r\n\r\n4222\r\n--422--\r\n"
    b"--42--\r\n"
    b"--4--\r\n"
    b"--0--\r\n"
)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ((1,), b"one"),
        ((2,), b"two"),
        ((3, 1), b"three-one"),
        ((3, 2), b"32"),
        ((4, 1), b"GIF"),
        ((4, 2, 1), b"421"),
        ((4, 2, 2, 1), b"4221"),
        ((4, 2, 2, 2), b"4222"),
    ],
)
def test_part_numbers_of_rfc3501(path: tuple[int, ...], content: bytes) -> None:
    assert _section(_RFC3501, path) == content


def test_header_text_and_mime_of_rfc3501() -> None:
    top = b"Subject: top\r\nContent-Type: multipart/mixed; boundary=0\r\n\r\n"
    assert _section(_RFC3501, ()) == _RFC3501
    assert _section(_RFC3501, (), Section.HEADER) == top
    assert _section(_RFC3501, (), Section.TEXT) == _RFC3501[len(top) :]
    inner = _section(_RFC3501, (3,))
    header = b"Subject: 3\r\nContent-Type: multipart/mixed; boundary=3\r\n\r\n"
    assert inner is not None
    assert _section(_RFC3501, (3,), Section.HEADER) == header
    assert _section(_RFC3501, (3,), Section.TEXT) == inner[len(header) :]
    assert _section(_RFC3501, (3,), Section.MIME) == b"Content-Type: message/rfc822\r\n\r\n"
    assert _section(_RFC3501, (1,), Section.MIME) == b"X: 1\r\n\r\n"
    assert _section(_RFC3501, (4, 2), Section.HEADER) == (
        b"Subject: 4.2\r\nContent-Type: multipart/mixed; boundary=42\r\n\r\n"
    )
    multipart = _section(_RFC3501, (4, 2, 2))
    assert (
        multipart
        == b"--422\r\n\r\n4221\r\n--422\r\nContent-Type: text/richtext\r\n\r\n4222\r\n--422--"
    )


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ((0,), Section.ALL),
        ((5,), Section.ALL),
        ((-1,), Section.ALL),
        ((1, 1), Section.ALL),
        ((1, 1), Section.MIME),
        ((3, 3), Section.ALL),
        ((4, 2, 3), Section.ALL),
        ((), Section.MIME),  # "MIME MUST be prefixed by one or more numeric part specifiers"
        ((1,), Section.HEADER),  # only of message/rfc822
        ((1,), Section.TEXT),
        ((4,), Section.HEADER),
        ((4,), Section.TEXT),
        ((9, 1, 2), Section.ALL),
    ],
)
def test_sections_that_do_not_exist(path: tuple[int, ...], what: Section) -> None:
    assert _section(_RFC3501, path, what) is None


def test_a_message_that_is_no_multipart_has_part_one() -> None:
    message = b"Subject: x\r\n\r\nbody\r\n"
    assert _section(message, (1,)) == b"body\r\n"
    assert _section(message, (1,), Section.MIME) == b"Subject: x\r\n\r\n"
    for path in ((2,), (1, 1), (1, 1, 1)):
        assert _section(message, path) is None


def test_numbers_go_on_in_a_message_inside() -> None:
    head = b"Content-Type: message/rfc822\r\n\r\n"
    message = head + head + b"Subject: in\r\n\r\nbody"
    assert _section(message, (1,)) == message[len(head) :]
    assert _section(message, (1,), Section.HEADER) == head
    assert _section(message, (1, 1)) == b"Subject: in\r\n\r\nbody"
    assert _section(message, (1, 1), Section.HEADER) == b"Subject: in\r\n\r\n"
    assert _section(message, (1, 1), Section.TEXT) == b"body"
    assert _section(message, (1, 1, 1)) == b"body"
    assert _section(message, (1, 1, 1), Section.MIME) == b"Subject: in\r\n\r\n"
    assert _section(message, (1, 1, 1, 1)) is None


def test_leaves_know_encoding_type_and_charset() -> None:
    message = (
        b"Content-Type: multipart/mixed; boundary=b\n\n"
        b"--b\nContent-Type: TEXT/HTML; charset=UTF-8\nContent-Transfer-Encoding: Base64 \n\nx\n"
        b"--b\nContent-Transfer-Encoding: quoted-printable\n\nx\n"
        b"--b\nContent-Type: image/png\nContent-Transfer-Encoding: x-uuencode\n\nx\n--b--\n"
    )
    assert [(p.media_type, p.charset, p.encoding) for p in _table(message).leaves()] == [
        ("text/html", "utf-8", Encoding.BASE64),
        ("text/plain", "", Encoding.QUOTED_PRINTABLE),
        ("image/png", "", Encoding.UNKNOWN),
    ]


_M = b"Content-Type: multipart/mixed; boundary="


@pytest.mark.parametrize(
    ("message", "leaves"),
    [
        # an outer delimiter ends inner parts (RFC 2046 §5.1.2)
        (_M + b"1\n\n--1\n" + _M + b"2\n\n--2\n\na\n--2\n\nb\n--1\n\nc\n", [b"a", b"b", b"c\n"]),
        # boundaries that begin alike
        (_M + b"a\n\n--a\n" + _M + b"ab\n\n--ab\n\nx\n--ab--\n--a\n\ny\n--a--\n", [b"x", b"y"]),
        (_M + b"ab\n\n--ab\n" + _M + b"a\n\n--a\n\nx\n--ab\n\ny\n--ab--\n", [b"x", b"y"]),
        (_M + b'"a--"\n\n--a--\n\nx\n--a----\nafter', [b"x"]),
        # the same boundary inside and outside: the inner one counts until it is closed
        (_M + b"a\n\n--a\n" + _M + b"a\n\n--a\n\nx\n--a--\n--a\n\ny\n--a--\n", [b"x", b"y"]),
        # no final delimiter, trailing white space, CR LF and LF mixed
        (_M + b"a\r\n\r\n--a \t\r\n\r\nx\r\n--a\n\ny", [b"x", b"y"]),
        # a delimiter right after the header, and none with an empty line before it
        (_M + b"a\n\n--a\n--a\nX: y\n--a\n\n--a--\n", [b"", b"", b""]),
        # what only begins like a delimiter is text
        (_M + b"a\n\n--a\n\nx\n--abc\n -- a\n--\ny\n--a--\n", [b"x\n--abc\n -- a\n--\ny"]),
        # text after the end belongs to nobody
        (_M + b"a\n\npre\n--a\n\nx\n--a--\npost\n--a\n\nno\n", [b"x"]),
    ],
)
def test_boundaries(message: bytes, leaves: list[bytes]) -> None:
    assert [message[p.body : p.end] for p in _table(message).leaves()] == leaves


_LINES = st.sampled_from([b"", b"text", b"--", b"-- ", b"--c", b"\xff\0", b"--bbb", b" --b"])


@st.composite
def _trees(draw: st.DrawFn, depth: int = 0, used: tuple[bytes, ...] = ()) -> dict[str, object]:
    """A part as dict: header lines, and either lines, children with a boundary, or a message."""
    free = [b for b in (b"b", b"bb", b"b-", b"=_x", b"a b", b"x--b") if b not in used]
    kind = draw(st.sampled_from(["leaf", "leaf", "multi", "message"])) if depth < 4 else "leaf"
    if kind == "multi" and free:
        boundary = draw(st.sampled_from(free))
        inner = _trees(depth + 1, (*used, boundary))
        return {"boundary": boundary, "children": draw(st.lists(inner, min_size=1, max_size=3))}
    if kind == "message":
        return {"message": draw(_trees(depth + 1, used))}
    return {"lines": draw(st.lists(_LINES, max_size=4))}


def _write(
    tree: dict[str, object], path: tuple[int, ...], eol: bytes, out: dict[object, bytes]
) -> tuple[bytes, bytes]:
    """(header, body) of a part at `path`; sections are noted in `out` as they are written."""
    boundary, children, message = tree.get("boundary"), tree.get("children"), tree.get("message")
    if isinstance(boundary, bytes) and isinstance(children, list):
        header = b'Content-Type: multipart/mixed; boundary="%b"' % boundary + eol + eol
        body = b"preamble" + eol
        for number, child in enumerate(children, 1):
            part_header, part_body = _write_part(child, (*path, number), eol, out)
            body += b"--" + boundary + eol + part_header + part_body + eol
        return header, body + b"--" + boundary + b"--" + eol
    if isinstance(message, dict):
        header = b"Content-Type: message/rfc822" + eol + eol
        return header, _write_message(message, path, eol, out)
    lines = tree["lines"]
    assert isinstance(lines, list)
    return b"X-Leaf: yes" + eol + eol, eol.join(lines)


def _write_part(
    tree: dict[str, object], path: tuple[int, ...], eol: bytes, out: dict[object, bytes]
) -> tuple[bytes, bytes]:
    header, body = _write(tree, path, eol, out)
    out[path, Section.MIME] = header
    out[path, Section.ALL] = body
    return header, body


def _write_message(
    tree: dict[str, object], path: tuple[int, ...], eol: bytes, out: dict[object, bytes]
) -> bytes:
    if "children" in tree:
        header, body = _write(tree, path, eol, out)
    else:
        header, body = _write_part(tree, (*path, 1), eol, out)
    out[path, Section.HEADER] = header
    out[path, Section.TEXT] = body
    return header + body


@given(_trees(), st.sampled_from([b"\n", b"\r\n"]))
def test_sections_are_the_bytes_that_were_written(tree: dict[str, object], eol: bytes) -> None:
    sections: dict[object, bytes] = {}
    message = _write_message(tree, (), eol, sections)
    table = _table(message)
    assert _section(message, ()) == message
    for key, content in sections.items():
        assert isinstance(key, tuple)
        span = table.locate(*key)
        assert span is not None, key
        assert message[span[0] : span[1]] == content, key


_PARTS = st.builds(
    Part,
    kind=st.sampled_from(Kind),
    depth=st.integers(1, 63),
    encoding=st.sampled_from(Encoding),
    start=st.integers(0, 2**33),
    body=st.integers(0, 2**33),
    end=st.integers(0, 2**33),
    media_type=st.from_regex(r"[a-z]{1,9}/[a-z+.-]{1,20}", fullmatch=True),
    charset=st.from_regex(r"[a-z0-9-]{0,12}", fullmatch=True),
)


@given(st.lists(_PARTS, max_size=5), st.sampled_from([10, 2**32 - 1, 2**32, 2**40]))
def test_packed_table_unpacks_to_itself(parts: list[Part], size: int) -> None:
    root = Part(Kind.MULTIPART, 0, Encoding.IDENTITY, 0, 10, size, "multipart/mixed", "")
    for part in parts:
        part.start, part.body, part.end = (
            min(offset, size) for offset in (part.start, part.body, part.end)
        )
    table = PartTable([root, *parts])
    assert PartTable.decode(table.encode()) == table


@given(st.binary(max_size=100))
def test_bytes_that_are_no_table_are_refused(packed: bytes) -> None:
    for raw in (packed, b"\x01" + packed):
        try:
            table = PartTable.decode(raw)
        except ValueError:
            continue
        assert table.parts


def test_a_cut_table_is_refused() -> None:
    packed = _table(_RFC3501).encode()
    for end in (0, 1, 10, len(packed) - 1):
        with pytest.raises(ValueError, match="not a part table"):
            PartTable.decode(packed[:end])
