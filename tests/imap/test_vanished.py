"""Which UIDs a client is told to forget."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from imap.mailboxes.named import Span, paged
from imap.mailboxes.state import MailboxState
from imap.mailboxes.vanished import common, matched_uid, vanished_earlier, without
from imap.mailboxes.view import View
from imap.protocol.partial import Partial
from imap.protocol.sequence import SequenceSet, runs
from mailserver.storage.events import Event, Kind, State


def opened(uids: Iterable[int], uid_next: int) -> MailboxState:
    state = MailboxState(State(1, 1, 1, uid_next, 1, 1, 1, []))
    state.load((uid, 100 + uid, 0, 1) for uid in uids)
    return state


def numbers(text: bytes) -> SequenceSet:
    return SequenceSet.parse(text)


def spans(uids: Iterable[int]) -> list[Span]:
    return runs(sorted(uids))


def each(found: Iterable[Span]) -> set[int]:
    return {uid for low, high in found for uid in range(low, high + 1)}


UIDS = st.sets(st.integers(1, 60))


@given(UIDS, UIDS)
def test_sets_of_ranges(left: set[int], right: set[int]) -> None:
    assert each(common(spans(left), spans(right))) == left & right
    assert each(without(spans(left), sorted(right), len(right))) == left - right
    some = sorted(right)[: len(right) // 2]
    assert each(without(spans(left), sorted(right), len(some))) == left - set(some)


@given(UIDS, UIDS, UIDS, st.booleans())
def test_what_exists_is_never_told_and_what_was_expunged_always(
    existing: set[int], wanted: set[int], expunged: set[int], forgotten: bool
) -> None:
    state = opened(sorted(existing), 50)
    view = View(state, read_only=False)
    told = each(vanished_earlier(view, spans(wanted), None if forgotten else spans(expunged)))
    gone = wanted if forgotten else wanted & expunged
    assert told == {uid for uid in gone - existing if uid < 50}


def test_what_the_client_still_sees_and_what_it_does_not_see_yet_are_not_told() -> None:
    state = opened([1, 2, 3], 4)
    view = View(state, read_only=False)
    state.apply(Event(2, Kind.EXPUNGE, [2, 2]))
    state.apply(Event(3, Kind.APPEND, [4, 4]), [(4, 104, 0, 3)])
    assert vanished_earlier(view, [(1, 100)], None) == []
    view.sync(expunge=True)
    assert vanished_earlier(view, [(1, 100)], None) == [(2, 2)]


def test_a_number_that_still_has_its_uid_says_that_nothing_went_before() -> None:
    # RFC 7162 §3.2.5.2: the fourth message has UID 8; the twelfth has UID 25, not 24.
    state = opened([1, 3, 5, 8, 9, 10, 11, 12, 20, 21, 22, 25], 30)
    view = View(state, read_only=False)
    assert matched_uid(view, (numbers(b"4,12"), numbers(b"8,24"))) == 8
    assert matched_uid(view, (numbers(b"4"), numbers(b"9"))) == 0
    assert matched_uid(view, (numbers(b"99"), numbers(b"99"))) == 0
    assert matched_uid(view, None) == 0


def test_message_numbers_of_the_rfc_match() -> None:
    # RFC 7162 §3.2.5.2: only UIDs divisible by three are there.
    view = View(opened(range(3, 30012, 3), 30013), read_only=False)
    uids = SequenceSet.of((u, u) for u in (15000, 22500, 27000, *range(29970, 29998, 3)))
    assert matched_uid(view, (numbers(b"5000,7500,9000,9990:9999"), uids)) == 29997


@given(UIDS, UIDS)
def test_matches_are_found_as_by_looking_at_each(known: set[int], existing: set[int]) -> None:
    known.add(1)
    view = View(opened(sorted(existing), 61), read_only=False)
    pairs = list(enumerate(sorted(known), 1))
    expected = max(
        (uid for number, uid in pairs if number <= view.count and view.uid(number) == uid),
        default=0,
    )
    sets = SequenceSet(((1, len(known)),)), SequenceSet.of((uid, uid) for uid in known)
    assert matched_uid(view, sets) == expected


def test_a_large_set_of_matches_costs_nothing() -> None:
    view = View(opened(range(1, 11), 11), read_only=False)
    everything = SequenceSet(((1, 2**32 - 1),))
    assert matched_uid(view, (everything, everything)) == 10


@given(UIDS, st.integers(1, 20), st.integers(0, 20), st.booleans())
def test_pages_of_messages(chosen: set[int], first: int, more: int, backwards: bool) -> None:
    last = first + more
    ordered = sorted(chosen)
    if backwards:
        expected = set(ordered[::-1][first - 1 : last])
        assert each(paged(spans(chosen), Partial(-first, -last))) == expected
    else:
        assert each(paged(spans(chosen), Partial(first, last))) == set(ordered[first - 1 : last])
