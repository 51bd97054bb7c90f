"""SEARCH: every key of RFC 3501 §6.4.4, nesting, charsets, and the response."""

from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.protocol.command import Command
from imap.protocol.errors import ParseError
from imap.protocol.search import (
    MAX_DEPTH,
    AgeKey,
    AllKey,
    AndKey,
    DateField,
    DateKey,
    FlagKey,
    HeaderKey,
    NotKey,
    Order,
    OrKey,
    Search,
    SearchKey,
    SequenceKey,
    SizeKey,
    TextKey,
    TextScope,
    UidKey,
    codec,
    encode_search,
)
from imap.protocol.sequence import STAR, SequenceSet
from imap.protocol.strings import astring

Parse = Callable[[bytes], Command]
DAY = date(1994, 2, 1)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def unseen() -> FlagKey:
    return FlagKey("\\Seen", present=False)


KEYS: list[tuple[bytes, SearchKey]] = [
    (b"ALL", AllKey()),
    (b"ANSWERED", FlagKey("\\Answered")),
    (b"BCC x", HeaderKey(b"BCC", b"x")),
    (b"BEFORE 1-Feb-1994", DateKey(DateField.INTERNAL, Order.LESS, DAY)),
    (b'BODY "x y"', TextKey(TextScope.BODY, b"x y")),
    (b"CC x", HeaderKey(b"CC", b"x")),
    (b"DELETED", FlagKey("\\Deleted")),
    (b"DRAFT", FlagKey("\\Draft")),
    (b"FLAGGED", FlagKey("\\Flagged")),
    (b"FROM x", HeaderKey(b"FROM", b"x")),
    (b'HEADER Message-ID "<a@b>"', HeaderKey(b"MESSAGE-ID", b"<a@b>")),
    (b'HEADER X-Y ""', HeaderKey(b"X-Y", b"")),
    (b"KEYWORD $Junk", FlagKey("$Junk")),
    (b"LARGER 4294967296", SizeKey(Order.GREATER, 4294967296)),
    (b"NEW", AndKey((FlagKey("\\Recent"), unseen()))),
    (b"NOT SEEN", NotKey(FlagKey("\\Seen"))),
    (b"OLD", FlagKey("\\Recent", present=False)),
    (b'ON "1-Feb-1994"', DateKey(DateField.INTERNAL, Order.EQUAL, DAY)),
    (b"OR SEEN ALL", OrKey(FlagKey("\\Seen"), AllKey())),
    (b"RECENT", FlagKey("\\Recent")),
    (b"SEEN", FlagKey("\\Seen")),
    (b"SENTBEFORE 1-Feb-1994", DateKey(DateField.SENT, Order.LESS, DAY)),
    (b"SENTON 1-Feb-1994", DateKey(DateField.SENT, Order.EQUAL, DAY)),
    (b"SENTSINCE 1-Feb-1994", DateKey(DateField.SENT, Order.NOT_LESS, DAY)),
    (b"SAVEDBEFORE 1-Feb-1994", DateKey(DateField.SAVED, Order.LESS, DAY)),
    (b"savedon 1-Feb-1994", DateKey(DateField.SAVED, Order.EQUAL, DAY)),
    (b'SAVEDSINCE "1-Feb-1994"', DateKey(DateField.SAVED, Order.NOT_LESS, DAY)),
    (b"SAVEDATESUPPORTED", AllKey()),
    (b"UIDAFTER 25000", UidKey(SequenceSet(((25001, 4294967295),)))),
    (b"UIDBEFORE 23221", UidKey(SequenceSet(((1, 23220),)))),
    (b"UIDBEFORE 1", UidKey(SequenceSet(()))),
    (b"SINCE 01-Feb-1994", DateKey(DateField.INTERNAL, Order.NOT_LESS, DAY)),
    (b"SMALLER 0", SizeKey(Order.LESS, 0)),
    (b"SUBJECT {3}\r\na b", HeaderKey(b"SUBJECT", b"a b")),
    (b"TEXT x", TextKey(TextScope.TEXT, b"x")),
    (b"TO x", HeaderKey(b"TO", b"x")),
    (b"UID 1:*", UidKey(SequenceSet(((1, STAR),)))),
    (b"UNANSWERED", FlagKey("\\Answered", present=False)),
    (b"UNDELETED", FlagKey("\\Deleted", present=False)),
    (b"UNDRAFT", FlagKey("\\Draft", present=False)),
    (b"UNFLAGGED", FlagKey("\\Flagged", present=False)),
    (b"UNKEYWORD $Junk", FlagKey("$Junk", present=False)),
    (b"UNSEEN", unseen()),
    (b"YOUNGER 3600", AgeKey(Order.LESS, 3600)),
    (b"OLDER 4294967295", AgeKey(Order.GREATER, 4294967295)),
    (b"$", SequenceKey(SequenceSet((), saved=True))),
    (b"UID $", UidKey(SequenceSet((), saved=True))),
    (b"1:4,7", SequenceKey(SequenceSet(((1, 4), (7, 7))))),
    (b"*", SequenceKey(SequenceSet(((STAR, STAR),)))),
    (b"(SEEN)", FlagKey("\\Seen")),
    (b"(SEEN DRAFT)", AndKey((FlagKey("\\Seen"), FlagKey("\\Draft")))),
]


