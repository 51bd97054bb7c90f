"""Threads by RFC 5256 §3: what is known to be hard, and what must always hold."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.subject import BaseSubject, base_subject
from mailserver.mail.threads import Letter, Thread, by_references, message_ids, ordered_subject

DAY = datetime(2026, 1, 1, tzinfo=UTC)

Shape = int | None | tuple["Shape", ...]


def letter(
    number: int, name: str | None, references: str = "", subject: str = "", day: int | None = None
) -> Letter:
    """A message of day `day`, else of the day of its number; ids are single letters."""
    return Letter(
        number,
        DAY + timedelta(number if day is None else day),
        base_subject(subject),
        None if name is None else name.encode(),
        [one.encode() for one in references],
    )


def shape(threads: Iterable[Thread]) -> list[Shape]:
    """A thread as its number, or as (number, *children)."""
    return [
        (thread.number, *shape(thread.children)) if thread.children else thread.number
        for thread in threads
    ]


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ([], []),
        ([letter(1, "a")], [1]),
        ([letter(1, "a"), letter(2, "b", "a"), letter(3, "c", "ab")], [(1, (2, 3))]),
        ([letter(1, "a"), letter(2, "b", "a"), letter(3, "c", "a")], [(1, 2, 3)]),
        # Answers stand before what they answer; siblings go by date, not by number.
        ([letter(1, "c", "a", day=9), letter(2, "b", "a"), letter(3, "a")], [(3, 2, 1)]),
        # A missing message in between makes way,
        ([letter(1, "a"), letter(2, "c", "ab")], [(1, 2)]),
        # a missing root of one message as well,
        ([letter(1, "b", "a")], [1]),
        # one of several stays.
        ([letter(1, "b", "a"), letter(2, "c", "a")], [(None, 1, 2)]),
        ([letter(1, "c", "ab"), letter(2, "d", "ab"), letter(3, "e", "a")], [(None, 1, 2, 3)]),
        # Nobody answers himself, and two not each other.
        ([letter(1, "a", "a")], [1]),
        ([letter(1, "a", "b"), letter(2, "b", "a")], [(2, 1)]),
        ([letter(1, "a", "ba"), letter(2, "b", "ab")], [1, 2]),
        # A cut References is corrected by the message itself.
        ([letter(1, "d", "ac"), letter(2, "c", "b"), letter(3, "a")], [(2, 1), 3]),
        # An id that comes twice belongs to the first.
        ([letter(1, "a"), letter(2, "a"), letter(3, "b", "a")], [(1, 3), 2]),
        # Without an id of its own
        ([letter(1, "a"), letter(2, None, "a"), letter(3, None)], [(1, 2), 3]),
    ],
)
def test_references(letters: Sequence[Letter], expected: list[Shape]) -> None:
    assert shape(by_references(letters)) == expected


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        # Step 5 C: an answer without References goes under what it answers,
        ([letter(1, "a", "", "x"), letter(2, "b", "", "Re: x")], [(1, 2)]),
        # also when it is older;
        ([letter(1, "b", "", "Re: x"), letter(2, "a", "", "x")], [(2, 1)]),
        # two of the same kind stand beside each other,
        ([letter(1, "a", "", "x"), letter(2, "b", "", "x")], [(None, 1, 2)]),
        ([letter(1, "a", "", "Re: x"), letter(2, "b", "", "Re: x")], [(None, 1, 2)]),
        # a third joins them;
        ([letter(n, str(n), "", "x") for n in (1, 2, 3)], [(None, 1, 2, 3)]),
        # a missing root takes what has its children's subject.
        (
            [letter(1, "b", "a", "x"), letter(2, "c", "a", "x"), letter(3, "d", "", "Re: x")],
            [(None, 1, 2, 3)],
        ),
        # Two missing roots become one.
        (
            [
                *(letter(1, "b", "a", "x"), letter(2, "c", "a", "x")),
                *(letter(3, "e", "d", "x"), letter(4, "f", "d", "x")),
            ],
            [(None, 1, 2, 3, 4)],
        ),
        # An empty subject joins nothing.
        ([letter(1, "a", "", "Re:"), letter(2, "b", "", "")], [1, 2]),
        # Subjects within threads join nothing either.
        (
            [letter(1, "a", "", "x"), letter(2, "b", "a", "y"), letter(3, "c", "", "y")],
            [(1, 2), 3],
        ),
        # Threads go by the date of their root.
        ([letter(1, "a", "", "x", 5), letter(2, "b", "a", "x", 1), letter(3, "c")], [3, (1, 2)]),
    ],
)
def test_subjects_join_threads(letters: Sequence[Letter], expected: list[Shape]) -> None:
    assert shape(by_references(letters)) == expected


def test_ordered_subject() -> None:
    letters = [
        *(letter(1, None, "", "b"), letter(2, None, "", "Re: a", 9), letter(3, None, "", "a")),
        *(
            letter(4, None, "", "Re: b"),
            letter(5, None, "", "b (fwd)"),
            letter(6, None, "", "c", 0),
        ),
    ]
    assert shape(ordered_subject(letters)) == [6, (1, 4, 5), (3, 2)]
    assert ordered_subject([]) == []


def test_the_same_date_is_decided_by_the_number() -> None:
    letters = [letter(n, str(n), "", "", 1) for n in (3, 1, 2)]
    assert shape(by_references(letters)) == [1, 2, 3]
    assert shape(ordered_subject(letters)) == [(1, 2, 3)]


def test_a_thread_deeper_than_the_stack() -> None:
    ids = [str(n).encode() for n in range(20_000)]
    subject = BaseSubject("x", False)
    letters = [
        Letter(n + 1, DAY + timedelta(minutes=n), subject, ids[n], ids[n - 1 : n])
        for n in range(len(ids))
    ]
    (thread,) = by_references(reversed(letters))
    depth = 1
    while thread.children:
        (thread,) = thread.children
        depth += 1
    assert depth == 20_000


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        (b"<a@b>", [b"a@b"]),
        (b"<a@b> <c@d>\t<e@f>", [b"a@b", b"c@d", b"e@f"]),
        (b"your mail of Monday <a@b> (was: c@d)", [b"a@b"]),
        # RFC 5256 §2.3: these two are the same id.
        (b'<"01KF8JCEOCBS0045PS"@xxx.yyy.com>', [b"01KF8JCEOCBS0045PS@xxx.yyy.com"]),
        (b"<01KF8JCEOCBS0045PS@xxx.yyy.com>", [b"01KF8JCEOCBS0045PS@xxx.yyy.com"]),
        (b'<"a\\"b c"@d>', [b'a"b c@d']),
        (b"<nobody> <> < a@b > <a b@c> <a@b", [b"a@b"]),
        (b"", []),
    ],
)
def test_message_ids(value: bytes, ids: list[bytes]) -> None:
    assert message_ids(value) == ids


def test_broken_ids_are_read_in_one_pass() -> None:
    for piece in (b"<", b'<"', b'"<', b"<a", b'<"\\', b"< ", b"<>"):
        message_ids(piece * 200_000)


LETTERS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.sampled_from("abcdefgh")),
        st.text("abcdefghij", max_size=5),
        st.sampled_from(["", "x", "Re: x", "y", "Re: y"]),
        st.integers(0, 3),
    ),
    max_size=14,
).map(lambda found: [letter(n, *one) for n, one in enumerate(found, 1)])


@given(LETTERS)
def test_every_message_is_in_one_place_once(letters: list[Letter]) -> None:
    for threads in (by_references(letters), ordered_subject(letters)):
        seen: list[int | None] = []
        pending = list(threads)
        while pending:
            assert len(pending) + len(seen) <= 4 * len(letters)  # no loop
            thread = pending.pop()
            seen.append(thread.number)
            pending += thread.children
            # What is missing is never shown but as the root of several.
            assert thread.number is not None or len(thread.children) > 1
            dates = [(one.letter.sent, one.number) for one in thread.children if one.letter]
            assert len(dates) == len(thread.children)
            assert dates == sorted(dates)
        assert sorted(number for number in seen if number) == [one.number for one in letters]
