"""A mailbox's columns as they were at some modseq, so that a cold process loads them in one piece.

Derived: the rows are the truth, and what happened since is in the log (events.py).
"""

from dataclasses import dataclass

from mailserver.storage.database import Connection
from mailserver.storage.events import STATE, State

_READ = f"""
SELECT s.modseq, s.columns, {STATE}
FROM mailbox_snapshot s JOIN mailbox m ON m.id = s.mailbox_id
WHERE s.mailbox_id = $1
"""
_SAVE = """
INSERT INTO mailbox_snapshot AS s (mailbox_id, modseq, columns)
SELECT id, $2, $3 FROM mailbox WHERE id = $1 FOR KEY SHARE -- it may be gone meanwhile
ON CONFLICT (mailbox_id) DO UPDATE SET modseq = excluded.modseq, columns = excluded.columns
WHERE s.modseq < excluded.modseq
"""


@dataclass(slots=True)
class Kept:
    """A mailbox as it is now, and its columns as they were at `modseq`."""

    state: State
    modseq: int
    columns: bytes


async def read(c: Connection, mailbox_id: int) -> Kept | None:
    """None if nothing is kept."""
    row = await c.fetchrow(_READ, mailbox_id)
    return None if row is None else Kept(State(*row[2:]), row[0], row[1])


async def save(c: Connection, mailbox_id: int, modseq: int, columns: bytes) -> None:
    """Keep the columns, unless newer ones are kept already."""
    await c.execute(_SAVE, mailbox_id, modseq, columns)
