"""Modification sequences (RFC 7162): what SELECT, FETCH and STORE say of them, and VANISHED.

The item MODSEQ of FETCH, the key MODSEQ of SEARCH and HIGHESTMODSEQ of STATUS stand with their
commands.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from imap.protocol.partial import Partial, parse_partial
from imap.protocol.sequence import STAR, SequenceSet
from imap.protocol.tokens import Cursor

_RUNS_AT_ONCE = 400  # of UIDs in one VANISHED, about 8 KB


@dataclass(slots=True)
class Resync:
    """QRESYNC (…) of SELECT (§3.2.5): what a client remembers of the mailbox.

    `known`: the UIDs it wants to hear of, None for all. `matches`: message numbers and the UIDs
    they had, as many of these as of those.
    """

    uid_validity: int
    modseq: int
    known: SequenceSet | None = None
    matches: tuple[SequenceSet, SequenceSet] | None = None


@dataclass(slots=True)
class SelectParameters:
    """The parameters of SELECT and EXAMINE."""

    condstore: bool = False
    resync: Resync | None = None


@dataclass(slots=True)
class FetchModifiers:
    """The modifiers of FETCH; `changed_since` None: messages are not chosen by their modseq.

    `vanished`: what was expunged since then is told too (§3.2.6). `partial`: which of the messages
    (RFC 9394 §3.3).
    """

    changed_since: int | None = None
    vanished: bool = False
    partial: Partial | None = None


# select-params = SP "(" select-param *(SP select-param) ")" (RFC 4466 §2.1)
# select-param =/ "CONDSTORE" / "QRESYNC" SP "(" uidvalidity SP mod-sequence-value
#                 [SP known-uids] [SP seq-match-data] ")"
def parse_select_parameters(cursor: Cursor) -> SelectParameters:
    """The parameters, if there are any."""
    parameters = SelectParameters()

    def parse(word: bytes) -> bool:
        if word == b"CONDSTORE":
            parameters.condstore = True
        elif word == b"QRESYNC":
            cursor.space()
            parameters.resync = _parse_resync(cursor)
        else:
            return False
        return True

    _parse_list(cursor, parse, "unknown parameter")
    return parameters


# fetch-modifiers = SP "(" fetch-modifier *(SP fetch-modifier) ")" (RFC 4466 §2.4)
# fetch-modifier =/ "CHANGEDSINCE" SP mod-sequence-value / "VANISHED" / "PARTIAL" SP partial-range
def parse_fetch_modifiers(cursor: Cursor, by_uid: bool) -> FetchModifiers:
    """The modifiers, if there are any."""
    modifiers = FetchModifiers()
    start = cursor.position

    def parse(word: bytes) -> bool:
        if word == b"CHANGEDSINCE":
            cursor.space()
            modifiers.changed_since = parse_modseq(cursor)
        elif word == b"VANISHED":
            modifiers.vanished = True
        elif word == b"PARTIAL":
            cursor.space()
            modifiers.partial = parse_partial(cursor)
        else:
            return False
        return True

    _parse_list(cursor, parse, "unknown modifier")
    if not by_uid and (modifiers.vanished or modifiers.partial):
        # RFC 7162 §3.2.6, RFC 9394 §3.3: modifiers of UID FETCH alone
        raise cursor.fail("this modifier is for UID FETCH", start)
    if modifiers.vanished and modifiers.changed_since is None:
        raise cursor.fail("VANISHED goes with CHANGEDSINCE", start)
    return modifiers


# store-modifiers = SP "(" store-modifier *(SP store-modifier) ")" (RFC 4466 §2.5)
# store-modifier =/ "UNCHANGEDSINCE" SP mod-sequence-valzer
def parse_unchanged_since(cursor: Cursor) -> int:
    """The modifiers of STORE, in their parentheses."""
    found: list[int] = []

    def parse(word: bytes) -> bool:
        if word != b"UNCHANGEDSINCE":
            return False
        cursor.space()
        found.append(cursor.number64())
        return True

    _parse_words(cursor, parse, "unknown modifier")
    return found[0]


# mod-sequence-value = 1*DIGIT, 63 bits and not zero
def parse_modseq(cursor: Cursor) -> int:
    start = cursor.position
    value = cursor.number64()
    if value == 0:
        raise cursor.fail("expected a number above 0", start)
    return value


def _parse_resync(cursor: Cursor) -> Resync:
    cursor.expect(b"(")
    start = cursor.position
    uid_validity = parse_modseq(cursor)
    if uid_validity >= STAR:
        raise cursor.fail("UIDVALIDITY has 32 bits", start)
    cursor.space()
    resync = Resync(uid_validity, parse_modseq(cursor))
    if cursor.more() and not cursor.at(b"("):
        resync.known = _parse_known(cursor)
        cursor.spaces()
    if cursor.at(b"("):
        resync.matches = _parse_matches(cursor)
    cursor.spaces()
    cursor.expect(b")")
    return resync


# seq-match-data = "(" known-sequence-set SP known-uid-set ")"
def _parse_matches(cursor: Cursor) -> tuple[SequenceSet, SequenceSet]:
    start = cursor.position
    sets = cursor.items(lambda: _parse_known(cursor))
    if len(sets) != 2 or _size(sets[0]) != _size(sets[1]):
        raise cursor.fail("expected as many UIDs as message numbers", start)
    return sets[0], sets[1]


# known-uids = sequence-set, in which "*" is not allowed
def _parse_known(cursor: Cursor) -> SequenceSet:
    start = cursor.position
    known = cursor.sequence_set()
    if known.ranges[-1][1] == STAR:
        raise cursor.fail("* is not allowed here", start)
    return known


def _size(numbers: SequenceSet) -> int:
    return sum(high - low + 1 for low, high in numbers.ranges)


def _parse_list(cursor: Cursor, parse: Callable[[bytes], bool], unknown: str) -> None:
    """SP "(" … ")", if it is there."""
    start = cursor.position
    if cursor.more() and cursor.at(b"("):
        _parse_words(cursor, parse, unknown)
    else:
        cursor.position = start


def _parse_words(cursor: Cursor, parse: Callable[[bytes], bool], unknown: str) -> None:
    """A parenthesis of words, each of which `parse` takes with its value, and no word twice."""
    seen: set[bytes] = set()

    def item() -> None:
        start = cursor.position
        word = cursor.word()
        if word in seen:
            raise cursor.fail("given twice", start)
        seen.add(word)
        if not parse(word):
            raise cursor.fail(unknown, start)

    cursor.items(item)


# resp-text-code =/ "HIGHESTMODSEQ" SP mod-sequence-value
def highestmodseq_code(modseq: int) -> bytes:
    """`HIGHESTMODSEQ 715194045007`."""
    return b"HIGHESTMODSEQ %d" % modseq


# resp-text-code =/ "MODIFIED" SP sequence-set
def modified_code(numbers: Iterable[tuple[int, int]]) -> bytes:
    """`MODIFIED 7,9`: message numbers, or UIDs after UID STORE."""
    return b"MODIFIED " + SequenceSet.of(numbers).encode()


# message-data =/ expunged-resp;  expunged-resp = "VANISHED" [SP "(EARLIER)"] SP known-uids
def vanished(uids: Iterable[tuple[int, int]], *, earlier: bool = False) -> bytes:
    """`* VANISHED (EARLIER) 41,43:116`; no line without UIDs, several where they are many."""
    label = b"VANISHED (EARLIER)" if earlier else b"VANISHED"
    ranges = SequenceSet.of(uids).ranges
    pieces = (ranges[at : at + _RUNS_AT_ONCE] for at in range(0, len(ranges), _RUNS_AT_ONCE))
    return b"".join(b"* %b %b\r\n" % (label, SequenceSet(piece).encode()) for piece in pieces)
