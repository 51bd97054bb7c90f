"""Everything that a batch of arrivals writes, in one transaction: the group commit's content."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

from mailserver.ingest.arrival import SEEN, Placed, Placement
from mailserver.ingest.rows import Prepared
from mailserver.storage import arrivals
from mailserver.storage.arrivals import Place, Row, Rows
from mailserver.storage.database import Connection
from mailserver.storage.keywords import KEYWORD_LIMIT, extended, keyword_mask
from mailserver.storage.notifications import QUEUE, MailboxChanges


class MailboxesGone(Exception):
    """Mailboxes of the batch that do not exist any more; nothing was written."""

    def __init__(self, ids: set[int]) -> None:
        super().__init__(ids)
        self.ids = ids


def mailbox_of(placement: Placement) -> int:
    """The placement's mailbox, which the writer has filled in."""
    assert placement.mailbox_id is not None
    return placement.mailbox_id


@dataclass(slots=True)
class _Plan:
    """The batch by mailbox, before it is known which UIDs it gets."""

    totals: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)  # placements
    placed: list[list[tuple[int, int]]] = field(default_factory=list)  # (mailbox id, place)


async def write(
    c: Connection, batch: Sequence[Prepared], changes: MailboxChanges
) -> list[list[Placed]]:
    """Write `batch`, durable when this returns; gives the placements of each.

    Raises MailboxesGone.
    """
    queued = any(prepared.queue_rows for prepared in batch)
    if queued or any(p.keywords for prepared in batch for p in prepared.arrival.placements):
        async with c.transaction():
            tables = await _learned(c, batch)
            if queued:
                await arrivals.queue(
                    c,
                    [row for prepared in batch for row in prepared.queue_rows],
                    [row for prepared in batch for row in prepared.recipient_rows],
                    [row for prepared in batch for row in prepared.asking_rows],
                )
                await arrivals.notify(c, QUEUE, "")
            return await _place(c, batch, changes, tables)
    # The usual batch: one statement, which is a transaction of its own.
    return await _place(c, batch, changes, {})


async def _place(
    c: Connection,
    batch: Sequence[Prepared],
    changes: MailboxChanges,
    tables: dict[int, list[str]],
) -> list[list[Placed]]:
    plan = _plan(batch, tables)
    rows = Rows(
        blobs=[row for prepared in batch for row in prepared.blob_rows],
        spool=[row for prepared in batch for row in prepared.spool_rows],
        messages=[row for prepared in batch for row in prepared.message_rows],
        placements=plan.rows,
        payloads=list(changes.payloads(plan.totals)),
    )
    places = await arrivals.place(c, plan.totals, rows)
    if places is None:
        raise MailboxesGone(plan.totals.keys() - await arrivals.existing(c, plan.totals))
    return [[_placed(places, *where) for where in one] for one in plan.placed]


def _placed(places: dict[int, Place], mailbox_id: int, place: int) -> Placed:
    found = places[mailbox_id]
    return Placed(mailbox_id, found.uid_validity, found.uid + place)


def _plan(batch: Sequence[Prepared], tables: dict[int, list[str]]) -> _Plan:
    """`tables` are the keywords of mailboxes that get messages with keywords. Pure."""
    plan = _Plan()
    for prepared in batch:
        size = len(prepared.arrival.content)
        mine = []
        for placement, message_id in zip(
            prepared.arrival.placements, prepared.message_ids, strict=True
        ):
            mailbox_id = mailbox_of(placement)
            messages, unseen, total = plan.totals.get(mailbox_id, (0, 0, 0))
            flags = placement.flags
            if placement.keywords:
                flags |= keyword_mask(tables.get(mailbox_id, ()), placement.keywords)
            plan.rows.append((mailbox_id, messages, message_id, flags))
            mine.append((mailbox_id, messages))
            plan.totals[mailbox_id] = (
                messages + 1,
                unseen + (not flags & SEEN),
                total + size + len(placement.prefix),
            )
        plan.placed.append(mine)
    return plan


async def _learned(c: Connection, batch: Sequence[Prepared]) -> dict[int, list[str]]:
    """The keywords of the mailboxes that get messages with keywords, once they know them all."""
    placements = list(chain.from_iterable(prepared.arrival.placements for prepared in batch))
    words: dict[int, set[str]] = {}
    for placement in placements:
        if placement.keywords:
            words.setdefault(mailbox_of(placement), set()).update(placement.keywords)
    if not words:
        return {}
    # All that the batch touches: a lock taken later might be out of order.
    tables = await arrivals.lock(c, set(map(mailbox_of, placements)))
    for mailbox_id, wanted in words.items():
        known = tables.get(mailbox_id)
        if known is None:
            continue
        table = extended(known, sorted(wanted))[:KEYWORD_LIMIT]
        if len(table) > len(known):
            tables[mailbox_id] = table
            await arrivals.set_keywords(c, mailbox_id, table)
    return tables
