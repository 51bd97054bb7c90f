"""Ready-made FETCH bytes of messages, read in batches and kept while they fit."""

from collections import OrderedDict
from collections.abc import Sequence

from mailserver.storage import messages
from mailserver.storage.database import Database
from mailserver.storage.messages import MessageRow


class MessageCache:
    """Message rows by id, at most `limit` bytes of them, the least recently used go first."""

    def __init__(self, database: Database, limit: int) -> None:
        self._database = database
        self._limit = limit
        self._rows: OrderedDict[int, MessageRow] = OrderedDict()
        self._size = 0

    async def read(self, message_ids: Sequence[int]) -> dict[int, MessageRow]:
        """The messages by id; one that was removed meanwhile is missing."""
        found: dict[int, MessageRow] = {}
        missing = []
        for message_id in message_ids:
            row = self._rows.get(message_id)
            if row is None:
                missing.append(message_id)
            else:
                self._rows.move_to_end(message_id)
                found[message_id] = row
        if missing:
            async with self._database.connection() as c:
                read = await messages.read(c, missing)
            for row in read.values():
                self._keep(row)
            found.update(read)
        return found

    def _keep(self, row: MessageRow) -> None:
        if row.id not in self._rows:
            self._size += row.weight
        self._rows[row.id] = row
        while self._size > self._limit:
            _, oldest = self._rows.popitem(last=False)
            self._size -= oldest.weight
