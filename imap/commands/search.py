"""SEARCH and UID SEARCH (RFC 3501 §6.4.4), with RETURN (RFC 4731).

Columns decide first and for all messages at once; what they leave open is decided by rows, then
headers, then bodies, each read only for the messages that are still open, in bounded batches.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from imap import message_limit
from imap.mailboxes.named import Span
from imap.mailboxes.picked import Picked, pick
from imap.mailboxes.view import View
from imap.messages import contents
from imap.messages.contents import Wanted
from imap.progress import Progress
from imap.protocol import responses
from imap.protocol.context import noupdate_code
from imap.protocol.esearch import EVERYTHING
from imap.protocol.responses import Condition
from imap.protocol.search import (
    CHARSETS,
    DateField,
    DateKey,
    Order,
    Search,
    SearchKey,
    asks_modseq,
    codec,
    each_key,
    encode_search,
)
from imap.protocol.sequence import runs
from imap.protocol.sort import Criterion
from imap.searching.contexts import Context, Contexts, Sorted, Unsorted, changes_by_itself
from imap.searching.index import FEW, ask
from imap.searching.keys import Day, Ground, needles, test_of
from imap.searching.sort_values import Rank
from imap.searching.tree import Facts, Joined, Marked, Stage, Test, divide
from imap.session import Answer, Session
from mailserver.mail.parts import PartTable
from mailserver.mail.text import Stretch, readable
from mailserver.storage.saved import Compared, on_days

_COMPARED = {
    Order.LESS: Compared.BEFORE,
    Order.EQUAL: Compared.ON,
    Order.NOT_LESS: Compared.SINCE,
}
ROWS_AT_ONCE = 250  # messages looked at before other sessions have their turn


@dataclass(slots=True)
class Found:
    """All messages that were looked at, and the places of those that match, in result's order.

    `lowest`: the UID down to which was searched, if not all that was asked for (RFC 9738).
    """

    picked: Picked
    places: list[int]
    lowest: int | None = None


async def search(session: Session, command: Search) -> Answer:
    """RFC 3501 §6.4.4"""
    if session.rev2 and command.returned is None:
        # RFC 9051 §6.4.4: the answer is ESEARCH, as with RETURN ().
        command = replace(command, returned=EVERYTHING)
    found = await find(session, command)
    if isinstance(found, Answer):
        return found
    await tell_found(session, command, found, encode_search)
    if command.updates:
        await keep(session, command, found)
    return await message_limit.limited(session, Answer.ok("SEARCH completed"), found.lowest)


async def keep(
    session: Session,
    command: Search,
    found: Found,
    criteria: Sequence[Criterion] = (),
    ranks: Sequence[Rank] = (),
) -> None:
    """Tell the changes of a result from now on, or that they are not told (RFC 5267 §4.3.1)."""
    selected = session.mailbox()
    contexts = selected.contexts or Contexts()
    if changes_by_itself(command.key):
        refusal = "Results of these criteria are not kept up to date"
    elif found.lowest is not None:
        refusal = "Not all messages were searched"
    elif not contexts.has_room(len(found.places), in_order=bool(criteria)):
        refusal = "Too many contexts"
    else:
        uids = (found.picked.uids[place] for place in found.places)
        result = Sorted(ranks) if criteria else Unsorted(uids)
        contexts.by_tag[session.tag] = Context(command, result, criteria)
        selected.contexts = contexts
        return
    code = noupdate_code(session.tag)
    await session.write(responses.untagged(Condition.NO, refusal, code))


async def find(session: Session, command: Search, *, whole: bool = False) -> Found | Answer:
    """The messages that match, ascending; or the answer to a search that cannot be done.

    `whole`: such as one that would have to leave messages out.
    """
    refusal = refused(session, command)
    if refusal is not None:
        return refusal
    view = session.mailbox().view
    every = [(1, view.count)] if view.count else []
    picked = pick(view, every, modseqs=asks_modseq(command.key))
    ground = ground_of(view, picked, command)
    if command.saves:
        # RFC 5182 §2.1: where the answer is NO, nothing is saved and nothing is left.
        view.saved = ()
    return await found_in(session, command, ground, whole=whole)


def refused(session: Session, command: Search) -> Answer | None:
    """The answer to a search that makes no sense in this session; None if it does."""
    if session.utf8_accept and command.charset is not None:
        return Answer.bad("With UTF8=ACCEPT a search names no charset")  # RFC 6855 §3
    contexts = session.selected.contexts if session.selected else None
    if command.updates and contexts is not None and session.tag in contexts.by_tag:
        return Answer.bad("The results of this tag are being updated")  # RFC 5267 §4.3
    return None


def ground_of(view: View, picked: Picked, command: Search) -> Ground:
    """What the keys of a search are asked of, in a picture of a mailbox."""
    return Ground(
        picked,
        mailbox_id=view.state.id,
        last_number=view.count,
        last_uid=view.uid(view.count) if view.count else 0,
        keywords=view.state.keywords,
        codec=codec(command.charset) or "",
        now=datetime.now(UTC),
        saved=view.saved,
    )


async def found_in(
    session: Session, command: Search, ground: Ground, *, whole: bool
) -> Found | Answer:
    """As `find`, of any messages."""
    if not ground.codec:
        return Answer.no("Unknown charset", responses.badcharset_code(CHARSETS))
    within = message_limit.window(session, command.key, ground)
    if whole and within is not None:
        return message_limit.refused(session)
    try:
        places = await matching(session, command.key, ground, within)
    except UnicodeDecodeError:
        return Answer.no("A string is not in the charset of the search")
    return Found(ground.picked, places, None if within is None else within.lowest)


async def matching(
    session: Session, key: SearchKey, ground: Ground, within: message_limit.Window | None = None
) -> list[int]:
    """The places that match, ascending. Raises UnicodeDecodeError."""
    picked = ground.picked
    ground.came = await _came(session, key, ground.mailbox_id)
    test = _test(key, ground, within)
    places, undecided = divide(test, len(picked))
    if len(undecided) > FEW and Stage.BODY in test.stages and session.node.settings.search.index:
        wanted = set(needles(key, ground.codec))
        ground.indexed = await ask(session.node.database, ground.mailbox_id, picked, wanted)
        test = _test(key, ground, within)
        places, undecided = divide(test, len(picked))
    if undecided:
        places += [place async for place in _matching(session, picked, test, undecided)]
        places.sort()
    return places


def _test(key: SearchKey, ground: Ground, within: message_limit.Window | None) -> Test:
    test = test_of(key, ground)
    return test if within is None else Joined([Marked(within.marks), test])


async def _came(session: Session, key: SearchKey, mailbox_id: int) -> dict[Day, Collection[int]]:
    """The UIDs of what came before, on or since the days that are asked for (RFC 8514 §4.3)."""
    saved = [one for one in each_key(key) if isinstance(one, DateKey)]
    days = {(one.order, one.day) for one in saved if one.field is DateField.SAVED}
    found: dict[Day, Collection[int]] = {}
    if days:
        async with session.node.database.connection() as c:
            for order, day in days:
                uids = await on_days(c, mailbox_id, _COMPARED[order], day)
                found[order, day] = frozenset(uids)
    return found


async def tell_found(
    session: Session,
    command: Search,
    found: Found,
    encode: Callable[[Iterable[int], int | None], bytes],
    *,
    ascending: bool = True,
) -> None:
    """Write the result as RETURN asks for, or without one as `encode` writes it; and save it."""
    picked, places = found.picked, found.places
    values = picked.uids if command.by_uid else picked.numbers
    numbers = [values[place] for place in places]
    returned = command.returned
    if returned is not None:
        places = [places[place] for place in returned.kept(len(numbers))]
    # RFC 7162 §3.1.5, §3.1.10: the highest modseq of what is told
    modseqs = [picked.modseqs[place] for place in places] if asks_modseq(command.key) else []
    highest = max(modseqs, default=None)
    if returned is None:
        await session.write(encode(numbers, highest))
        return
    if returned.saves:
        session.mailbox().view.saved = runs(sorted(picked.uids[place] for place in places))
    if returned.tells:
        told = returned.told(numbers, ascending=ascending)
        if highest is not None:
            told.append((b"MODSEQ", b"%d" % highest))
        await session.write(responses.esearch(session.tag, told, by_uid=command.by_uid))


async def _matching(
    session: Session, picked: Picked, test: Test, places: Sequence[int]
) -> AsyncIterator[int]:
    """Those of `places` that match, by what is read of their messages."""
    progress = Progress(session, len(places))
    for start in range(0, len(places), ROWS_AT_ONCE):
        await progress.tell(start)
        facts = await read_facts(session, picked, places[start : start + ROWS_AT_ONCE])
        matching, facts = _answered(test, facts)
        if facts and Stage.HEADER in test.stages:
            await _read_headers(session, facts)
            more, facts = _answered(test, facts)
            matching += more
        for place in matching:
            yield place
        # Only bodies are left that the text index does not know.
        if facts and Stage.BODY in test.stages:
            async for place in _matching_bodies(session, test, facts):
                yield place
        await asyncio.sleep(0)


def _answered(test: Test, facts: Sequence[Facts]) -> tuple[list[int], list[Facts]]:
    """(places that match, messages that are still open)."""
    matching, undecided = [], []
    for one in facts:
        answer = test.answer(one)
        if answer is None:
            undecided.append(one)
        elif answer:
            matching.append(one.place)
    return matching, undecided


async def read_facts(session: Session, picked: Picked, places: Sequence[int]) -> list[Facts]:
    """The rows of messages; one that is gone has none and matches nothing."""
    ids = [picked.message_ids[place] for place in places]
    rows = await session.services.messages.read(ids)
    facts = [Facts(place, rows[key]) for place, key in zip(places, ids, strict=True) if key in rows]
    # Where the usual fields are too large to be kept, they are in the header alone.
    await _read_headers(session, [one for one in facts if one.row.fields is None])
    return facts


async def _read_headers(session: Session, facts: Sequence[Facts]) -> None:
    wanted = [Wanted(one.row, [_header_range(one)]) for one in facts]
    for start, end in contents.groups(wanted):
        loaded = await contents.load(session.node.blobs, wanted[start:end])
        for one, read in zip(facts[start:end], loaded, strict=True):
            one.header = read[0] if read is not None else b""


async def _matching_bodies(
    session: Session, test: Test, facts: Sequence[Facts]
) -> AsyncIterator[int]:
    stretches = [list(readable(PartTable.decode(one.row.parts))) for one in facts]
    wanted = [
        Wanted(one.row, [_header_range(one), *(_range(one, part) for part in parts)])
        for one, parts in zip(facts, stretches, strict=True)
    ]
    for start, end in contents.groups(wanted):
        loaded = await contents.load(session.node.blobs, wanted[start:end])
        group = facts[start:end]
        for one, parts, read in zip(group, stretches[start:end], loaded, strict=True):
            one.header, *contained = read or [b"", *(b"" for _ in parts)]
            one.content = list(zip(parts, contained, strict=True))
        # Decoding and folding is what costs; other sessions go on meanwhile.
        matching, _ = await asyncio.to_thread(_answered, test, group)
        for one in group:
            one.header, one.content, one.texts = None, None, {}
        for place in matching:
            yield place


def _header_range(facts: Facts) -> Span:
    return 0, len(facts.row.prefix) + PartTable.decode(facts.row.parts).parts[0].body


def _range(facts: Facts, stretch: Stretch) -> Span:
    prefix = len(facts.row.prefix)
    return prefix + stretch.start, prefix + stretch.end
