"""Contexts (RFC 5267 §4.3): CANCELUPDATE, and telling what changed in results with what changed.

Only what came or changed is searched again, by columns, rows and texts as in SEARCH. Without a
context this is `update_lines` and nothing else.
"""

import asyncio
from collections.abc import Callable

from imap.commands.search import Found, ground_of, matching
from imap.commands.sort import compared
from imap.mailboxes.named import uid_spans
from imap.mailboxes.picked import pick
from imap.protocol import responses
from imap.protocol.context import CancelUpdate, Change
from imap.protocol.search import asks_modseq
from imap.protocol.sequence import SequenceSet
from imap.searching.contexts import Context, Contexts, Sorted, told
from imap.searching.sort_values import Rank, ranks
from imap.session import Answer, Selected, Session
from imap.updates import update_lines
from mailserver.errors import StorageUnavailable
from mailserver.logs import logger

log = logger("imap")


async def cancelupdate(session: Session, command: CancelUpdate) -> Answer:
    """RFC 5267 §4.3.5"""
    selected = session.mailbox()
    kept = selected.contexts.by_tag if selected.contexts else {}
    if not kept.keys() >= set(command.tags):
        return Answer.bad("No results of such a tag are updated")
    for tag in set(command.tags):
        del kept[tag]
    if not kept:
        selected.contexts = None
    return Answer.ok("CANCELUPDATE completed")


def has_news(session: Session) -> bool:
    """True if `push` has something to tell."""
    selected = session.selected
    if selected is None or selected.contexts is None:
        return False
    if selected.opened.state.deleted:
        return True
    return selected.access.readable and selected.view.behind


async def push(session: Session) -> None:
    """Tell an idle client what is new in its mailbox and its results."""
    if session.selected is not None and session.selected.access.readable:
        await tell_updates(session, expunge=True, by_uid=False)


async def tell_updates(
    session: Session, *, expunge: bool, by_uid: bool, flags: bool = True
) -> None:
    """Write `update_lines`, and before and after them what they mean for results."""
    selected = session.mailbox()
    contexts = selected.contexts
    lines = update_lines(session, expunge=expunge, by_uid=by_uid, flags=flags)
    if contexts is not None:
        contexts.notice(selected.view)
        # RFC 5267 §4.3.4: before the EXPUNGE that takes the numbers away.
        gone = _without_gone(session, selected, contexts) if expunge else b""
        # Nothing is awaited before the picture has moved, too.
        await session.write(gone + next(lines, b""))
    for piece in lines:
        await session.write(piece)
    if contexts is not None and contexts.changed:
        # RFC 5267 §4.3.3: after the EXISTS that gives the new messages their numbers.
        try:
            await _look_again(session, selected, contexts)
        except StorageUnavailable as error:
            log.warning("storage is away", cause=str(error))  # they are looked at the next time


def _without_gone(session: Session, selected: Selected, contexts: Contexts) -> bytes:
    gone = selected.view.leaving()
    if not gone:
        return b""
    return b"".join(
        _line(session, selected, tag, context, context.result.without(gone), [])
        for tag, context in contexts.by_tag.items()
    )


async def _look_again(session: Session, selected: Selected, contexts: Contexts) -> None:
    view = selected.view
    spans = uid_spans(view, SequenceSet.of(contexts.changed))
    modseqs = any(asks_modseq(context.search.key) for context in contexts.by_tag.values())
    picked = pick(view, spans, modseqs=modseqs)
    for tag, context in contexts.by_tag.items():
        found = await matching(session, context.search.key, ground_of(view, picked, context.search))
        matches = {picked.uids[place] for place in found}
        gone = set(picked.uids) - matches
        result = context.result
        # What is read is read before the result changes.
        if isinstance(result, Sorted):
            new = await _new_ranks(session, context, result, Found(picked, found))
            # Of many this takes a while, in which others go on.
            out, in_ = await asyncio.to_thread(_exchange, result, gone, new)
        else:
            out, in_ = result.without(gone), result.with_(matches)
        await session.write(_line(session, selected, tag, context, out, in_))
    contexts.changed.clear()


def _exchange(result: Sorted, gone: set[int], new: list[Rank]) -> tuple[list[Change], list[Change]]:
    return result.without(gone), result.with_(new)


async def _new_ranks(
    session: Session, context: Context, result: Sorted, found: Found
) -> list[Rank]:
    """Where the messages stand that a sorted result does not know."""
    uids = found.picked.uids
    known = result.among(uids)
    new = Found(found.picked, [place for place in found.places if uids[place] not in known])
    here, columns = await compared(session, new, context.criteria)
    return ranks([uids[place] for place in here], columns, context.criteria)


def _line(
    session: Session,
    selected: Selected,
    tag: bytes,
    context: Context,
    out: list[Change],
    in_: list[Change],
) -> bytes:
    by_uid = context.search.by_uid
    if not (out or in_) or (session.uid_only and not by_uid):
        return b""  # RFC 9586 §3: who has left numbers behind is told none
    number: Callable[[int], int] = _same if by_uid else selected.view.known_number
    return responses.esearch(tag, told(out, in_, number), by_uid=by_uid)


def _same(uid: int) -> int:
    return uid
