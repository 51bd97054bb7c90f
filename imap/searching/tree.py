"""A search as a tree of tests that answer yes, no or not yet known, the cheapest first.

Pure. A test belongs to a stage, which says what it has to know: the columns of the mailbox, a
message's row, its header, its text. Truth has three values (Kleene): what an early stage decides
is never looked at again, and a body is read only for messages that nothing else could decide.

Sets of messages are integers with one byte, 0 or 1, for each place: `&` and `|` take all at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import compress
from typing import Protocol

from mailserver.mail.text import Stretch
from mailserver.storage.messages import MessageRow


class Stage(IntEnum):
    """What a test has to know, by cost."""

    COLUMNS = 0
    ROW = 1
    HEADER = 2
    BODY = 3


@dataclass(slots=True)
class Facts:
    """What is known of one message; None: not read yet."""

    place: int  # in the columns
    row: MessageRow
    header: bytes | None = None  # as served
    content: list[tuple[Stretch, bytes]] | None = None  # what is text, as it stands
    texts: dict[int, str] = field(default_factory=dict)  # of `content` by place, once asked for


class Test(Protocol):
    """Any of the tests below."""

    stages: frozenset[Stage]

    def bounds(self, every: int) -> tuple[int, int]:
        """(messages that surely match, messages that may match) by the columns alone."""

    def answer(self, facts: Facts) -> bool | None:
        """Whether a message matches; None: that needs facts which are not there."""


class Marked:
    """A test that the columns answer: 0 or 1 for each place."""

    __slots__ = ("marks", "stages")

    def __init__(self, marks: bytes | bytearray) -> None:
        self.marks = marks
        self.stages = frozenset((Stage.COLUMNS,))

    def bounds(self, every: int) -> tuple[int, int]:
        found = int.from_bytes(self.marks, "little")
        return found, found

    def answer(self, facts: Facts) -> bool | None:
        return self.marks[facts.place] == 1


class Asked:
    """A test that is a function of a message's facts; `stages`: when it may be able to tell."""

    __slots__ = ("answer", "stages")

    def __init__(self, answer: Callable[[Facts], bool | None], *stages: Stage) -> None:
        self.answer = answer
        self.stages = frozenset(stages)

    def bounds(self, every: int) -> tuple[int, int]:
        return 0, every


class Bounded:
    """A test that an index answers for most messages, and `asked` for those it leaves open."""

    __slots__ = ("_asked", "_perhaps", "_surely", "stages")

    def __init__(self, surely: bytes, perhaps: bytes, asked: Asked) -> None:
        self._surely, self._perhaps, self._asked = surely, perhaps, asked
        self.stages = asked.stages

    def bounds(self, every: int) -> tuple[int, int]:
        return int.from_bytes(self._surely, "little"), int.from_bytes(self._perhaps, "little")

    def answer(self, facts: Facts) -> bool | None:
        if self._surely[facts.place]:
            return True
        return self._asked.answer(facts) if self._perhaps[facts.place] else False


class Inverted:
    """NOT"""

    __slots__ = ("stages", "test")

    def __init__(self, test: Test) -> None:
        self.test = test
        self.stages = test.stages

    def bounds(self, every: int) -> tuple[int, int]:
        surely, perhaps = self.test.bounds(every)
        return every ^ perhaps, every ^ surely

    def answer(self, facts: Facts) -> bool | None:
        found = self.test.answer(facts)
        return None if found is None else not found


class Joined:
    """All of the tests (AND), or with `either` one of them (OR)."""

    __slots__ = ("either", "stages", "tests")

    def __init__(self, tests: Sequence[Test], *, either: bool = False) -> None:
        self.tests = sorted(tests, key=lambda test: max(test.stages))
        self.either = either
        self.stages = frozenset().union(*(test.stages for test in tests))

    def bounds(self, every: int) -> tuple[int, int]:
        surely, perhaps = (0, 0) if self.either else (every, every)
        for test in self.tests:
            low, high = test.bounds(every)
            if self.either:
                surely, perhaps = surely | low, perhaps | high
            else:
                surely, perhaps = surely & low, perhaps & high
        return surely, perhaps

    def answer(self, facts: Facts) -> bool | None:
        known = True
        for test in self.tests:
            found = test.answer(facts)
            if found is self.either:
                return found
            known = known and found is not None
        return not self.either if known else None


def divide(test: Test, count: int) -> tuple[list[int], list[int]]:
    """(places that match, places left undecided) of `count` messages, by their columns."""
    every = int.from_bytes(b"\1" * count, "little")
    surely, perhaps = test.bounds(every)
    return _places(surely, count), _places(perhaps & ~surely, count)


def _places(marked: int, count: int) -> list[int]:
    return list(compress(range(count), marked.to_bytes(count, "little")))
