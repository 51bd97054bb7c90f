"""What a client of QRESYNC remembers of a mailbox, kept as RFC 7162 §6 tells it to."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from imap.protocol.sequence import SequenceSet, compact

_CODE = re.compile(rb"\[(UIDVALIDITY|HIGHESTMODSEQ) (\d+)\]")
_VANISHED = re.compile(rb"\* VANISHED (?:\(EARLIER\) )?([0-9:,]+)\Z")
_FLAGS = re.compile(rb"FLAGS \(([^)]*)\)")
_UID = re.compile(rb"[( ]UID (\d+)")
_MODSEQ = re.compile(rb"MODSEQ \((\d+)\)")


@dataclass
class Memory:
    """UIDs with their flags; `following`: up to here the client has asked for new messages."""

    uid_validity: int = 0
    modseq: int = 0
    following: int = 1
    flags: dict[int, frozenset[bytes]] = field(default_factory=dict)

    def copy(self) -> "Memory":
        return replace(self, flags=dict(self.flags))

    def hear(self, lines: Iterable[bytes], tagged: bytes = b"") -> None:
        """Take the answer to one command, which is not about new messages."""
        told = seen = 0
        for line in (*lines, tagged):
            if code := _CODE.search(line):
                if code[1] == b"UIDVALIDITY":
                    self.uid_validity = int(code[2])
                else:
                    told = int(code[2])
            elif gone := _VANISHED.match(line):
                for uid in each(gone[1]):
                    self.flags.pop(uid, None)
            elif b" FETCH (" in line:
                seen = max(seen, self._fetched(line))
        # RFC 7162 §6: HIGHESTMODSEQ counts, also if greater modseqs were seen.
        self.modseq = told or max(self.modseq, seen)

    def discover(self, lines: Iterable[bytes]) -> None:
        """Take the answer to `UID FETCH {following}:* (FLAGS)`."""
        for line in lines:
            uid, flags = _UID.search(line), _FLAGS.search(line)
            if b" FETCH (" in line and uid and flags and int(uid[1]) >= self.following:
                self.flags[int(uid[1])] = _named(flags[1])
        self.following = max([self.following, *(uid + 1 for uid in self.flags)])

    @property
    def parameter(self) -> str:
        """QRESYNC (…) for SELECT, with the known UIDs if there are any."""
        known = compact(sorted(self.flags)).decode()
        return f"(QRESYNC ({self.uid_validity} {self.modseq}{' ' if known else ''}{known}))"

    def _fetched(self, line: bytes) -> int:
        uid, flags, modseq = _UID.search(line), _FLAGS.search(line), _MODSEQ.search(line)
        if uid and flags and int(uid[1]) in self.flags:
            self.flags[int(uid[1])] = _named(flags[1])
        return int(modseq[1]) if modseq else 0


def _named(flags: bytes) -> frozenset[bytes]:
    return frozenset(flags.split()) - {b"\\Recent"}


def each(uids: bytes) -> Iterable[int]:
    """The UIDs of a set."""
    return SequenceSet.parse(uids).numbers(2**32 - 1)
