"""A mailbox's columns as they were at some modseq, so that a cold process loads them in one piece.

Derived: the rows are the truth, and what happened since is in the log (events.py).
"""

from mailserver.storage.database import Connection

_SAVE = """
INSERT INTO mailbox_snapshot AS s (mailbox_id, modseq, columns)
SELECT id, $2, $3 FROM mailbox WHERE id = $1 FOR KEY SHARE -- it may be gone meanwhile
ON CONFLICT (mailbox_id) DO UPDATE SET modseq = excluded.modseq, columns = excluded.columns
WHERE s.modseq < excluded.modseq
"""


async def read(c: Connection, mailbox_id: int) -> tuple[int, bytes] | None:
    """(modseq, columns as they were at it), or None."""
    row = await c.fetchrow(
        "SELECT modseq, columns FROM mailbox_snapshot WHERE mailbox_id = $1", mailbox_id
    )
    return None if row is None else (row["modseq"], row["columns"])


async def save(c: Connection, mailbox_id: int, modseq: int, columns: bytes) -> None:
    """Keep the columns, unless newer ones are kept already."""
    await c.execute(_SAVE, mailbox_id, modseq, columns)
