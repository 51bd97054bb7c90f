"""The text index follows the mailboxes: in the background, a mailbox at a time, oldest mail first.

No commit writes anything for it. What waits is behind the last pack of its mailbox; that a
mailbox changed is told by the notification that every commit sends, and as those can be missed,
all mailboxes are looked at when the work begins and now and then. A pack is one transaction, so
that after a crash the mailbox is as before it, or indexed.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from mailserver import metrics
from mailserver.logs import logger
from mailserver.mail.parts import PartTable
from mailserver.mail.text import Stretch, What, field_texts, fold, readable, stretch_text
from mailserver.mail.text_pack import Builder, Document, tokens
from mailserver.objects import ObjectMissing
from mailserver.storage import text_packs
from mailserver.storage.blobs import BlobMissing, Blobs, batches
from mailserver.storage.database import Database
from mailserver.storage.text_packs import Overtaken, Source

_SETTLE = 10.0  # seconds from a mailbox's first change to its indexing: what comes together
_LOOK_AT_ALL = 900.0  # seconds
_MAILBOXES = 10_000  # looked at in one query
_MOST_HINTS = 100_000  # mailboxes remembered; beyond, all are looked at
_PAUSE = 1.0  # seconds
_TRIES = 3
_WHOLE = 256 * 1024  # octets: a message up to here is read whole
_GROUP = 2 << 20  # octets read at once
_PACK = 32 << 20  # octets of messages in one pack

log = logger("indexing")


@dataclass(slots=True)
class Texts:
    """What of a message is text, as it stands."""

    header: bytes
    stretches: list[tuple[Stretch, bytes]] = field(default_factory=list)
    octets: int = 0
    whole: bool = True  # False: there is more than the limit

    def takes(self, stretch: Stretch, limit: int) -> bool:
        """Whether there is room for a stretch. One of them is taken whole or not at all: cut off,
        its charset might be taken for another and its last word for a shorter one."""
        length = stretch.end - stretch.start
        if self.octets + length > limit:
            self.whole = False
            return False
        self.octets += length
        return True

    def document(self, uid: int) -> Document:
        """The tokens, of what SEARCH compares (imap/searching/keys.py)."""
        body: set[bytes] = set()
        around: set[bytes] = set()
        for text in field_texts(self.header):
            around |= tokens(text)
        for stretch, raw in self.stretches:
            into = around if stretch.what is What.MIME else body
            into |= tokens(fold(stretch_text(raw, stretch)))
        return Document(uid, body, around, self.whole)


class Indexer:
    """Keeps the text index of all mailboxes; one at a time runs, on all nodes together."""

    def __init__(self, database: Database, blobs: Blobs, text_limit: int) -> None:
        self._database = database
        self._blobs = blobs
        self._limit = text_limit
        self._waiting: dict[int, float] | None = None  # mailboxes, since when; None: not at work
        self._look_at_all = False

    def heard(self, payload: str) -> None:
        """Take a notification of channel `mailbox` (see MailboxChanges)."""
        if self._waiting is None:
            return
        if not payload or len(self._waiting) > _MOST_HINTS:
            self._look_at_all = True
            return
        now = time.monotonic()
        for word in payload.partition(":")[2].split(","):
            self._waiting.setdefault(int(word), now)

    async def run(self) -> None:
        """Index what is there and what comes, for ever. Raises StorageUnavailable."""
        self._waiting = {}
        due = 0.0
        try:
            while True:
                if self._look_at_all or time.monotonic() >= due:
                    self._look_at_all = False
                    await self.index_all()
                    due = time.monotonic() + _LOOK_AT_ALL
                await self._index_settled(self._waiting)
                await asyncio.sleep(_PAUSE)
        finally:
            self._waiting = None
            metrics.SEARCH_WAITING.set(0)
            metrics.SEARCH_LAG.set(0)

    async def index_all(self) -> int:
        """Index everything that waits; gives how many messages that were."""
        total, after = 0, 0
        while True:
            async with self._database.connection() as c:
                found, last = await text_packs.waiting(c, after, _MAILBOXES)
            for mailbox_id in found:
                total += await self.index(mailbox_id)
            if last is None:
                return total
            after = last

    async def index(self, mailbox_id: int) -> int:
        """Index what waits in a mailbox; gives how many messages that were."""
        total, overtaken = 0, 0
        while overtaken < _TRIES:
            try:
                done = await self._index_pack(mailbox_id)
            except Overtaken:
                # Expunged and removed meanwhile, or another process was here: look again.
                overtaken += 1
                continue
            if done is None:
                break
            total += done
        return total

    async def _index_settled(self, waiting: dict[int, float]) -> None:
        now = time.monotonic()
        for mailbox_id in [key for key, since in waiting.items() if now - since >= _SETTLE]:
            # First: what comes meanwhile is a new change.
            del waiting[mailbox_id]
            await self.index(mailbox_id)
        async with self._database.connection() as c:
            metrics.SEARCH_WAITING.set(await text_packs.backlog(c, list(waiting)))
        metrics.SEARCH_LAG.set(max((now - since for since in waiting.values()), default=0.0))

    async def _index_pack(self, mailbox_id: int) -> int | None:
        """Index the oldest messages that wait; gives how many, None when none do."""
        async with self._database.transaction(snapshot=True) as c:
            tail = await text_packs.tail(c, mailbox_id)
        if tail is None:
            return None
        sources, last_uid = _bounded(tail.sources, tail.last_uid)
        builder = Builder()
        for start, end in batches([one.size for one in sources], _GROUP):
            group = [(one, PartTable.decode(one.parts)) for one in sources[start:end]]
            texts = await self._texts(group)
            await asyncio.to_thread(_add, builder, group, texts)
        pack = await asyncio.to_thread(builder.pack)
        async with self._database.transaction() as c:
            await text_packs.add(c, mailbox_id, tail.first_uid, last_uid, pack)
        metrics.SEARCH_INDEXED.inc(len(builder))
        return len(builder)

    async def _texts(self, group: Sequence[tuple[Source, PartTable]]) -> list[Texts | None]:
        """What is text in each message; None where its bytes are gone."""
        small = sorted({one.blob_id for one, _ in group if one.size <= _WHOLE})
        try:
            contents = await self._blobs.read_many(small) if small else {}
        except ObjectMissing:
            contents = {}
        found: list[Texts | None] = []
        for one, table in group:
            content = contents.get(one.blob_id)
            try:
                if content is None:
                    found.append(await self._ranges(one, table))
                else:
                    found.append(_cut(content, one, table, self._limit))
            except (BlobMissing, ObjectMissing):
                log.warning("message bytes are gone", message=one.id, blob=one.blob_id)
                found.append(None)
        return found

    async def _ranges(self, one: Source, table: PartTable) -> Texts:
        """The texts of a message, each read by itself."""
        texts = Texts(one.prefix + await self._blobs.read(one.blob_id, 0, table.parts[0].body))
        for stretch in readable(table):
            if texts.takes(stretch, self._limit):
                raw = await self._blobs.read(one.blob_id, stretch.start, stretch.end)
                texts.stretches.append((stretch, raw))
        return texts


def _cut(content: bytes, one: Source, table: PartTable, limit: int) -> Texts:
    texts = Texts(one.prefix + content[: table.parts[0].body])
    for stretch in readable(table):
        if texts.takes(stretch, limit):
            texts.stretches.append((stretch, content[stretch.start : stretch.end]))
    return texts


def _bounded(sources: Sequence[Source], last_uid: int) -> tuple[Sequence[Source], int]:
    """As many of the messages as one pack may read, and the last UID that it covers."""
    weight = 0
    for place, one in enumerate(sources):
        weight += min(one.size, _WHOLE)
        if place and weight > _PACK:
            return sources[:place], sources[place - 1].uid
    return sources, last_uid


def _add(
    builder: Builder,
    group: Sequence[tuple[Source, PartTable]],
    texts: Sequence[Texts | None],
) -> None:
    for (one, _), found in zip(group, texts, strict=True):
        if found is None:
            builder.add(Document(one.uid, (), (), whole=False))
        else:
            builder.add(found.document(one.uid))
