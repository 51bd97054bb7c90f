"""Everything that a batch of arrivals writes, in one transaction: the group commit's content."""

from collections.abc import Iterable, Sequence
from itertools import chain

from mailserver.ingest.arrival import SEEN, Placed, Placement
from mailserver.ingest.rows import Prepared
from mailserver.storage import arrivals
from mailserver.storage.arrivals import Advance
from mailserver.storage.database import Connection
from mailserver.storage.keywords import KEYWORD_LIMIT, extended, keyword_mask
from mailserver.storage.notifications import MAILBOX, QUEUE, MailboxChanges


class MailboxesGone(Exception):
    """Mailboxes of the batch that do not exist any more; nothing was written."""

    def __init__(self, ids: set[int]) -> None:
        super().__init__(ids)
        self.ids = ids


def mailbox_of(placement: Placement) -> int:
    """The placement's mailbox, which the writer has filled in."""
    assert placement.mailbox_id is not None
    return placement.mailbox_id


async def write(
    c: Connection, batch: Sequence[Prepared], changes: MailboxChanges
) -> list[list[Placed]]:
    """Write `batch` inside the caller's transaction; gives the placements of each.

    Raises MailboxesGone.
    """
    advances = await _advance(c, batch)
    placed, rows = [], []
    for prepared in batch:
        mine = [
            _place(advances[mailbox_of(placement)], placement, message_id)
            for placement, message_id in zip(
                prepared.arrival.placements, prepared.message_ids, strict=True
            )
        ]
        placed.append([where for where, _ in mine])
        rows += [row for _, row in mine]
    await arrivals.copy(c, "blob", _all(p.blob_rows for p in batch))
    await arrivals.copy(c, "spool", _all(p.spool_rows for p in batch))
    if rows:
        await arrivals.copy(c, "message", _all(p.message_rows for p in batch))
        await arrivals.copy(c, "mailbox_message", rows)
        await arrivals.copy(c, "mailbox_event", _events(placed, advances))
        for payload in changes.payloads(advances):
            await arrivals.notify(c, MAILBOX, payload)
    if any(p.queue_rows for p in batch):
        await arrivals.copy(c, "queue_message", _all(p.queue_rows for p in batch))
        await arrivals.copy(c, "queue_recipient", _all(p.recipient_rows for p in batch))
        await arrivals.add_asking(c, _all(p.asking_rows for p in batch))
        await arrivals.notify(c, QUEUE, "")
    return placed


async def _advance(c: Connection, batch: Sequence[Prepared]) -> dict[int, Advance]:
    totals: dict[int, tuple[int, int, int]] = {}
    words: dict[int, set[str]] = {}
    for prepared in batch:
        size = len(prepared.arrival.content)
        for placement in prepared.arrival.placements:
            mailbox_id = mailbox_of(placement)
            messages, unseen, total = totals.get(mailbox_id, (0, 0, 0))
            unseen += not placement.flags & SEEN
            total += size + len(placement.prefix)
            totals[mailbox_id] = (messages + 1, unseen, total)
            if placement.keywords:
                words.setdefault(mailbox_id, set()).update(placement.keywords)
    if not totals:
        return {}
    advances = await arrivals.advance(c, totals)
    if gone := totals.keys() - advances.keys():
        raise MailboxesGone(set(gone))
    for mailbox_id, wanted in words.items():
        advance = advances[mailbox_id]
        table = extended(advance.keywords, sorted(wanted))[:KEYWORD_LIMIT]
        if len(table) > len(advance.keywords):
            advance.keywords = table
            await arrivals.set_keywords(c, mailbox_id, table)
    return advances


def _place(
    advance: Advance, placement: Placement, message_id: int
) -> tuple[Placed, tuple[object, ...]]:
    uid = advance.uid
    advance.uid += 1
    flags = placement.flags
    if placement.keywords:
        flags |= keyword_mask(advance.keywords, placement.keywords)
    row = (advance.id, uid, message_id, flags, advance.modseq)
    return Placed(advance.id, advance.uid_validity, uid), row


def _events(
    placed: Sequence[Sequence[Placed]], advances: dict[int, Advance]
) -> Iterable[tuple[object, ...]]:
    first: dict[int, int] = {}
    for where in chain.from_iterable(placed):
        first.setdefault(where.mailbox_id, where.uid)
    for mailbox_id, uid in first.items():
        advance = advances[mailbox_id]
        yield (mailbox_id, advance.modseq, b"a", [uid, advance.uid - 1])


def _all(lists: Iterable[list[tuple[object, ...]]]) -> Iterable[tuple[object, ...]]:
    return chain.from_iterable(lists)
