"""Packs know of each token where it is, however they came to be; a lookup finds any substring."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.mail.text_lookup import (
    Lookup,
    Query,
    covering,
    has_word,
    substring,
    unmarked,
    words,
)
from mailserver.mail.text_pack import (
    MOST_MESSAGES,
    Builder,
    Document,
    Pack,
    absorbed,
    merge,
    numbers,
    tokens,
    without,
)

TEXTS = st.lists(st.text("AB .É", max_size=12), min_size=1, max_size=8)
NEEDLES = st.text("AB.É", min_size=1, max_size=4)


def built(bodies: Sequence[str], first: int = 1) -> Pack:
    builder = Builder()
    for number, body in enumerate(bodies):
        builder.add(Document(first + number, tokens(body), tokens(body[::-1])))
    return builder.pack()


def found(pack: Pack, pattern: bytes) -> set[int]:
    """The places of the tokens that hold the pattern."""
    lookup = Lookup(pack.frequencies, pack.beginnings, pack.vocabulary)
    places = lookup.alone(pattern)
    for start, end in lookup.postings(lookup.shared(pattern)):
        places.update(numbers(pack.postings[start:end]))
    return places


def beginning(pack: Pack, word: str) -> set[int]:
    lookup = Lookup(pack.frequencies, pack.beginnings, pack.vocabulary)
    places: set[int] = set()
    for start, end in lookup.postings(lookup.beginning(word)):
        places.update(numbers(pack.postings[start:end]))
    return places


def naive(bodies: Sequence[str], needle: str) -> set[int]:
    texts = [text for body in bodies for text in (body, body[::-1])]
    return {place for place, text in enumerate(texts) if needle in text}


@given(TEXTS, TEXTS, NEEDLES)
@settings(max_examples=300, deadline=None)
def test_substrings_are_found_in_built_merged_and_rewritten_packs(
    older: list[str], younger: list[str], needle: str
) -> None:
    pattern = needle.encode()
    both = merge([built(older), built(younger, first=100)])
    assert found(built(older), pattern) == naive(older, needle)
    assert found(both, pattern) == naive(older + younger, needle)
    assert list(both.uids) == [*range(1, len(older) + 1), *range(100, 100 + len(younger))]
    left = without(both, {1, 100, 7777})
    assert found(left, pattern) == naive(older[1:] + younger[1:], needle)
    kept = built(older[1:] + younger[1:]).vocabulary
    assert sorted(left.vocabulary.split(b"\0")) == sorted(kept.split(b"\0"))


@given(TEXTS, st.text("AB É", min_size=1, max_size=6))
@settings(max_examples=300, deadline=None)
def test_a_query_leaves_out_no_text_that_holds_the_needle(bodies: list[str], needle: str) -> None:
    query = substring(needle)
    holding = naive(bodies, needle)
    if query is None:
        assert not needle.strip()
        return
    candidates = set.intersection(*(found(built(bodies), one) for one in query.patterns))
    assert holding <= candidates
    if query.exact:
        assert holding == candidates


@given(TEXTS, st.text("ABÉ", min_size=1, max_size=3))
@settings(max_examples=300, deadline=None)
def test_beginnings_of_words_are_found_as_in_the_text(bodies: list[str], word: str) -> None:
    texts = [unmarked(text) for body in bodies for text in (body, body[::-1])]
    expected = {place for place, text in enumerate(texts) if has_word(text, unmarked(word))}
    assert beginning(built(bodies), unmarked(word)) == expected


@pytest.mark.parametrize(
    ("needle", "query"),
    [
        ("", None),
        (" \r\n", None),
        ("A", Query([b"A"])),
        (" A", Query([b"\0A"], exact=False)),
        ("A\t", Query([b"A\0"], exact=False)),
        ("A BC  D", Query([b"A\0", b"\0BC\0", b"\0D"], exact=False)),
        ("%_\\", Query([b"%_\\"])),
        # a blank of Unicode is none here: folding has made it one, or it is a letter
        ("A\u3000B", Query(["A\u3000B".encode()])),
    ],
)
def test_a_needle_is_its_tokens(needle: str, query: Query | None) -> None:
    assert substring(needle) == query


def test_words_of_a_fuzzy_needle_have_no_marks() -> None:
    assert words("KO\u0308LN, (IMAP4)!") == ["KOLN", "IMAP4"]
    assert words("?!") == []


def test_a_long_text_is_marked_as_partly_known() -> None:
    builder = Builder()
    builder.add(Document(5, {b"A"}, ()))
    builder.add(Document(9, (), (), whole=False))
    pack = builder.pack()
    assert (list(pack.uids), list(pack.partial)) == ([5, 9], [9])
    assert list(merge([built(["X"]), pack]).partial) == [9]
    assert list(without(pack, {9}).partial) == []
    assert without(pack, {5}).vocabulary == b"\0"


def test_an_empty_pack_finds_nothing() -> None:
    pack = Builder().pack()
    assert found(pack, b"A") == set()
    assert beginning(pack, "A") == set()
    assert found(merge([pack, pack]), b"A") == set()


def test_small_packs_become_one_and_a_message_is_rewritten_seldom() -> None:
    sizes: list[int] = []  # youngest first
    rewritten = 0
    for _ in range(3 * MOST_MESSAGES):
        taken = absorbed(sizes, 1)
        rewritten += sum(sizes[:taken])
        sizes[:taken] = [1 + sum(sizes[:taken])]
    assert sum(sizes) == 3 * MOST_MESSAGES
    assert max(sizes) <= MOST_MESSAGES
    assert len(sizes) < 3 * 8 + 8
    assert rewritten < 4 * sum(sizes)
    assert absorbed([MOST_MESSAGES], 1) == 0


def test_near_ranges_are_read_together() -> None:
    assert covering([(0, 2), (10, 12), (90_000, 90_002)]) == [(0, 12), (90_000, 90_002)]
    assert covering([]) == []
