"""What RFC 7162 adds to SELECT, FETCH, STORE, SEARCH and STATUS, both ways."""

from collections.abc import Callable

import pytest

from imap.protocol.command import Command
from imap.protocol.errors import ParseError
from imap.protocol.fetch import Fetch, FetchAttribute
from imap.protocol.modseq import (
    FetchModifiers,
    Resync,
    highestmodseq_code,
    modified_code,
    vanished,
)
from imap.protocol.partial import Partial
from imap.protocol.search import (
    ModseqKey,
    Search,
    asks_modseq,
    encode_search,
    names_numbers,
)
from imap.protocol.select import Select
from imap.protocol.sequence import SequenceSet
from imap.protocol.status import Status, StatusItem, encode_status
from imap.protocol.store import Store, StoreMode

Parse = Callable[[bytes], Command]


def numbers(text: bytes) -> SequenceSet:
    return SequenceSet.parse(text)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"SELECT INBOX (CONDSTORE)", Select("INBOX", False, condstore=True)),
        (b"EXAMINE INBOX (condstore)", Select("INBOX", True, condstore=True)),
        (
            b"SELECT INBOX (QRESYNC (67890007 20050715194045000 41,43:211,214:541))",
            Select(
                "INBOX",
                False,
                resync=Resync(67890007, 20050715194045000, numbers(b"41,43:211,214:541")),
            ),
        ),
        (
            (
                b"SELECT INBOX (QRESYNC (1 2 1:29997 (5000,7500,9000,9990:9999 15000,22500,27000,"
                b"29970,29973,29976,29979,29982,29985,29988,29991,29994,29997)))"
            ),
            Select(
                "INBOX",
                False,
                resync=Resync(
                    1,
                    2,
                    numbers(b"1:29997"),
                    (
                        numbers(b"5000,7500,9000,9990:9999"),
                        SequenceSet.of(
                            (uid, uid) for uid in (15000, 22500, 27000, *range(29970, 29998, 3))
                        ),
                    ),
                ),
            ),
        ),
        (
            b"EXAMINE x (CONDSTORE QRESYNC (1 2 (3 4)))",
            Select(
                "x", True, condstore=True, resync=Resync(1, 2, None, (numbers(b"3"), numbers(b"4")))
            ),
        ),
        (b"SELECT x (QRESYNC (1 2))", Select("x", False, resync=Resync(1, 2))),
    ],
)
def test_parameters_of_select(parse: Parse, line: bytes, expected: Select) -> None:
    assert parse(line) == expected


@pytest.mark.parametrize(
    ("line", "position"),
    [
        (b"SELECT x ()", 13),
        (b"SELECT x (FOO)", 13),
        (b"SELECT x (CONDSTORE CONDSTORE)", 23),
        (b"SELECT x (QRESYNC)", 20),
        (b"SELECT x (QRESYNC ())", 22),
        (b"SELECT x (QRESYNC (1))", 23),
        (b"SELECT x (QRESYNC (0 1))", 22),
        (b"SELECT x (QRESYNC (4294967296 1))", 22),
        (b"SELECT x (QRESYNC (1 0))", 24),
        (b"SELECT x (QRESYNC (1 9223372036854775808))", 24),
        (b"SELECT x (QRESYNC (1 2 1:*))", 26),
        (b"SELECT x (QRESYNC (1 2 1 (1:2 1)))", 28),
        (b"SELECT x (QRESYNC (1 2 1 (1)))", 28),
        (b"SELECT x (QRESYNC (1 2 1 (1 2 3)))", 28),
        (b"SELECT x (QRESYNC (1 2 1 (* 2)))", 29),
        (b"SELECT x (QRESYNC (1 2 1 (1 1) 1))", 34),
        (b"SELECT x (QRESYNC (1 2 3", 27),
        (b"SELECT x CONDSTORE", 11),
        (b"FETCH 1 FLAGS (CHANGEDSINCE)", 30),
        (b"FETCH 1 FLAGS (CHANGEDSINCE 0)", 31),
        (b"FETCH 1 FLAGS (CHANGEDSINCE x)", 31),
        (b"FETCH 1 FLAGS (CHANGEDSINCE -1)", 31),
        (b"FETCH 1 FLAGS (CHANGEDSINCE 1 CHANGEDSINCE 2)", 33),
        (b"FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)", 16),
        (b"UID FETCH 1 FLAGS (VANISHED)", 20),
        (b"UID FETCH 1 FLAGS (UNCHANGEDSINCE 1)", 22),
        (b"UID FETCH 1 FLAGS ()", 22),
        (b"FETCH 1 FLAGS (PARTIAL 1:2)", 16),
        (b"UID FETCH 1 FLAGS (PARTIAL 0:2)", 30),
        (b"UID FETCH 1 FLAGS (PARTIAL 1:-2)", 30),
        (b"UID FETCH 1 FLAGS (PARTIAL -1:2)", 30),
        (b"UID FETCH 1 FLAGS (PARTIAL 1:*)", 32),
        (b"UID FETCH 1 FLAGS (PARTIAL 1:4294967296)", 32),
        (b"STORE 1 (UNCHANGEDSINCE) FLAGS ()", 26),
        (b"STORE 1 (UNCHANGEDSINCE 1 UNCHANGEDSINCE 1) FLAGS ()", 29),
        (b"STORE 1 (CHANGEDSINCE 1) FLAGS ()", 12),
        (b"STORE 1 () FLAGS ()", 12),
        (b"STORE 1 (UNCHANGEDSINCE 1)", 29),
        (b"STORE 1 FLAGS () (UNCHANGEDSINCE 1)", 19),
        (b"SEARCH MODSEQ", 16),
        (b"SEARCH MODSEQ x", 17),
        (b'SEARCH MODSEQ "/flags/\\\\draft" 1', 34),
        (b'SEARCH MODSEQ "/comment" all 1', 17),
        (b'SEARCH MODSEQ "/flags/a" other 1', 28),
        (b'SEARCH MODSEQ "/flags/a" all', 31),
    ],
)
def test_malformed_parameters_are_refused(parse: Parse, line: bytes, position: int) -> None:
    with pytest.raises(ParseError) as caught:
        parse(line)
    assert (caught.value.position, caught.value.tag) == (position, b"a1")


