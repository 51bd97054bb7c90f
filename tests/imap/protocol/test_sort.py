"""SORT: the command and its response."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.protocol.command import Command
from imap.protocol.errors import ParseError
from imap.protocol.esearch import Return, ReturnOption
from imap.protocol.search import AllKey, AndKey, FlagKey, HeaderKey, Search
from imap.protocol.sort import Criterion, Sort, SortKey, encode_sort

Parse = Callable[[bytes], Command]


def test_the_examples_of_the_rfc(parse: Parse) -> None:
    # RFC 5256 §3
    deleted = AndKey((HeaderKey(b"SUBJECT", b"x"), FlagKey("\\Deleted", present=False)))
    assert parse(b"SORT (SUBJECT) UTF-8 SUBJECT x UNDELETED") == Sort(
        ((SortKey.SUBJECT, False),), Search(deleted, b"UTF-8")
    )
    assert parse(b"SORT (SUBJECT REVERSE DATE) UTF-8 ALL") == Sort(
        ((SortKey.SUBJECT, False), (SortKey.DATE, True)), Search(AllKey(), b"UTF-8")
    )
    # RFC 5267 §3
    assert parse(b'UID SORT RETURN (MIN COUNT) (reverse size) "us-ascii" ALL') == Sort(
        ((SortKey.SIZE, True),),
        Search(
            *(AllKey(), b"us-ascii", True),
            Return(frozenset((ReturnOption.MIN, ReturnOption.COUNT))),
        ),
    )


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"(DATE)", b"(DATE) UTF-8", b"() UTF-8 ALL", b"DATE UTF-8 ALL", b"(FOO) UTF-8 ALL"),
        *(b"(REVERSE) UTF-8 ALL", b"(REVERSE REVERSE DATE) UTF-8 ALL", b"(DATE UTF-8 ALL"),
        *(b"(DATE)UTF-8 ALL", b"(DATE) UTF-8 FOO", b"(DATE) CHARSET UTF-8 ALL", b"(DATE) ALL"),
        *(b"RETURN (FOO) (DATE) UTF-8 ALL", b"(DATE) RETURN (MIN) UTF-8 ALL", b"(1) UTF-8 ALL"),
        b"(" + b"DATE " * 50 + b"DATE) UTF-8 ALL",
    ],
)
def test_what_is_no_sort(parse: Parse, text: bytes) -> None:
    with pytest.raises(ParseError):
        parse(b"SORT " + text)


def test_the_response_lists_numbers() -> None:
    # RFC 5256 §4
    assert encode_sort([2, 84, 882]) == b"* SORT 2 84 882\r\n"
    assert encode_sort([]) == b"* SORT\r\n"


@given(st.lists(st.tuples(st.sampled_from(SortKey), st.booleans()), min_size=1, max_size=9))
def test_criteria_read_back_are_the_same(parse: Parse, criteria: list[Criterion]) -> None:
    words = [b"REVERSE " * backwards + key.value for key, backwards in criteria]
    command = parse(b"SORT (%b) UTF-8 ALL" % b" ".join(words))
    assert command == Sort(tuple(criteria), Search(AllKey(), b"UTF-8"))
