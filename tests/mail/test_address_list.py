"""Address lists as ENVELOPE shows them."""

from __future__ import annotations

from email.utils import formataddr, getaddresses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.address_list import (
    GROUP_END,
    MAX_ADDRESSES,
    EnvelopeAddress,
    parse_address_list,
)

E = EnvelopeAddress


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        (b"", []),
        (b" , ,", []),
        (b"a@b", [E(None, None, b"a", b"b")]),
        (b"<a@b>", [E(None, None, b"a", b"b")]),
        (b"Alice Smith <a@b>", [E(b"Alice Smith", None, b"a", b"b")]),
        (b'"Smith, A." <a@b>,c@d', [E(b"Smith, A.", None, b"a", b"b"), E(None, None, b"c", b"d")]),
        (b'"a \\"q\\" b" <a@b>', [E(b'a "q" b', None, b"a", b"b")]),
        (b'"Two" Words <a@b>', [E(b"Two Words", None, b"a", b"b")]),
        (b"John Q. Public <a@b>", [E(b"John Q. Public", None, b"a", b"b")]),
        (b"=?utf-8?q?J=C3=BC?= <a@b>", [E(b"=?utf-8?q?J=C3=BC?=", None, b"a", b"b")]),
        (b"J\xc3\xbcrg <a@b>", [E(b"J\xc3\xbcrg", None, b"a", b"b")]),
        (b"a@b (A Comment)", [E(b"A Comment", None, b"a", b"b")]),
        (b"a@b (nested (deep) \\) one)", [E(b"nested (deep) ) one", None, b"a", b"b")]),
        (b"(c) a (d) @ (e) b (f)", [E(b"f", None, b"a", b"b")]),
        (b'"quoted local"@b', [E(None, None, b"quoted local", b"b")]),
        (b"X <a @ b>", [E(b"X", None, b"a", b"b")]),
        (b"joe . doe @ example . test", [E(None, None, b"joe.doe", b"example.test")]),
        (b"Old Name a@b", [E(b"Old Name", None, b"a", b"b")]),
        (b"a@[192.0.2.1]", [E(None, None, b"a", b"[192.0.2.1]")]),
        (b"a@b <a@b>", [E(b"a@b", None, b"a", b"b")]),
        # RFC 5322 §4.4: a route
        (b"X <@r1.x,@r2.x:a@b>", [E(b"X", b"@r1.x,@r2.x", b"a", b"b")]),
        (b"<>", [E(None, None, b"", b"")]),
        (b"undisclosed-recipients", [E(None, None, b"undisclosed-recipients", b"")]),
        (b"a phrase alone", [E(b"a phrase alone", None, b"", b"")]),
        (b"Name <local>", [E(b"Name", None, b"local", b"")]),
        (b"Name <a@b", [E(b"Name", None, b"a", b"b")]),
        (b"Name <a@b, c@d", [E(b"Name", None, b"a", b"b"), E(None, None, b"c", b"d")]),
        (b'"open <a@b>', [E(None, None, b"open <a@b>", b"")]),
        (b"a@b; c@d", [E(None, None, b"a", b"b"), E(None, None, b"c", b"d")]),
    ],
)
def test_addresses(value: bytes, rows: list[EnvelopeAddress]) -> None:
    assert parse_address_list(value) == rows


def test_groups_are_marked_as_imap_wants() -> None:
    # RFC 5322 appendix A.1.3
    rows = parse_address_list(b"A Group:Ed Jones <joe@where.test>,john@one.test;, x@y")
    assert rows == [
        E(None, None, b"A Group", None),
        E(b"Ed Jones", None, b"joe", b"where.test"),
        E(None, None, b"john", b"one.test"),
        GROUP_END,
        E(None, None, b"x", b"y"),
    ]
    assert parse_address_list(b"Undisclosed recipients:;") == [
        E(None, None, b"Undisclosed recipients", None),
        GROUP_END,
    ]
    assert parse_address_list(b'"open group": a@b')[-1] == GROUP_END


def test_lists_are_bounded() -> None:
    assert len(parse_address_list(b"a@b," * (MAX_ADDRESSES + 9))) == MAX_ADDRESSES


_NAMES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20).map(str.strip)
_LOCALS = st.from_regex(r"[a-z0-9+_-]{1,8}(\.[a-z0-9]{1,4})?", fullmatch=True)


@given(st.lists(st.tuples(_NAMES, _LOCALS, _LOCALS), max_size=5))
def test_lists_the_email_package_writes_are_read_as_it_reads_them(
    people: list[tuple[str, str, str]],
) -> None:
    written = ", ".join(formataddr((name, f"{local}@{host}")) for name, local, host in people)
    rows = parse_address_list(written.encode())
    expected = getaddresses([written]) if people else []
    found = [
        (
            " ".join((row.name or b"").decode().split()),
            b"@".join((row.mailbox or b"", row.host or b"")),
        )
        for row in rows
    ]
    assert found == [(" ".join(name.split()), spec.encode()) for name, spec in expected]


_PIECES = [
    b"a",
    b".",
    b"@",
    b"<",
    b">",
    b",",
    b";",
    b":",
    b'"',
    b"(",
    b")",
    b"[",
    b"]",
    b"\\",
    b" ",
]


@given(st.lists(st.sampled_from([*_PIECES, b"\0", b"\xff"])).map(b"".join))
def test_any_list_gives_rows_that_imap_can_show(value: bytes) -> None:
    group = False
    for row in parse_address_list(value):
        if row.host is None:
            assert (row.mailbox is None) is group
            group = not group
        else:
            assert row.mailbox is not None
    assert not group
