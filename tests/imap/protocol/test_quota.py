"""QUOTA's grammar, with the examples of RFC 9208."""

from collections.abc import Callable

import pytest

from imap.protocol.command import Command
from imap.protocol.errors import ParseError
from imap.protocol.quota import (
    GetQuota,
    GetQuotaRoot,
    SetQuota,
    Usage,
    encode_quota,
    encode_quotaroot,
)

Parse = Callable[[bytes], Command]


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b'GETQUOTA "!partition/sda4"', GetQuota("!partition/sda4")),
        (b'getquota ""', GetQuota("")),
        (b"GETQUOTAROOT inbox", GetQuotaRoot("INBOX")),
        (b'SETQUOTA "" (STORAGE 512)', SetQuota("", {"STORAGE": 512})),
        (b'SETQUOTA "#user/alice" (storage 510)', SetQuota("#user/alice", {"STORAGE": 510})),
        (b"SETQUOTA a (STORAGE 1 MESSAGE 2)", SetQuota("a", {"STORAGE": 1, "MESSAGE": 2})),
        (b"SETQUOTA a ()", SetQuota("a", {})),
        (b"SETQUOTA a (X-OTHER 9223372036854775807)", SetQuota("a", {"X-OTHER": 2**63 - 1})),
    ],
)
def test_commands(parse: Parse, line: bytes, command: Command) -> None:
    assert parse(line) == command


@pytest.mark.parametrize(
    "line",
    [
        b"GETQUOTA",
        b"GETQUOTA a b",
        b"GETQUOTA \xff",
        b"GETQUOTAROOT",
        b"SETQUOTA a",
        b"SETQUOTA a STORAGE 5",
        b"SETQUOTA a (STORAGE)",
        b"SETQUOTA a (STORAGE -1)",
        b"SETQUOTA a (STORAGE 9223372036854775808)",
        b"SETQUOTA a (STORAGE 1 storage 2)",
    ],
)
def test_bad_input(parse: Parse, line: bytes) -> None:
    with pytest.raises(ParseError):
        parse(line)


def test_responses() -> None:
    assert encode_quota("", [Usage("STORAGE", 10, 512)]) == b'* QUOTA "" (STORAGE 10 512)\r\n'
    both = [Usage("STORAGE", 1, 2), Usage("MESSAGE", 3, 4)]
    assert encode_quota("#user/alice", both) == b"* QUOTA #user/alice (STORAGE 1 2 MESSAGE 3 4)\r\n"
    assert encode_quota("a b", []) == b'* QUOTA "a b" ()\r\n'
    assert encode_quotaroot("INBOX", ["#user/alice", "!partition/sda4"]) == (
        b"* QUOTAROOT INBOX #user/alice !partition/sda4\r\n"
    )
    assert encode_quotaroot("Größe", []) == b"* QUOTAROOT Gr&APYA3w-e\r\n"
