"""Messages made into threads: ORDEREDSUBJECT and REFERENCES of RFC 5256 §3.

Pure; nothing recurses, since threads may be deeper than the stack. Every message is in one place of
one thread, whatever the references say. CPU: a second or so for 100,000 messages, so in a thread.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from mailserver.mail.subject import BaseSubject

# msg-id = "<" id-left "@" id-right ">"; a quoted id-left is compared by what it says.
_MESSAGE_ID = re.compile(rb'<\s*+((?:"(?:[^"\\<>]|\\[^<>])*+"|[^\s<>"])++)\s*+>')
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*+)"')
_PAIR = re.compile(rb"\\(.)")


@dataclass(slots=True)
class Letter:
    """What threading knows of a message. `number` is its name in the result, and decides ties."""

    number: int
    sent: datetime
    subject: BaseSubject  # folded for comparison (RFC 5255 §4.2)
    message_id: bytes | None = None
    references: Sequence[bytes] = ()  # oldest first


@dataclass(slots=True, eq=False)
class Thread:
    """A message and what answers it; `number` None: a message that is not among those threaded."""

    number: int | None
    children: list["Thread"] = field(default_factory=list)
    letter: Letter | None = field(default=None, repr=False)


def message_ids(value: bytes) -> list[bytes]:
    """The valid message ids in a field's body, in order, without brackets and needless quotes."""
    return [_plain(name) for name in _MESSAGE_ID.findall(value) if b"@" in name]


def first_message_id(value: bytes) -> bytes | None:
    """The first of `message_ids`."""
    found = _MESSAGE_ID.search(value)
    while found is not None and b"@" not in found[1]:
        found = _MESSAGE_ID.search(value, found.end())
    return None if found is None else _plain(found[1])


def _plain(name: bytes) -> bytes:
    return _QUOTED.sub(_unquoted, name) if b'"' in name else name


def _unquoted(quoted: re.Match[bytes]) -> bytes:
    return _PAIR.sub(rb"\1", quoted[1])


# ── ORDEREDSUBJECT ───────────────────────────────────────────────────────────────────────────


def ordered_subject(letters: Iterable[Letter]) -> list[Thread]:
    """Threads of one base subject each: the first message, and all others as its children."""
    threads: dict[str, Thread] = {}
    for letter in sorted(letters, key=_when):
        thread = Thread(letter.number, letter=letter)
        first = threads.setdefault(letter.subject.text, thread)
        if first is not thread:
            first.children.append(thread)
    # The first of each thread came in the order of the sent dates, and so do the threads.
    return list(threads.values())


def _when(letter: Letter) -> tuple[datetime, int]:
    # RFC 5256 §2.2: the same date is decided by the number.
    return letter.sent, letter.number


# ── REFERENCES ───────────────────────────────────────────────────────────────────────────────


def by_references(letters: Iterable[Letter]) -> list[Thread]:
    """Threads by References and In-Reply-To, then those of one base subject put together."""
    roots = _pruned(*_linked(sorted(letters, key=lambda letter: letter.number)))
    roots.sort(key=_thread_when)  # step 4; each thread's own siblings are sorted already
    roots = _gathered(roots)
    for root in roots:  # step 6: gathering moves roots, never further down than this
        for child in root.children:
            child.children.sort(key=_thread_when)
        root.children.sort(key=_thread_when)
    roots.sort(key=_thread_when)
    return roots


def _thread_when(thread: Thread) -> tuple[datetime, int]:
    """RFC 5256 §3, step 4: what is missing is sorted as its first child, its children sorted."""
    if thread.letter is not None:
        return _when(thread.letter)
    return min(map(_thread_when, thread.children))


_NOBODY = -1


