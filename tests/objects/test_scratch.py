"""Files for messages that are too large for memory."""

from contextlib import closing
from pathlib import Path

from mailserver.objects import MessageBuffer, Scratch
from tests.support.programs import eventually

LIMIT = 10


def test_a_message_beyond_the_limit_is_in_a_file_without_a_name(tmp_path: Path) -> None:
    with closing(Scratch(tmp_path / "scratch")) as scratch, MessageBuffer(scratch, LIMIT) as buffer:
        for _ in range(5):
            buffer.write(b"0123456789")
        assert buffer.content()[:] == b"0123456789" * 5
        assert buffer.size == 50
        assert list((tmp_path / "scratch").iterdir()) == []


def test_a_small_message_touches_no_file(tmp_path: Path) -> None:
    with closing(Scratch(tmp_path / "scratch")) as scratch, MessageBuffer(scratch, LIMIT) as buffer:
        buffer.write(b"0123456789")
        assert buffer.content() == b"0123456789"
        assert not (tmp_path / "scratch").exists()


def test_nothing_of_a_message_is_left_for_the_next_in_its_file(tmp_path: Path) -> None:
    with closing(Scratch(tmp_path)) as scratch:
        first = scratch.take()
        scratch.give_back(first)
        for letter in (b"x", b"y"):
            eventually(lambda: first in scratch._idle)
            with MessageBuffer(scratch, LIMIT) as buffer:
                buffer.write(letter * 11)
                assert buffer.content()[:] == letter * 11
        eventually(lambda: first in scratch._idle)


def test_files_that_come_back_after_the_end_are_closed(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    idle, used = scratch.take(), scratch.take()
    scratch.give_back(idle)
    scratch.close()
    assert idle.closed
    scratch.give_back(used)
    assert used.closed
