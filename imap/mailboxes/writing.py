"""What a write of a mailbox does, decided on its state: one event, and what the counters gain.

Pure. Whoever writes (opened.py) makes sure that the state is the mailbox's newest.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from imap.mailboxes.columns import DELETED, SEEN, Columns
from imap.mailboxes.state import MailboxState
from mailserver.storage import events
from mailserver.storage.events import Event, Kind, Written
from mailserver.storage.keywords import KEYWORD_LIMIT, SYSTEM_BITS, extended, keyword_mask

NEWEST = 2**63 - 1  # RFC 7162 §7: no modseq is greater

Span = tuple[int, int]


class TooManyKeywords(Exception):
    """The mailbox has as many keywords as it can hold (RFC 3501 §2.3.2 leaves that to us)."""


class Change(Enum):
    """What STORE does with the flags it names (RFC 3501 §6.4.6)."""

    ADD = "+"
    REMOVE = "-"
    REPLACE = ""


@dataclass(slots=True)
class Storing:
    """A STORE: UID ranges, how, system flags as a mask, keywords.

    Messages whose modseq is greater than `since` are left alone (RFC 7162 §3.1.3), and so are the
    flags that are not in the mask `within`.
    """

    ranges: Sequence[Span]
    change: Change
    system: int
    words: Sequence[str] = ()
    since: int = NEWEST
    within: int = -1


@dataclass(slots=True)
class Plan:
    """What to write; `written` None: nothing. `modified`: UID runs that had to be left alone."""

    written: Written | None = None
    modified: list[int] = field(default_factory=list)


def plan_store(state: MailboxState, storing: Storing) -> Plan:
    """Raises TooManyKeywords."""
    columns, change = state.columns, storing.change
    keywords = extended(state.keywords, () if change is Change.REMOVE else storing.words)
    if len(keywords) > KEYWORD_LIMIT:
        raise TooManyKeywords
    mask = storing.system | keyword_mask(keywords, storing.words)
    set_mask, clear_mask = (bits & storing.within for bits in _masks(change, mask))
    spans = list(columns.slices(storing.ranges))
    plan = Plan()
    if storing.since < NEWEST:
        newer = [one for span in spans for one in columns.changed_since(*span, storing.since)]
        plan.modified = uid_runs(columns, newer)
        spans = [one for span in spans for one in columns.unchanged_since(*span, storing.since)]
    changed = [one for span in spans for one in columns.would_change(*span, set_mask, clear_mask)]
    if changed:
        runs = uid_runs(columns, changed)
        plan.written = Written(
            Event(state.modseq + 1, Kind.FLAGS, runs, set_mask, clear_mask),
            unseen=_unseen_more(columns, changed, set_mask, clear_mask),
            keywords=keywords if len(keywords) > len(state.keywords) else None,
        )
    return plan


def plan_expunge(state: MailboxState, ranges: Sequence[Span] | None) -> Plan:
    """Remove messages with \\Deleted, of the UID `ranges` or all."""
    gone = deleted(state.columns, ranges)
    return Plan(removal(state, state.modseq + 1, gone) if gone else None)


def removal(state: MailboxState, modseq: int, gone: Sequence[Span]) -> Written:
    """Remove the messages of the index ranges `gone`."""
    columns = state.columns
    return Written(
        Event(modseq, Kind.EXPUNGE, uid_runs(columns, gone)),
        unseen=-sum(columns.count_without(SEEN, *span) for span in gone),
        gone=[key for start, end in gone for key in columns.message_ids[start:end]],
    )


def uid_runs(columns: Columns, spans: Iterable[Span]) -> list[int]:
    """Index ranges as UID runs, each as long as no other message lies between."""
    uids = columns.uids
    return [uid for start, end in spans for uid in (uids[start], uids[end - 1])]


def _unseen_more(columns: Columns, changed: list[Span], set_mask: int, clear_mask: int) -> int:
    """How many more messages lack \\Seen afterwards."""
    if not (set_mask | clear_mask) & SEEN:
        return 0
    unseen = sum(columns.count_without(SEEN, *span) for span in changed)
    return -unseen if set_mask & SEEN else sum(end - start for start, end in changed) - unseen


def deleted(columns: Columns, ranges: Sequence[Span] | None) -> list[Span]:
    """Index ranges of messages with \\Deleted, of all or of those in `ranges` of UIDs."""
    marked = columns.with_flag(DELETED)
    if ranges is None:
        return marked
    wanted = [index for span in columns.slices(ranges) for index in range(*span)]
    chosen = sorted({i for span in marked for i in range(*span)}.intersection(wanted))
    flat = events.runs(chosen)
    return [(a, b + 1) for a, b in zip(flat[::2], flat[1::2], strict=True)]


def _masks(change: Change, mask: int) -> tuple[int, int]:
    """(set, clear) masks of a STORE."""
    everything = (1 << (SYSTEM_BITS + KEYWORD_LIMIT)) - 1
    if change is Change.ADD:
        return mask, 0
    if change is Change.REMOVE:
        return 0, mask
    return mask, everything & ~mask
