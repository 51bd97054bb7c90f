"""What one process of a node has answered for is known to the others before anything else is."""

from pathlib import Path

from imap.mailboxes.columns import SEEN
from imap.mailboxes.writing import Change, Storing
from mailserver.storage.board import Board, shared_file
from tests.support.store import message, process

ALL = [(1, 2**32 - 1)]


def test_a_mark_is_seen_by_the_processes_of_the_node_only() -> None:
    with shared_file(2) as file:
        one, two = (Board(file.fileno(), slot=slot, processes=2) for slot in range(2))
        alone = Board()
        before = two.version(7), alone.version(7), one.version(8)
        one.mark(7)
        assert two.version(7) != before[0]
        assert two.version(7) == one.version(7)
        assert (alone.version(7), one.version(8)) == before[1:]
        assert one.node == two.node != alone.node


def test_the_own_mark_is_told_from_those_of_others() -> None:
    with shared_file(2) as file:
        one, two = (Board(file.fileno(), slot=slot, processes=2) for slot in range(2))
        known = one.version(-7)
        one.mark(-7)
        assert one.after_mark(known) == one.version(-7)
        two.mark(-7)
        one.mark(-7)
        assert one.after_mark(one.after_mark(known)) != one.version(-7)


def test_counters_begin_anew_after_the_last_number() -> None:
    board = Board()
    for cell in range(len(board._cells)):
        board._cells[cell] = 2**32 - 1
    known = board.version(3)
    board.mark(3)
    assert board.after_mark(known) == board.version(3) != known


def test_a_process_that_takes_the_place_of_another_marks_all() -> None:
    """The one before it may have died between a commit and its mark."""
    with shared_file(2) as file:
        one = Board(file.fileno(), slot=0, processes=2)
        before = [one.version(mailbox_id) for mailbox_id in range(20_000)]
        Board(file.fileno(), slot=1, processes=2)
        assert all(one.version(i) != known for i, known in enumerate(before))


async def test_no_notification_is_needed_between_processes_of_a_node(
    dsn: str, tmp_path: Path
) -> None:
    with shared_file(2) as file:
        boards = [Board(file.fileno(), slot=slot, processes=2) for slot in range(2)]
        async with (
            process(dsn, tmp_path, boards[0]) as one,
            process(dsn, tmp_path, boards[1]) as two,
        ):
            await one.deliver(1, message())
            mine = await one.mailboxes.open((await one.mailbox(1)).id)
            his = await two.mailboxes.open(mine.state.id)
            two.listener._subscribers.clear()  # deaf from here on
            await one.deliver(1, message())
            await his.refresh()
            assert list(his.state.columns.uids) == [1, 2]
            await mine.store(Storing(ALL, Change.ADD, SEEN))
            await his.refresh()
            assert [his.state.columns.flags(index) for index in range(2)] == [SEEN, SEEN]
            # Who wrote knows it already, and both know the same.
            assert mine.state.modseq == his.state.modseq
            assert not mine._behind
