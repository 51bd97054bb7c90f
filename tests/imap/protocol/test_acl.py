"""ACL's grammar, with the examples of RFC 4314, and names of other users' mailboxes."""

from collections.abc import Callable

import pytest

from imap.protocol.acl import (
    AclMode,
    DeleteAcl,
    GetAcl,
    Identifier,
    ListRights,
    MyRights,
    SetAcl,
    encode_acl,
    encode_listrights,
    encode_myrights,
)
from imap.protocol.command import Command
from imap.protocol.errors import ParseError
from imap.protocol.namespace import encode_namespace, is_others, others_name, owner_and_name

Parse = Callable[[bytes], Command]


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"GETACL INBOX", GetAcl("INBOX")),
        (
            b"SETACL INBOX/Drafts John lrQswicda".replace(b"Q", b""),
            SetAcl("INBOX/Drafts", Identifier("John"), AclMode.REPLACE, "lrswicda"),
        ),
        (b"SETACL a Byron +x", SetAcl("a", Identifier("Byron"), AclMode.ADD, "x")),
        (b'SETACL a "Byron" "-x"', SetAcl("a", Identifier("Byron"), AclMode.REMOVE, "x")),
        (b'SETACL a -bob@x ""', SetAcl("a", Identifier("bob@x", True), AclMode.REPLACE, "")),
        (b"DELETEACL INBOX Fred", DeleteAcl("INBOX", Identifier("Fred"))),
        (b"DELETEACL INBOX -Fred", DeleteAcl("INBOX", Identifier("Fred", True))),
        (b"LISTRIGHTS ~/Mail/saved smith", ListRights("~/Mail/saved", Identifier("smith"))),
        (b"MYRIGHTS inbox", MyRights("INBOX")),
    ],
)
def test_commands(parse: Parse, line: bytes, command: Command) -> None:
    assert parse(line) == command


@pytest.mark.parametrize(
    "line",
    [
        b"GETACL",
        b"GETACL a b",
        b"SETACL a",
        b"SETACL a b",
        b"SETACL a b LR",
        b"SETACL a b ++r",
        b"SETACL a b \xc3\xa9",
        b"SETACL a \xff r",
        b"SETACL a " + b"x" * 1001 + b" r",
        b"SETACL a {3}\r\nx\ty r",
        b"DELETEACL a",
        b"LISTRIGHTS a",
        b"MYRIGHTS",
    ],
)
def test_bad_input(parse: Parse, line: bytes) -> None:
    with pytest.raises(ParseError):
        parse(line)


def test_responses() -> None:
    fred, denied = Identifier("Fred"), Identifier("anyone", negative=True)
    assert encode_acl("INBOX", [(fred, "rwipslxetad"), (denied, "w")]) == (
        b"* ACL INBOX Fred rwipslxetad -anyone w\r\n"
    )
    assert encode_acl("a b", [(fred, "")]) == b'* ACL "a b" Fred ""\r\n'
    listed = encode_listrights("~/Mail/saved", Identifier("smith"), "la", ["r", "swicdkxte"])
    assert listed == b"* LISTRIGHTS ~/Mail/saved smith la r swicdkxte\r\n"
    assert encode_myrights("INBOX", "rwiptsldaex") == b"* MYRIGHTS INBOX rwiptsldaex\r\n"
    assert encode_myrights("INBOX", "") == b'* MYRIGHTS INBOX ""\r\n'


def test_other_users_have_a_namespace() -> None:
    assert encode_namespace() == b'* NAMESPACE (("" "/")) (("user/" "/")) NIL\r\n'


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("user/bob@example.test/INBOX", ("bob@example.test", "INBOX")),
        ("user/bob@example.test/inbox/a", ("bob@example.test", "INBOX/a")),
        ("user/bob@example.test/a/b@c/d", ("bob@example.test", "a/b@c/d")),
        ("user/and/or@example.test/x", ("and/or@example.test", "x")),
        ("user/bob@example.test", None),
        ("user/bob@example.test/", None),
        ("user/bob", None),
        ("user/@example.test/x", None),
        ("user/bob@/x", None),
        ("user/", None),
        ("user", None),
    ],
)
def test_names_of_others(name: str, parts: tuple[str, str] | None) -> None:
    assert is_others(name)
    assert owner_and_name(name) == parts
    if parts and parts[1] in name:
        assert others_name(*parts) == name


def test_own_names_may_look_alike() -> None:
    assert not is_others("users/bob")
    assert not is_others("User/bob@example.test/x")
