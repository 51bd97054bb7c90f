"""A session's picture stays consistent, whatever other sessions do."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from imap.mailboxes.columns import SEEN, Columns
from imap.mailboxes.state import MailboxState
from imap.mailboxes.view import Updates, View
from mailserver.storage.events import Event, Kind, State


def opened(messages: int = 0) -> MailboxState:
    state = MailboxState(
        State(
            id=1,
            account_id=1,
            uid_validity=1,
            uid_next=messages + 1,
            first_recent_uid=1,
            highest_modseq=1,
            folded_modseq=1,
            keywords=["$Forwarded"],
        )
    )
    state.load((uid, 100 + uid, 0, 1) for uid in range(1, messages + 1))
    return state


def append(state: MailboxState, count: int = 1) -> None:
    first, last = state.uid_next, state.uid_next + count - 1
    event = Event(state.modseq + 1, Kind.APPEND, [first, last])
    state.apply(event, [(uid, 100 + uid, 0, event.modseq) for uid in range(first, last + 1)])


def expunge(state: MailboxState, uid: int) -> None:
    state.apply(Event(state.modseq + 1, Kind.EXPUNGE, [uid, uid]))


def flag(state: MailboxState, uid: int, mask: int = SEEN) -> int:
    state.apply(Event(state.modseq + 1, Kind.FLAGS, [uid, uid], mask))
    return state.modseq


def test_expunge_is_told_from_the_last_to_the_first() -> None:
    state = opened(5)
    view = View(state, read_only=False)
    expunge(state, 2)
    expunge(state, 4)
    assert view.sync(expunge=True) == Updates(expunged=[4, 2], vanished=[2, 4])
    assert [view.uid(n) for n in range(1, view.count + 1)] == [1, 3, 5]


def test_expunge_waits_while_it_may_not_be_told() -> None:
    state = opened(3)
    view = View(state, read_only=False)
    expunge(state, 2)
    append(state)
    assert view.sync(expunge=False) == Updates(exists=4, recent=1)
    assert [view.uid(n) for n in range(1, 5)] == [1, 2, 3, 4]
    entry = view.entry(2)
    assert entry is not None
    assert entry.uid == 2
    assert view.sync(expunge=True) == Updates(expunged=[2], vanished=[2])


def test_a_message_that_came_and_went_is_never_told() -> None:
    state = opened(1)
    view = View(state, read_only=False)
    append(state, 2)
    expunge(state, 2)
    assert view.sync(expunge=False) == Updates(exists=2, recent=1)
    assert view.uid(2) == 3


def test_a_flag_change_the_session_made_is_not_told_again() -> None:
    state = opened(2)
    view, other = View(state, read_only=False), View(state, read_only=False)
    view.told(flag(state, 1))
    flag(state, 2)
    assert view.sync(expunge=True).flags == [2]
    assert other.sync(expunge=True).flags == [1, 2]


def test_flags_of_an_untold_expunged_message_can_still_be_read() -> None:
    state = opened(2)
    view = View(state, read_only=False)
    flag(state, 1, SEEN | 1 << 5)
    expunge(state, 1)
    entry = view.entry(1)
    assert entry is not None
    assert entry.flags == SEEN | 1 << 5


def test_ghosts_stay_until_every_view_has_let_go() -> None:
    state = opened(2)
    view = View(state, read_only=False)
    expunge(state, 1)
    view.sync(expunge=False)
    state.forget([view.position], settled=view.settled)
    assert view.entry(1) is not None
    view.sync(expunge=True)
    state.forget([view.position], settled=view.settled)
    assert state.ghosts == {}


def test_only_the_first_session_told_of_a_message_sees_it_recent() -> None:
    state = opened(0)
    state.recent_from = 1
    first, second = View(state, read_only=False), View(state, read_only=False)
    append(state, 2)
    assert first.sync(expunge=True) == Updates(exists=2, recent=2)
    assert second.sync(expunge=True) == Updates(exists=2, recent=0)


def test_keywords_and_system_flags_change_in_bulk() -> None:
    columns = Columns()
    columns.append((uid, uid, 0, 1) for uid in range(1, 101))
    columns.change(10, 20, SEEN | 1 << 7, 0, 5)
    assert [columns.flags(i) for i in (9, 10, 19, 20)] == [0, SEEN | 1 << 7, SEEN | 1 << 7, 0]
    assert list(columns.would_change(0, 100, SEEN, 0)) == [(0, 10), (20, 100)]
    assert list(columns.would_change(0, 100, 1 << 7, 0)) == [(0, 10), (20, 100)]
    assert list(columns.would_change(0, 100, 0, 1 << 7)) == [(10, 20)]
    columns.change(0, 100, 0, 1 << 7, 6)
    assert columns.flags(15) == SEEN
    assert columns.count_without(SEEN, 0, 100) == 90


@dataclass
class Client:
    """A client that believes what it is told and keeps nothing else."""

    view: View
    uids: list[int] = field(default_factory=list)
    flags: dict[int, int] = field(default_factory=dict)

    def hear(self, *, expunge: bool) -> None:
        updates = self.view.sync(expunge=expunge)
        assert expunge or not updates.expunged
        for number in updates.expunged:
            del self.uids[number - 1]
        if updates.exists is not None:
            new = range(len(self.uids) + 1, updates.exists + 1)
            self.uids += [self.view.uid(number) for number in new]
            for number in new:
                self.fetch(number)
        for number in updates.flags:
            self.fetch(number)

    def fetch(self, number: int) -> None:
        entry = self.view.entry(number)
        assert entry is not None
        assert entry.uid == self.uids[number - 1]
        self.flags[entry.uid] = entry.flags


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 3)),
        st.tuples(st.just("expunge"), st.integers(0, 20)),
        st.tuples(st.just("flag"), st.integers(0, 20)),
        st.tuples(st.just("quiet"), st.integers(0, 2)),
        st.tuples(st.just("told"), st.integers(0, 2)),
    ),
    max_size=40,
)


@given(STEPS)
@settings(max_examples=300, deadline=None)
def test_every_session_ends_with_the_picture_of_the_mailbox(steps: list[tuple[str, int]]) -> None:
    state = opened(4)
    clients = [Client(View(state, read_only=False)) for _ in range(3)]
    for client in clients:
        client.uids = list(state.columns.uids)
        client.flags = dict.fromkeys(client.uids, 0)
    for what, value in steps:
        uids = state.columns.uids
        if what == "append":
            append(state, value)
        elif what == "expunge" and uids:
            expunge(state, uids[value % len(uids)])
        elif what == "flag" and uids:
            flag(state, uids[value % len(uids)], 1 << value % 7)
        elif what in ("quiet", "told"):
            clients[value].hear(expunge=what == "told")
        state.forget(
            [c.view.position for c in clients], settled=all(c.view.settled for c in clients)
        )
    for client in clients:
        client.hear(expunge=True)
        assert client.uids == list(state.columns.uids)
        for index, uid in enumerate(state.columns.uids):
            assert client.flags[uid] == state.columns.flags(index)


def test_what_waits_to_be_told_holds_the_modseq_back() -> None:
    state = opened(3)
    view = View(state, read_only=False)
    assert view.modseq == 1
    flag(state, 1)
    view.sync(expunge=False)
    assert (view.modseq, view.withholds) == (2, False)
    expunge(state, 2)
    flag(state, 3)
    expunge(state, 1)
    view.sync(expunge=False)
    # RFC 7162 §3.2: the expunge has modseq 3, and what came later was told
    assert (view.modseq, view.withholds) == (2, True)
    append(state)
    view.sync(expunge=False)
    assert (view.modseq, view.withholds) == (2, True)
    view.sync(expunge=True)
    assert (view.modseq, view.withholds) == (6, False)


def test_columns_are_divided_by_modseq() -> None:
    columns = Columns()
    columns.append((uid, uid, 0, uid % 3) for uid in range(1, 8))  # modseqs 1 2 0 1 2 0 1
    assert list(columns.changed_since(0, 7, 0)) == [(0, 2), (3, 5), (6, 7)]
    assert list(columns.unchanged_since(0, 7, 0)) == [(2, 3), (5, 6)]
    assert list(columns.unchanged_since(1, 5, 1)) == [(2, 4)]
    assert list(columns.changed_since(0, 7, 2)) == []
    assert list(columns.unchanged_since(0, 7, 2)) == [(0, 7)]
    assert list(columns.changed_since(0, 7, 2**63 - 1)) == []