class _Links:
    """Who answers whom: a parent for each id, and never a loop."""

    def __init__(self) -> None:
        self.parents: list[int] = []
        self.children: list[int] = []  # how many
        self._places: dict[bytes, int] = {}

    def place(self, message_id: bytes) -> int:
        found = self._places.get(message_id)
        if found is None:
            found = self._places[message_id] = self.add()
        return found

    def add(self) -> int:
        """A place that no id leads to."""
        self.parents.append(_NOBODY)
        self.children.append(0)
        return len(self.parents) - 1

    def link(self, parent: int, child: int) -> None:
        """Make `parent` the parent, unless that is a loop."""
        if self._is_above(child, parent):
            return
        self.parents[child] = parent
        self.children[parent] += 1

    def unlink(self, child: int) -> None:
        if self.parents[child] != _NOBODY:
            self.children[self.parents[child]] -= 1
            self.parents[child] = _NOBODY

    def _is_above(self, one: int, other: int) -> bool:
        """True if `one` is `other` or an ancestor of it."""
        if one == other:
            return True
        if not self.children[one]:
            return False  # most: what was just made is above nothing
        while other != _NOBODY:
            if other == one:
                return True
            other = self.parents[other]
        return False


def _linked(letters: Sequence[Letter]) -> tuple[list[int], dict[int, Letter]]:
    """Step 1: (the parent of each place, the letters that are there by place)."""
    links = _Links()
    here: dict[int, Letter] = {}
    for letter in letters:
        place = _NOBODY if letter.message_id is None else links.place(letter.message_id)
        if place == _NOBODY or place in here:
            # RFC 5256 §3: without an id of its own it is nobody's reference.
            place = links.add()
        here[place] = letter
    for place, letter in here.items():
        last = _NOBODY
        for reference in map(links.place, letter.references):
            # step 1 A: a link that is there already stays.
            if last != _NOBODY and links.parents[reference] == _NOBODY:
                links.link(last, reference)
            last = reference
        # step 1 B: what this message says of its own parent counts more than what others said.
        links.unlink(place)
        if last != _NOBODY:
            links.link(last, place)
    return links.parents, here


def _pruned(parents: Sequence[int], here: dict[int, Letter]) -> list[Thread]:
    """Steps 2 and 3: the roots, without missing messages but as roots of several children."""
    below: dict[int, list[int]] = {}
    for place, parent in enumerate(parents):
        below.setdefault(parent, []).append(place)
    order = below.get(_NOBODY, []).copy()
    for place in order:  # grows while it is walked: parents before children
        order += below.get(place, ())
    kept: dict[int, list[Thread]] = {}  # what stands for a place under its parent
    roots: list[Thread] = []
    for place in reversed(order):
        children = [thread for child in below.get(place, ()) for thread in kept.pop(child)]
        children.sort(key=_thread_when)
        letter = here.get(place)
        if letter is not None:
            kept[place] = [Thread(letter.number, children, letter)]
        elif parents[place] == _NOBODY and len(children) > 1:
            kept[place] = [Thread(None, children)]
        else:
            kept[place] = children
    for place in below.get(_NOBODY, ()):
        roots += kept[place]
    return roots


def _gathered(roots: Sequence[Thread]) -> list[Thread]:
    """Step 5: roots of the same base subject become one thread."""
    table: dict[str, Thread] = {}
    for root in roots:
        subject = _subject(root)
        known = table.setdefault(subject.text, root)
        # 5 B: a missing message first, then one that is no reply.
        if known.number is not None and (
            root.number is None or (_subject(known).is_reply and not subject.is_reply)
        ):
            table[subject.text] = root
    left: dict[Thread, None] = dict.fromkeys(roots)
    for root in roots:
        subject = _subject(root)
        known = table[subject.text]
        if not subject.text or known is root:
            continue
        del left[root]
        if known.number is None:
            known.children += [root] if root.number is not None else root.children
        elif subject.is_reply and not _subject(known).is_reply:
            known.children.append(root)
        else:
            del left[known]
            both = table[subject.text] = Thread(None, [known, root])
            left[both] = None
    return list(left)


def _subject(root: Thread) -> BaseSubject:
    """RFC 5256 §3, step 5 B: the subject of a missing message is that of its first child."""
    letter = root.letter or root.children[0].letter
    assert letter is not None
    return letter.subject
