"""SORT and UID SORT (RFC 5256 §3), with RETURN (RFC 5267).

What is compared stands in the rows of the messages: no header and no body is read.
"""

import asyncio
from collections.abc import Sequence

from imap.commands.search import ROWS_AT_ONCE, Found, find, keep, tell_found
from imap.progress import Progress
from imap.protocol.sort import Criterion, Sort, encode_sort
from imap.searching.sort_values import Value, deciding, order, ranks, values
from imap.session import Answer, Session


async def sort(session: Session, command: Sort) -> Answer:
    """RFC 5256 §3; a message that is gone meanwhile is in the result no more."""
    search = command.search
    found = await find(session, search, whole=True)
    if isinstance(found, Answer):
        return found
    criteria = deciding(command.criteria)
    here, columns = await compared(session, found, criteria)
    # Sorting 100,000 texts takes tens of milliseconds; others go on meanwhile.
    sorted_ = await asyncio.to_thread(order, columns, criteria)
    result = Found(found.picked, [here[index] for index in sorted_])
    await tell_found(session, search, result, encode_sort, ascending=False)
    if search.updates:
        uids = [found.picked.uids[place] for place in here]
        ranked = await asyncio.to_thread(ranks, uids, columns, criteria)
        await keep(session, search, result, criteria, [ranked[index] for index in sorted_])
    return Answer.ok("SORT completed")


async def compared(
    session: Session, found: Found, criteria: Sequence[Criterion]
) -> tuple[list[int], list[list[Value]]]:
    """The places of those that are still there, and a column of values for each criterion."""
    columns: list[list[Value]] = [[] for _ in criteria]
    here: list[int] = []
    progress = Progress(session, len(found.places))
    for start in range(0, len(found.places), ROWS_AT_ONCE):
        await progress.tell(start)
        places = found.places[start : start + ROWS_AT_ONCE]
        ids = [found.picked.message_ids[place] for place in places]
        rows = await session.services.messages.read(ids)
        for place, message_id in zip(places, ids, strict=True):
            row = rows.get(message_id)
            if row is None:
                continue
            here.append(place)
            for column, value in zip(columns, values(row, criteria), strict=True):
                column.append(value)
        await asyncio.sleep(0)
    return here, columns
