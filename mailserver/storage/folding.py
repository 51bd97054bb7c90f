"""Folding: a mailbox's events, in order, into its rows; and trimming what everybody has read.

Runs in one process at a time per mailbox (SKIP LOCKED), under the mailbox's row lock, so that it
never meets a writer half way. Readers need not know: see events.py.
"""

from mailserver.storage import events, packs
from mailserver.storage.database import Connection, Database
from mailserver.storage.events import Event, Kind

# Behind this horizon a reader loads the mailbox anew, and a client is told by VANISHED of all that
# it knows and that does not exist (RFC 7162 §3.2.6): correct, if long.
KEPT_EVENTS = 10_000

# A writer holds the mailbox's row before it touches `mailbox_unfolded`: take them in that order,
# and pass by what is busy.
_CLAIM = """
SELECT m.id FROM mailbox_unfolded u JOIN mailbox m ON m.id = u.mailbox_id
ORDER BY m.id LIMIT 1 FOR UPDATE OF m SKIP LOCKED
"""
_FLAGS = """
UPDATE mailbox_message SET flags = (flags & ~$4::bigint) | $5::bigint, modseq = $6
WHERE mailbox_id = $1 AND uid BETWEEN $2 AND $3
"""
_EXPUNGE = """
WITH gone AS (
    DELETE FROM mailbox_message WHERE mailbox_id = $1 AND uid BETWEEN $2 AND $3
    RETURNING message_id, mailbox_id, uid
)
INSERT INTO message_released (message_id, mailbox_id, uid)
SELECT message_id, mailbox_id, uid FROM gone
"""


async def fold_one(database: Database) -> bool:
    """Fold one mailbox that waits; False when none does, or all that do are being written to."""
    async with database.transaction() as c:
        mailbox_id = await c.fetchval(_CLAIM)
        if mailbox_id is None:
            return False
        await c.execute("DELETE FROM mailbox_unfolded WHERE mailbox_id = $1", mailbox_id)
        await _fold(c, mailbox_id)
        return True


async def _fold(c: Connection, mailbox_id: int) -> None:
    state = await events.state(c, mailbox_id)
    if state is None:
        return
    for event in await events.since(c, mailbox_id, state.folded_modseq):
        await _apply(c, mailbox_id, event)
    await c.execute("UPDATE mailbox SET folded_modseq = highest_modseq WHERE id = $1", mailbox_id)
    await c.execute(
        "DELETE FROM mailbox_event WHERE mailbox_id = $1 AND modseq < $2",
        mailbox_id,
        state.highest_modseq - KEPT_EVENTS,
    )


async def _apply(c: Connection, mailbox_id: int, event: Event) -> None:
    if event.kind is Kind.FLAGS:
        for first, last in event.ranges():
            await c.execute(
                _FLAGS,
                *(mailbox_id, first, last),
                *(event.clear_mask, event.set_mask, event.modseq),
            )
    elif event.kind is Kind.EXPUNGE:
        for first, last in event.ranges():
            await c.execute(_EXPUNGE, mailbox_id, first, last)
            await packs.expunged(c, mailbox_id, first, last)
