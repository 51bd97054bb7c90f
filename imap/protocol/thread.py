"""THREAD (RFC 5256 §3): the command and its response."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from imap.protocol.search import Search, parse_criteria
from imap.protocol.tokens import Cursor
from mailserver.mail.threads import Thread


class Algorithm(enum.Enum):
    """How threads are made; the value is its name on the wire."""

    ORDEREDSUBJECT = b"ORDEREDSUBJECT"
    REFERENCES = b"REFERENCES"


@dataclass(slots=True)
class Threading:
    """THREAD, or UID THREAD."""

    algorithm: Algorithm
    search: Search

    @property
    def by_uid(self) -> bool:
        return self.search.by_uid


_ALGORITHMS = {algorithm.value: algorithm for algorithm in Algorithm}


# thread = ["UID" SP] "THREAD" SP thread-alg SP search-criteria
def parse_thread(cursor: Cursor, by_uid: bool) -> Threading:
    cursor.space()
    start = cursor.position
    algorithm = _ALGORITHMS.get(cursor.atom().upper())
    if algorithm is None:
        raise cursor.fail("unknown threading algorithm", start)
    cursor.space()
    return Threading(algorithm, parse_criteria(cursor, by_uid))


# thread-data = "THREAD" [SP 1*thread-list]
# thread-list = "(" (thread-members / thread-nested) ")"
# thread-members = nz-number *(SP nz-number) [SP thread-nested]
# thread-nested = 2*thread-list
def encode_thread(threads: Iterable[Thread]) -> bytes:
    """`* THREAD (2)(3 6 (4 23)(44 7 96))`; threads of any depth."""
    out: list[bytes] = []
    # What is still to be written, the next on top: threads may be deeper than Python's stack.
    pending: list[Thread | bytes] = []
    for thread in threads:
        pending += (b")", thread, b"(")
        while pending:
            one = pending.pop()
            if isinstance(one, bytes):
                out.append(one)
                continue
            if one.number is not None:
                out.append(b"%d" % one.number)
            if one.number is not None and one.children:
                out.append(b" ")
            if len(one.children) == 1:
                pending.append(one.children[0])
                continue
            for child in reversed(one.children):
                pending += (b")", child, b"(")
    lists = b"".join(out)
    return b"* THREAD %b\r\n" % lists if lists else b"* THREAD\r\n"
