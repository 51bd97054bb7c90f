"""FETCH items and sections, both ways."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.protocol.command import Command, parse_command
from imap.protocol.errors import ParseError
from imap.protocol.events import Frame
from imap.protocol.fetch import BodyItem, Fetch, FetchAttribute, FetchItem, encode_fetch
from imap.protocol.section import Section, SectionKind

Parse = Callable[[bytes], Command]


def items_of(text: bytes) -> tuple[FetchItem, ...]:
    command = parse_command(Frame(b"a FETCH 1 " + text)).command
    assert isinstance(command, Fetch)
    return command.items


@pytest.mark.parametrize(
    ("text", "item", "label"),
    [
        (b"BODY[]", BodyItem(Section()), b"BODY[]"),
        (b"body.peek[]", BodyItem(Section(), peek=True), b"BODY[]"),
        (b"BODY[1]", BodyItem(Section((1,))), b"BODY[1]"),
        (b"BODY[4.2.2.1]", BodyItem(Section((4, 2, 2, 1))), b"BODY[4.2.2.1]"),
        (b"BODY[TEXT]", BodyItem(Section((), SectionKind.TEXT)), b"BODY[TEXT]"),
        (b"BODY[3.header]", BodyItem(Section((3,), SectionKind.HEADER)), b"BODY[3.HEADER]"),
        (b"BODY[4.1.MIME]", BodyItem(Section((4, 1), SectionKind.MIME)), b"BODY[4.1.MIME]"),
        (
            b"BODY.PEEK[HEADER.FIELDS.NOT (Date from)]<0.100>",
            BodyItem(
                Section((), SectionKind.HEADER_FIELDS_NOT, (b"DATE", b"FROM")),
                peek=True,
                partial=(0, 100),
            ),
            b"BODY[HEADER.FIELDS.NOT (DATE FROM)]<0>",
        ),
        (
            b'BODY[2.HEADER.FIELDS ("Reply To" {4}\r\nfr"m)]',
            None,
            b'BODY[2.HEADER.FIELDS ("REPLY TO" "FR\\"M")]',
        ),
        (b"BODY[]<1024.1>", BodyItem(Section(), partial=(1024, 1)), b"BODY[]<1024>"),
        (
            b"BODY[]<5000000000.6000000000>",
            BodyItem(Section(), partial=(5000000000, 6000000000)),
            b"BODY[]<5000000000>",
        ),
        (b"RFC822", BodyItem(Section(), rfc822=True), b"RFC822"),
        (
            b"RFC822.HEADER",
            BodyItem(Section((), SectionKind.HEADER), peek=True, rfc822=True),
            b"RFC822.HEADER",
        ),
        (
            b"RFC822.TEXT",
            BodyItem(Section((), SectionKind.TEXT), rfc822=True),
            b"RFC822.TEXT",
        ),
    ],
)
def test_sections_and_the_names_their_answers_have(
    parse: Parse, text: bytes, item: BodyItem | None, label: bytes
) -> None:
    command = parse(b"FETCH 1 " + text)
    assert isinstance(command, Fetch)
    (found,) = command.items
    assert isinstance(found, BodyItem)
    assert item is None or found == item
    assert found.label == label


@pytest.mark.parametrize("attribute", list(FetchAttribute))
def test_items_without_a_section(attribute: FetchAttribute) -> None:
    assert items_of(attribute.value) == (attribute,)
    assert items_of(b"(" + attribute.value.lower() + b")") == (attribute,)


@pytest.mark.parametrize(
    ("macro", "words"),
    [
        (b"FAST", b"(FLAGS INTERNALDATE RFC822.SIZE)"),
        (b"all", b"(FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)"),
        (b"FULL", b"(FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY)"),
    ],
)
def test_macros_stand_for_items(macro: bytes, words: bytes) -> None:
    assert items_of(macro) == items_of(words)


@pytest.mark.parametrize(
    "text",
    [
        *(b"BODY[MIME]", b"BODY[0]", b"BODY[01]", b"BODY[1.]", b"BODY[1.0]", b"BODY[.1]"),
        *(b"BODY[FOO]", b"BODY[1.FOO]", b"BODY[HEADER.FIELDS]", b"BODY[HEADER.FIELDS ()]"),
        *(b"BODY[HEADER.1]", b"BODY[TEXT", b"BODY[", b"BODY.PEEK", b"BODY[]<0>", b"BODY[]<0.0>"),
        *(b"BODY[]<.1>", b"BODY[]<0.1", b"BODY[]<-1.1>", b"BODY[]<9223372036854775808.1>"),
        *(b"RFC822.PEEK", b"RFC822[]", b"UID[]", b"BODYSTRUCTURE[]", b"BODY []", b"FOO", b""),
        *(b"BODY[99999999999]", b"BODY[" + b".".join([b"1"] * 101) + b"]"),
    ],
)
def test_what_is_no_item(text: bytes) -> None:
    with pytest.raises(ParseError):
        items_of(text)


NAMES = st.binary(min_size=1, max_size=8).map(bytes.upper).filter(lambda n: b"\0" not in n)
KINDS = st.sampled_from(list(SectionKind))


@st.composite
def body_items(draw: st.DrawFn) -> BodyItem:
    path = tuple(draw(st.lists(st.integers(1, 999), max_size=4)))
    kind = draw(KINDS.filter(lambda kind: bool(path) or kind is not SectionKind.MIME))
    fields: tuple[bytes, ...] = ()
    if kind in (SectionKind.HEADER_FIELDS, SectionKind.HEADER_FIELDS_NOT):
        fields = tuple(draw(st.lists(NAMES, min_size=1, max_size=3)))
    partial = draw(st.none() | st.tuples(st.integers(0, 1 << 40), st.integers(1, 1 << 40)))
    return BodyItem(Section(path, kind, fields), partial=partial)


@given(item=body_items())
def test_an_item_read_back_is_the_same_item(
    frame_of: Callable[[bytes], Frame], item: BodyItem
) -> None:
    text = item.label
    if item.partial is not None:
        text = text[:-1] + b".%d>" % item.partial[1]
    frame = frame_of(b"a FETCH 1 (" + text + b")\r\n")
    command = parse_command(frame).command
    assert isinstance(command, Fetch)
    assert command.items == (item,)


def test_a_response_is_one_line() -> None:
    pairs = b"FLAGS (\\Seen) UID 4827313"
    assert encode_fetch(23, pairs) == b"* 23 FETCH (FLAGS (\\Seen) UID 4827313)\r\n"
