"""What a strict IMAP client believes of its selected mailbox, and what it takes for an error.

It is fed every untagged line, with the command that is being answered, and keeps nothing else.
"""

import re
from dataclasses import dataclass, field

_NUMBERED = re.compile(rb"\* (\d+) (EXISTS|RECENT|EXPUNGE|FETCH)\b ?(.*)", re.DOTALL)
_LITERAL = re.compile(rb"\{(\d+)\}\r\n")
_UID = re.compile(rb"\bUID (\d+)")
_FLAGS = re.compile(rb"\bFLAGS \(([^)]*)\)")
_VALIDITY = re.compile(rb"\* OK \[UIDVALIDITY (\d+)\]")
_OTHER = re.compile(rb"\* (?:OK|NO|FLAGS|LIST|STATUS|CAPABILITY|SEARCH|ESEARCH)\b")
_RECENT = b"\\Recent"

# RFC 3501 §7.4.1: no EXPUNGE while these are answered, nor while no command is.
_FIXED = frozenset({b"FETCH", b"STORE", b"SEARCH", b""})


@dataclass(slots=True)
class Picture:
    """A message for each sequence number, as far as it was told."""

    rev2: bool = False  # RFC 9051 is enabled
    uid_validity: bytes = b""
    uids: list[int | None] = field(default_factory=list)
    flags: list[frozenset[bytes] | None] = field(default_factory=list)
    expunged: int = 0  # how many EXPUNGEs were told

    @property
    def exists(self) -> int:
        return len(self.uids)

    def hear(self, verb: bytes, line: bytes) -> None:
        """Take an untagged line. `verb`: of the running command, "UID X" for its UID form."""
        numbered = _NUMBERED.match(line)
        if numbered is None:
            assert _OTHER.match(line), line
            if validity := _VALIDITY.match(line):
                assert self.uid_validity in (b"", validity[1]), line
                self.uid_validity = validity[1]
            if line.startswith(b"* SEARCH"):
                assert not self.rev2, line
                self._searched(verb, list(map(int, line.split()[2:])))
            return
        number, what = int(numbered[1]), numbered[2]
        if what == b"EXISTS":
            # RFC 3501 §7.3.1: it grows by EXISTS, and shrinks by EXPUNGE only.
            assert number >= self.exists, (verb, line, self.exists)
            new = number - self.exists
            self.uids += [None] * new
            self.flags += [None] * new
        elif what == b"RECENT":
            assert number <= self.exists, (verb, line, self.exists)
            assert not self.rev2, line
        else:
            assert 1 <= number <= self.exists, (verb, line, self.exists)
            if what == b"FETCH":
                self._fetched(number - 1, verb, numbered[3])
            else:
                assert verb not in _FIXED, (verb, line)
                del self.uids[number - 1], self.flags[number - 1]
                self.expunged += 1

    def _fetched(self, place: int, verb: bytes, items: bytes) -> None:
        items = _without_literals(items)
        uid, flags = _UID.search(items), _FLAGS.search(items)
        if self.rev2 or verb.startswith(b"UID "):
            assert uid is not None, (verb, items)  # RFC 3501 §6.4.8, RFC 9051 §7.5.2
        assert not (self.rev2 and flags and _RECENT in flags[1]), (verb, items)
        if uid is not None:
            self._is(place, int(uid[1]), verb)
        if flags is not None:
            self.flags[place] = frozenset(flags[1].split()) - {_RECENT}

    def _is(self, place: int, uid: int, verb: bytes) -> None:
        """The message at a place has this UID, now and for ever; they ascend."""
        assert self.uids[place] in (None, uid), (verb, place, self.uids[place], uid)
        before = next((u for u in reversed(self.uids[:place]) if u is not None), 0)
        after = next((u for u in self.uids[place + 1 :] if u is not None), uid + 1)
        assert before < uid < after, (verb, place, before, uid, after)
        self.uids[place] = uid

    def _searched(self, verb: bytes, found: list[int]) -> None:
        assert len(found) == len(set(found)), found
        if verb == b"SEARCH":
            assert all(1 <= number <= self.exists for number in found), (found, self.exists)
        elif None not in self.uids:
            assert set(found) <= set(self.uids), (found, self.uids)

    def will_store(self, places: range, mode: str, flags: frozenset[bytes]) -> None:
        """RFC 3501 §6.4.6: what .SILENT changes is not told; to be called before it is sent."""
        for place in places:
            old = self.flags[place]
            if mode == "":
                self.flags[place] = flags
            elif old is not None:
                self.flags[place] = old | flags if mode == "+" else old - flags


def _without_literals(items: bytes) -> bytes:
    """Responses without what messages hold."""
    kept = b""
    while announced := _LITERAL.search(items):
        kept += items[: announced.start()]
        items = items[announced.end() + int(announced[1]) :]
    return kept + items
