"""CANCELUPDATE, NOUPDATE, ADDTO and REMOVEFROM, by the examples of RFC 5267."""

from collections.abc import Callable

import pytest

from imap.protocol.command import Command
from imap.protocol.context import CancelUpdate, added, noupdate_code, removed
from imap.protocol.errors import ParseError
from imap.protocol.responses import esearch

Parse = Callable[[bytes], Command]


def test_cancelling(parse: Parse) -> None:
    # RFC 5267 §4.3.5
    assert parse(b'CANCELUPDATE "B01"') == CancelUpdate((b"B01",))
    assert parse(b'cancelupdate "a" "b" ') == CancelUpdate((b"a", b"b"))


@pytest.mark.parametrize("text", [b"", b" ", b" B01", b' "a"x', b' "a" 1', b' ("a")'])
def test_what_cancels_nothing(parse: Parse, text: bytes) -> None:
    with pytest.raises(ParseError):
        parse(b"CANCELUPDATE" + text)


def test_changes_are_told_in_the_order_they_are_made() -> None:
    # RFC 5267 §4.3.3, §4.3.4
    assert esearch(b"B01", [added([(0, [32768, 32769])])], by_uid=True) == (
        b'* ESEARCH (TAG "B01") UID ADDTO (0 32768:32769)\r\n'
    )
    assert esearch(b"C01", [added([(1, [2733]), (1, [2731, 2732])])]) == (
        b'* ESEARCH (TAG "C01") ADDTO (1 2733 1 2731:2732)\r\n'
    )
    assert esearch(b"C01", [removed([(5, [9, 4, 5]), (1, [7])]), added([(1, [8])])]) == (
        b'* ESEARCH (TAG "C01") REMOVEFROM (5 9,4:5 1 7) ADDTO (1 8)\r\n'
    )


def test_the_refusal_names_its_search() -> None:
    # RFC 5267 §4.3.1
    assert noupdate_code(b"B02") == b'NOUPDATE "B02"'
