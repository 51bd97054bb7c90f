"""One writer per process: whatever queued while the last commit ran goes into the next.

No timer: an idle system commits at once, a busy one commits large batches. Kill -9 at any instant
leaves an arrival either whole or not there, and only a whole one gets a receipt.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from mailserver import metrics
from mailserver.accounts import Account
from mailserver.errors import MailError, StorageRefused, StorageUnavailable
from mailserver.ingest.arrival import Arrival, Placed, Receipt
from mailserver.ingest.commit import MailboxesGone, mailbox_of, write
from mailserver.ingest.rows import Prepared, ids_needed, prepare
from mailserver.logs import logger
from mailserver.objects import MessageBuffer, ObjectStore, Scratch
from mailserver.quotas import Quotas
from mailserver.storage import arrivals, mailboxes
from mailserver.storage.database import Connection, Database, translated
from mailserver.storage.notifications import MailboxChanges

_BATCH = 512  # arrivals in one commit at the most
_BATCH_BYTES = 32 << 20  # and bytes
_IN_THREAD = 1 << 20  # bytes; digesting more would hold the loop for too long
_INBOXES = 100_000  # remembered per process

log = logger("ingest")


@dataclass(slots=True)
class _Waiting:
    """Arrivals that are stored together or not at all; nearly always one."""

    prepared: list[Prepared]
    done: asyncio.Future[list[list[Placed]]]


class Ingest:
    """`accept()` from any session; `run()` is the writer and must be running."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        quotas: Quotas,
        changes: MailboxChanges,
        scratch: Scratch,
        *,
        inline_limit: int,
    ) -> None:
        """`inline_limit` in bytes: larger messages go to `objects`, and by `scratch` until then."""
        self._database = database
        self._objects = objects
        self._quotas = quotas
        self._changes = changes
        self._scratch = scratch
        self._inline_limit = inline_limit
        self._waiting: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._ids: Iterator[int] = iter(())
        self._inboxes: dict[int, int] = {}
        self._digesting = asyncio.Semaphore(1)

    def buffer(self) -> MessageBuffer:
        """Where a message is collected that will arrive."""
        return MessageBuffer(self._scratch, self._inline_limit)

    async def accept(self, arrival: Arrival) -> Receipt:
        """Store the arrival; durable when this returns.

        Raises StorageUnavailable (nothing was stored, or its client will see a duplicate after
        a retry: the commit's answer was lost), MailError 450 4.2.1 for a mailbox that went away.
        """
        (receipt,) = await self._committed([await self.ready(arrival)])
        return receipt

    async def accept_all(self, arrivals: Sequence[Arrival]) -> list[Receipt]:
        """Store all of `arrivals` or none, in one commit; else as `accept`.

        In one mailbox they get UIDs without a gap, in their order.
        """
        prepared = []
        for arrival in arrivals:
            prepared.append(await self.ready(arrival))
            await asyncio.sleep(0)  # each digest holds the loop
        return await self._committed(prepared)

    async def ready(self, arrival: Arrival) -> Prepared:
        """All that can be done before the commit; raises StorageUnavailable."""
        await self._find_inboxes(arrival)
        prepared = await self._prepare(arrival)
        for key in prepared.objects.values():
            await self._objects.put(key, arrival.content)
        return prepared

    async def _committed(self, prepared: list[Prepared]) -> list[Receipt]:
        done: asyncio.Future[list[list[Placed]]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(prepared, done))
        self._wake.set()
        return [self._receipt(*one) for one in zip(prepared, await done, strict=True)]

    def _receipt(self, prepared: Prepared, placed: list[Placed]) -> Receipt:
        placements = prepared.arrival.placements
        for placement, row in zip(placements, prepared.message_rows, strict=True):
            size = row[3]
            assert isinstance(size, int)
            self._quotas.added(placement.account_id, size)
        first = min(prepared.blobs.values())
        return Receipt(id=first, queue_ids=prepared.queue_ids, placed=placed)

    async def write_within(self, c: Connection, prepared: Prepared) -> list[Placed]:
        """Write what `ready` gave in the caller's transaction, which makes it durable.

        For mail that comes in place of other mail. Its mailboxes are locked from here on, and
        `stored` is to be called after the commit. Raises MailboxesGone.
        """
        (placed,) = await write(c, [prepared], self._changes)
        return placed

    def stored(self, prepared: Prepared, placed: list[Placed]) -> Receipt:
        """The receipt of what was written within another transaction, which is committed."""
        return self._receipt(prepared, placed)

    async def has_room(self, account: Account, size: int) -> bool:
        """May `size` more bytes be placed with `account`? For the answer to RCPT."""
        return await self._quotas.has_room(account, size)

    async def run(self) -> None:
        """Commit what waits, for ever; when cancelled, what waits is refused."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                try:
                    # Kept while there is something to write: giving it back costs a round trip.
                    async with self._database.connection() as c:
                        while (batch := self._take()) and await self._serve(c, batch):
                            pass
                except StorageUnavailable as error:
                    self._fail_all(error)
                if self._waiting:
                    self._wake.set()  # another connection may do better
        finally:
            self._fail_all(StorageUnavailable("shutting down"))

    async def _serve(self, c: Connection, batch: list[_Waiting]) -> bool:
        """Commit `batch`; False when the connection may be of no more use."""
        try:
            return await self._commit(c, batch)
        except Exception as error:  # the outermost loop: no mistake may stop the writer
            log.error("commit failed", arrivals=len(batch), exc_info=error)
            return True
        finally:
            # Nobody waits for ever, also when we are cancelled in the middle.
            for waiting in batch:
                _fail(waiting, StorageUnavailable("the commit failed"))

    def _fail_all(self, error: StorageUnavailable) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            _fail(one, error)

    def _take(self) -> list[_Waiting]:
        size = count = 0
        for waiting in self._waiting[:_BATCH]:
            size += sum(len(prepared.arrival.content) for prepared in waiting.prepared)
            if count and size > _BATCH_BYTES:
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    async def _commit(self, c: Connection, batch: list[_Waiting]) -> bool:
        """One transaction for the batch; a bad apple fails alone. False: Postgres could not."""
        while batch:
            try:
                with metrics.INGEST_COMMIT_SECONDS.time(), translated():
                    prepared = [one for waiting in batch for one in waiting.prepared]
                    placed = iter(await write(c, prepared, self._changes))
            except MailboxesGone as gone:
                batch = self._without(batch, gone.ids)
            except StorageUnavailable as error:
                log.warning("commit failed", arrivals=len(batch), cause=str(error))
                for waiting in batch:
                    _fail(waiting, error)
                return False
            except StorageRefused as error:
                # What Postgres will not store (a NUL in a text, say) must not hurt its neighbours.
                log.error("commit refused", arrivals=len(batch), cause=str(error))
                await self._isolate(c, batch, error)
                return True
            else:
                metrics.INGEST_BATCH.observe(len(prepared))
                changed: set[int] = set()
                for waiting in batch:
                    where = list(islice(placed, len(waiting.prepared)))
                    changed.update(one.mailbox_id for places in where for one in places)
                    if not waiting.done.done():
                        waiting.done.set_result(where)
                self._changes.changed(changed)
                return True
        return True

    async def _isolate(self, c: Connection, batch: list[_Waiting], error: Exception) -> None:
        if len(batch) == 1:
            refusal = MailError(554, "5.6.0", "Message cannot be stored", cause=str(error))
            _fail(batch[0], refusal)
            return
        for waiting in batch:
            await self._commit(c, [waiting])

    def _without(self, batch: list[_Waiting], gone: set[int]) -> list[_Waiting]:
        kept = []
        for waiting in batch:
            lost = [
                placement
                for prepared in waiting.prepared
                for placement in prepared.arrival.placements
                if mailbox_of(placement) in gone
            ]
            if not lost:
                kept.append(waiting)
                continue
            for placement in lost:
                if self._inboxes.get(placement.account_id) in gone:
                    del self._inboxes[placement.account_id]
            _fail(waiting, MailError(450, "4.2.1", "Mailbox unavailable", cause=f"gone: {gone}"))
        return kept

    async def _find_inboxes(self, arrival: Arrival) -> None:
        wanted = [p for p in arrival.placements if p.mailbox_id is None]
        accounts = {p.account_id for p in wanted}
        # A copy: while we wait, a commit that failed may forget what is remembered.
        inboxes = {a: self._inboxes[a] for a in accounts if a in self._inboxes}
        if unknown := accounts - inboxes.keys():
            async with self._database.transaction() as c:
                found = await mailboxes.inboxes(c, sorted(unknown))
            inboxes.update(found)
            if len(self._inboxes) > _INBOXES:
                self._inboxes.clear()
            self._inboxes.update(found)
        for placement in wanted:
            placement.mailbox_id = inboxes[placement.account_id]

    async def _prepare(self, arrival: Arrival) -> Prepared:
        needed = ids_needed(arrival)
        ids = await self._take_ids(needed)
        if len(arrival.content) <= _IN_THREAD:
            return prepare(arrival, iter(ids), self._inline_limit)
        # One at a time: threads that compute take the interpreter from the loop by turns.
        async with self._digesting:
            return await asyncio.to_thread(prepare, arrival, iter(ids), self._inline_limit)

    async def _take_ids(self, count: int) -> list[int]:
        taken = list(islice(self._ids, count))
        while len(taken) < count:
            async with self._database.connection() as c:
                block = await arrivals.new_ids(c)
            # Others may have waited for a block too: what is left of theirs is used first.
            self._ids = chain(self._ids, block)
            taken += islice(self._ids, count - len(taken))
        return taken


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(error)