@pytest.mark.parametrize(("text", "key"), KEYS)
def test_every_key(parse: Parse, text: bytes, key: SearchKey) -> None:
    assert parse(b"SEARCH " + text) == Search(key)
    assert parse(b"UID SEARCH " + text + b" ALL") == Search(AndKey((key, AllKey())), by_uid=True)


def test_keys_nest(parse: Parse) -> None:
    assert parse(b"SEARCH OR NOT (1 UNSEEN) OR TO a CC b 2") == Search(
        AndKey(
            (
                OrKey(
                    NotKey(AndKey((SequenceKey(SequenceSet(((1, 1),))), unseen()))),
                    OrKey(HeaderKey(b"TO", b"a"), HeaderKey(b"CC", b"b")),
                ),
                SequenceKey(SequenceSet(((2, 2),))),
            )
        )
    )


def test_a_charset_comes_first(parse: Parse) -> None:
    # RFC 3501 §6.4.4
    command = parse(b"SEARCH CHARSET UTF-8 TEXT {6}\r\n\xd0\x96\xd0\x96\xd0\x96")
    assert command == Search(TextKey(TextScope.TEXT, "ЖЖЖ".encode()), b"UTF-8")
    assert parse(b'SEARCH CHARSET "utf-8" ALL') == Search(AllKey(), b"utf-8")


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"FOO", b"UNALL", b"UN", b"NOT", b"OR SEEN", b"()", b"(SEEN", b"SEEN)", b"FROM"),
        *(b"HEADER x", b"BEFORE yesterday", b"ON 31-Feb-1994", b'ON "1-Feb-1994', b"LARGER -1"),
        *(b"LARGER x", b"UID", b"UID 0", b"KEYWORD", b"KEYWORD (a)", b"CHARSET", b"CHARSET x"),
        *(b"ALL CHARSET x ALL", b"SEEN,UNSEEN", b"1.5", b"LARGER 99999999999999999999"),
        *(b"YOUNGER", b"YOUNGER 0", b"OLDER -1", b"OLDER 4294967296", b"$,1", b"$$", b"OLDER 1h"),
    ],
)
def test_what_is_no_search(parse: Parse, text: bytes) -> None:
    with pytest.raises(ParseError):
        parse(b"SEARCH " + text)


@pytest.mark.parametrize("opening", [b"NOT ", b"(", b"OR ALL "])
def test_a_hundred_levels_are_enough(parse: Parse, opening: bytes) -> None:
    def nested(depth: int) -> bytes:
        return b"SEARCH " + opening * depth + b"ALL" + b")" * (depth if opening == b"(" else 0)

    assert isinstance(parse(nested(MAX_DEPTH)), Search)
    with pytest.raises(ParseError, match="deep"):
        parse(nested(MAX_DEPTH + 1))
    with pytest.raises(ParseError, match="deep"):
        parse(nested(6000))


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        (None, "utf-8"),
        (b"us-ascii", "utf-8"),
        (b"Utf-8", "utf-8"),
        (b"ISO-8859-1", "iso-8859-1"),
        (b"KOI8-R", "koi8-r"),
        (b"X-UNKNOWN", None),
        (b"rot13", None),
        (b"\xff", None),
        (b"", None),
    ],
)
def test_charsets_that_can_be_searched_in(charset: bytes | None, name: str | None) -> None:
    assert codec(charset) == name
    if name is not None:
        assert b"abc".decode(name) == "abc"


