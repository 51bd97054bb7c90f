"""SEARCH and UID SEARCH (RFC 3501 §6.4.4).

Columns decide first and for all messages at once; what they leave open is decided by rows, then
headers, then bodies, each read only for the messages that are still open, in bounded batches.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

from imap import contents
from imap.contents import Wanted
from imap.named import Span
from imap.picked import Picked, pick
from imap.protocol import responses
from imap.protocol.search import CHARSETS, Search, codec, encode_search
from imap.search_index import FEW, ask
from imap.search_keys import Ground, needles, test_of
from imap.search_tree import Facts, Stage, Test, divide
from imap.session import Answer, Session
from mailserver.mail.parts import PartTable
from mailserver.mail.text import Stretch, readable

_ROWS_AT_ONCE = 250  # messages looked at before other sessions have their turn


async def search(session: Session, command: Search) -> Answer:
    """RFC 3501 §6.4.4"""
    charset = codec(command.charset)
    if charset is None:
        return Answer.no("Unknown charset", responses.badcharset_code(CHARSETS))
    view = session.mailbox().view
    picked = pick(view, [(1, view.count)] if view.count else [])
    ground = Ground(
        picked,
        last_number=view.count,
        last_uid=view.uid(view.count) if view.count else 0,
        keywords=session.mailbox().opened.state.keywords,
        codec=charset,
    )
    try:
        test = test_of(command.key, ground)
    except UnicodeDecodeError:
        return Answer.no("A string is not in the charset of the search")
    places, undecided = divide(test, len(picked))
    if len(undecided) > FEW and Stage.BODY in test.stages and session.node.settings.search.index:
        ground.indexed = await ask(session, picked, set(needles(command.key, charset)))
        test = test_of(command.key, ground)
        places, undecided = divide(test, len(picked))
    if undecided:
        places += [place async for place in _matching(session, picked, test, undecided)]
        places.sort()
    values = picked.uids if command.by_uid else picked.numbers
    await session.write(encode_search([values[place] for place in places]))
    return Answer.ok("SEARCH completed")


async def _matching(
    session: Session, picked: Picked, test: Test, places: Sequence[int]
) -> AsyncIterator[int]:
    """Those of `places` that match, by what is read of their messages."""
    for start in range(0, len(places), _ROWS_AT_ONCE):
        facts = await _facts(session, picked, places[start : start + _ROWS_AT_ONCE])
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


async def _facts(session: Session, picked: Picked, places: Sequence[int]) -> list[Facts]:
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