def test_modifiers_of_fetch(parse: Parse) -> None:
    flags = (FetchAttribute.FLAGS,)
    assert parse(b"UID FETCH 300:500 (FLAGS) (CHANGEDSINCE 12345 VANISHED)") == Fetch(
        numbers(b"300:500"), flags, True, FetchModifiers(12345, vanished=True)
    )
    assert parse(b"FETCH 1:3 (MODSEQ)") == Fetch(numbers(b"1:3"), (FetchAttribute.MODSEQ,))
    assert parse(b"FETCH 1 FLAGS (changedsince 9223372036854775807) ") == Fetch(
        numbers(b"1"), flags, False, FetchModifiers(2**63 - 1)
    )
    both = parse(b"UID FETCH 1:* FAST (PARTIAL -30:-1 CHANGEDSINCE 98305)")
    assert isinstance(both, Fetch)
    assert both.modifiers == FetchModifiers(98305, partial=Partial(-30, -1))


def test_modifiers_of_store(parse: Parse) -> None:
    assert parse(
        b"UID STORE 6,4,8 (UNCHANGEDSINCE 12121230045) +FLAGS.SILENT (\\Deleted)"
    ) == Store(numbers(b"4,6,8"), StoreMode.ADD, True, ("\\Deleted",), True, 12121230045)
    assert parse(b"STORE 12 (UNCHANGEDSINCE 0) +FLAGS.SILENT ($MDNSent)") == Store(
        numbers(b"12"), StoreMode.ADD, True, ("$MDNSent",), False, 0
    )


@pytest.mark.parametrize(
    "line",
    [
        b"SEARCH MODSEQ 620162338",
        b'SEARCH MODSEQ "/flags/\\\\draft" all 620162338',
        b"SEARCH modseq {15}\r\n/flags/\\Flagged shared 620162338",
        b'UID SEARCH MODSEQ "/flags/$MDNSent" priv 620162338',
    ],
)
def test_the_key_modseq(parse: Parse, line: bytes) -> None:
    if b"{" in line:
        with pytest.raises(ParseError):  # entry-name is a quoted string
            parse(line)
        return
    command = parse(line)
    assert isinstance(command, Search)
    assert command.key == ModseqKey(620162338)


def test_keys_are_found_however_deep_they_are(parse: Parse) -> None:
    deep = parse(b"UID SEARCH OR NOT (SEEN MODSEQ 720162338) LARGER 50000")
    assert isinstance(deep, Search)
    assert asks_modseq(deep.key)
    assert not names_numbers(deep.key)
    numbered = parse(b"UID SEARCH OR NOT (SEEN 1:*) UID 4")
    assert isinstance(numbered, Search)
    assert names_numbers(numbered.key)
    assert not asks_modseq(numbered.key)


def test_status_of_highestmodseq(parse: Parse) -> None:
    command = parse(b"STATUS blurdybloop (UIDNEXT MESSAGES HIGHESTMODSEQ)")
    assert command == Status(
        "blurdybloop", (StatusItem.UIDNEXT, StatusItem.MESSAGES, StatusItem.HIGHESTMODSEQ)
    )
    assert (
        encode_status("blurdybloop", [(StatusItem.HIGHESTMODSEQ, 7011231777)])
        == b"* STATUS blurdybloop (HIGHESTMODSEQ 7011231777)\r\n"
    )


def test_what_the_server_says() -> None:
    assert highestmodseq_code(715194045007) == b"HIGHESTMODSEQ 715194045007"
    assert modified_code([(9, 9), (7, 7)]) == b"MODIFIED 7,9"
    assert vanished([(405, 405), (407, 407), (410, 410)]) == b"* VANISHED 405,407,410\r\n"
    assert (
        vanished([(41, 41), (43, 116), (118, 118)], earlier=True)
        == b"* VANISHED (EARLIER) 41,43:116,118\r\n"
    )
    assert encode_search([2, 5], 917162500) == b"* SEARCH 2 5 (MODSEQ 917162500)\r\n"


def test_vanished_comes_in_lines_that_a_client_can_take() -> None:
    lines = vanished((uid, uid) for uid in range(2**32 - 2000, 2**32, 2)).splitlines()
    assert len(lines) == 3
    assert all(len(line) < 8192 for line in lines)
    assert b",".join(line.split(b" ")[-1] for line in lines).count(b",") == 999
    assert vanished([], earlier=True) == b""
