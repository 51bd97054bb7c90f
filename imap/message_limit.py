"""MESSAGELIMIT (RFC 9738): how many messages one command takes, where an operator has set a limit.

What can be done in part is done of the messages with the highest UIDs, and the answer says down to
which; what is done whole or not at all is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from imap.mailboxes.named import Span, paged, size
from imap.mailboxes.opened import OpenMailbox
from imap.mailboxes.writing import deleted
from imap.protocol import responses
from imap.protocol.message_limit import message_limit_code
from imap.protocol.partial import Partial
from imap.protocol.responses import Condition
from imap.protocol.search import AndKey, SearchKey, SequenceKey, UidKey
from imap.searching.keys import Ground, test_of
from imap.session import Answer, Session


def limit(session: Session) -> int:
    """Messages that one command takes; 0: any number."""
    return session.node.settings.imap.message_limit


def refused(session: Session, uid: int | None = None) -> Answer:
    """The answer to a command of too many messages; `uid`: the lowest that would have had room."""
    return Answer.no("Too many messages for one command", message_limit_code(limit(session), uid))


def exceeded(session: Session, spans: Sequence[Span]) -> Answer | None:
    """The answer to a command that is done whole or not at all, if it names too many messages."""
    _, lowest = taken(session, spans)
    return None if lowest is None else refused(session, lowest)


def taken(session: Session, spans: Sequence[Span]) -> tuple[list[Span], int | None]:
    """(the messages that are taken, the lowest UID of them if not all were)."""
    most = limit(session)
    if not most or size(spans) <= most:
        return list(spans), None
    kept = paged(spans, Partial(-1, -most))
    return kept, session.mailbox().view.uid(kept[0][0])


def taken_deleted(
    session: Session, opened: OpenMailbox, ranges: list[Span]
) -> tuple[list[Span], int | None]:
    """The same for UID EXPUNGE, of which those with \\Deleted count (RFC 9738 §3.1)."""
    most, columns = limit(session), opened.state.columns
    if not most:
        return ranges, None
    going = deleted(columns, ranges)
    if sum(end - start for start, end in going) <= most:
        return ranges, None
    # Places of columns and of spans count from 0 and 1.
    kept = paged([(start + 1, end) for start, end in going], Partial(-1, -most))
    lowest = columns.uids[kept[0][0] - 1]
    return [(max(low, lowest), high) for low, high in ranges if high >= lowest], lowest


async def limited(session: Session, answer: Answer, lowest: int | None) -> Answer:
    """`answer`, saying that only messages down to the UID `lowest` were taken."""
    if lowest is None:
        return answer
    code = message_limit_code(limit(session), lowest)
    if answer.code is None:
        answer.code = code
    else:
        # RFC 9738 §3.1: where the answer has another code.
        line = responses.untagged(Condition.NO, "Not all messages were taken", code)
        await session.write(line)
    return answer


@dataclass(slots=True)
class Window:
    """The part of the picture that is searched: 1 for each place in `marks`, down to a UID."""

    marks: bytes
    lowest: int


def window(session: Session, key: SearchKey, ground: Ground) -> Window | None:
    """What is searched, if more would have to be (RFC 9738 §3.1: what is looked at counts).

    Numbers and UIDs that stand among the keys say what has to be looked at.
    """
    most, count = limit(session), len(ground.picked)
    if not most or count <= most:
        return None
    searched = int.from_bytes(b"\1" * count, "little")
    for one in _narrowing(key):
        searched &= test_of(one, ground).bounds(searched)[0]
    marks = searched.to_bytes(count, "little")
    place = count
    for _ in range(min(most, marks.count(1))):
        place = marks.rfind(1, 0, place)
    if marks.find(1) in (-1, place):
        return None
    return Window(bytes(place) + b"\1" * (count - place), ground.picked.uids[place])


def _narrowing(key: SearchKey) -> list[SearchKey]:
    if isinstance(key, AndKey):
        return [one for within in key.keys for one in _narrowing(within)]
    return [key] if isinstance(key, SequenceKey | UidKey) else []