def test_the_response_lists_numbers() -> None:
    assert encode_search([2, 84, 882]) == b"* SEARCH 2 84 882\r\n"
    assert encode_search([]) == b"* SEARCH\r\n"


def written(key: SearchKey) -> bytes:
    """A key as a client writes it."""
    match key:
        case AllKey():
            return b"ALL"
        case FlagKey(flag, present):
            return (b"KEYWORD " if present else b"UNKEYWORD ") + flag.encode()
        case HeaderKey(name, value):
            return b"HEADER %b %b" % (astring(name), astring(value))
        case TextKey(scope, value):
            return scope.name.encode() + b" " + astring(value)
        case DateKey(field, order, day):
            word = {Order.LESS: b"BEFORE", Order.EQUAL: b"ON", Order.NOT_LESS: b"SINCE"}[order]
            prefix = {DateField.SENT: b"SENT", DateField.SAVED: b"SAVED"}.get(field, b"")
            return prefix + word + f" {day.day}-{MONTHS[day.month - 1]}-{day.year:04}".encode()
        case SizeKey(order, size):
            return b"%b %d" % (b"LARGER" if order is Order.GREATER else b"SMALLER", size)
        case AgeKey(order, seconds):
            return b"%b %d" % (b"OLDER" if order is Order.GREATER else b"YOUNGER", seconds)
        case SequenceKey(numbers):
            return numbers.encode()
        case UidKey(uids):
            return b"UID " + uids.encode()
        case NotKey(inner):
            return b"NOT " + written(inner)
        case OrKey(left, right):
            return b"OR %b %b" % (written(left), written(right))
        case AndKey(keys):
            return b"(%b)" % b" ".join(map(written, keys))


VALUES = st.binary(max_size=8).filter(lambda value: b"\0" not in value)
SETS = st.one_of(
    st.lists(st.tuples(st.integers(1, 99), st.integers(1, 99)), min_size=1).map(SequenceSet.of),
    st.just(SequenceSet((), saved=True)),
)
LEAVES: st.SearchStrategy[SearchKey] = st.one_of(
    st.just(AllKey()),
    st.builds(FlagKey, st.sampled_from(["\\Seen", "\\Recent", "$x"]), st.booleans()),
    st.builds(HeaderKey, VALUES.map(bytes.upper), VALUES),
    st.builds(TextKey, st.sampled_from(TextScope), VALUES),
    st.builds(
        DateKey,
        st.sampled_from(DateField),
        st.sampled_from([Order.LESS, Order.EQUAL, Order.NOT_LESS]),
        st.dates(),
    ),
    st.builds(SizeKey, st.sampled_from([Order.LESS, Order.GREATER]), st.integers(0, 1 << 62)),
    st.builds(AgeKey, st.sampled_from([Order.LESS, Order.GREATER]), st.integers(1, (1 << 32) - 1)),
    st.builds(SequenceKey, SETS),
    st.builds(UidKey, SETS),
)
TREES: st.SearchStrategy[SearchKey] = st.recursive(
    LEAVES,
    lambda keys: st.one_of(
        st.builds(NotKey, keys),
        st.builds(OrKey, keys, keys),
        st.builds(AndKey, st.lists(keys, min_size=2, max_size=4).map(tuple)),
    ),
    max_leaves=12,
)


@given(key=TREES, by_uid=st.booleans())
def test_a_key_read_back_is_the_same_key(parse: Parse, key: SearchKey, by_uid: bool) -> None:
    verb = b"UID SEARCH " if by_uid else b"SEARCH "
    assert parse(verb + written(key)) == Search(key, by_uid=by_uid)
