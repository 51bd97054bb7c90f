"""FETCH and UID FETCH (RFC 3501 §6.4.5, §6.4.8).

Messages are answered in batches, so that memory stays bounded and a client that does not read is
waited for. Invariant: a line is written only when all of it can be; where a message is too large
for that and its bytes end early, the connection ends, since nothing else can end a literal.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from imap import message_limit
from imap.commands.fetch_items import COLUMNS, Items
from imap.commands.vanished import tell_vanished
from imap.mailboxes.columns import MAX_UID, SEEN
from imap.mailboxes.named import Span, changed_since, chunks, named, paged, size
from imap.mailboxes.picked import Picked, pick
from imap.mailboxes.rendering import flag_texts
from imap.mailboxes.writing import Change, Storing
from imap.messages import binary, contents, static
from imap.messages import plan as fetch_plan
from imap.messages.binary import Encoded
from imap.messages.cache import Batch, RowByRow
from imap.messages.contents import Wanted
from imap.messages.plan import PlannedMessage, Value
from imap.messages.rows import FetchRows, escaped
from imap.messages.sections import Range, finish, is_made
from imap.protocol import responses
from imap.protocol.fetch import BinaryItem, BodyItem, Fetch, FetchAttribute, SectionItem
from imap.protocol.objectid import EMAILID_PAIR
from imap.protocol.savedate import encode_saved
from imap.protocol.sequence import runs
from imap.protocol.strings import char8, literal
from imap.session import Answer, Disconnected, Session
from imap.updates import flags_in_use
from mailserver import metrics
from mailserver.errors import StorageUnavailable
from mailserver.objects import ObjectMissing
from mailserver.storage import messages, saved
from mailserver.storage.blobs import BlobMissing
from mailserver.storage.messages import Column, MessageRow

_COLUMNS_AT_ONCE = 2000  # messages whose answer is FLAGS and UID, about 100 KB
_ROWS_AT_ONCE = 500
_STREAMED = 1 << 20  # bytes: a message that has more to tell is written in pieces of this size

Values = Mapping[Column, Sequence[bytes]]


async def fetch(session: Session, command: Fetch) -> Answer:
    """RFC 3501 §6.4.5"""
    selected = session.mailbox()
    spans = named(selected.view, command.sequence, by_uid=command.by_uid)
    if spans is None:
        return Answer.bad("No such message sequence number")
    since = command.modifiers.changed_since
    if since is not None:
        spans = changed_since(selected.view, spans, since)
    if command.modifiers.vanished and since is not None:
        # RFC 7162 §3.2.6: before any FETCH.
        await tell_vanished(session, since, command.sequence.to_ranges(MAX_UID))
    lowest = None
    if command.modifiers.partial is not None:
        spans = paged(spans, command.modifiers.partial)
        if message_limit.taken(session, spans)[1] is not None:
            # RFC 9738 §3.1: a page is told whole, or not at all.
            return message_limit.refused(session)
    else:
        spans, lowest = message_limit.taken(session, spans)
    items = Items.of(session, command)
    try:
        missing = await respond(session, spans, items)
    except UnknownEncoding:
        # RFC 3516 §4.3; the other messages have been told.
        return Answer.no("A part has an unknown encoding", responses.UNKNOWN_CTE)
    if missing:
        done = Answer.ok("FETCH completed", responses.EXPUNGEISSUED)
    else:
        done = Answer.ok("FETCH completed")
    return await message_limit.limited(session, done, lowest)


class UnknownEncoding(Exception):
    """BINARY was asked of parts that nobody can decode; their messages were not told."""


async def respond(session: Session, spans: Sequence[Span], items: Items) -> int:
    """Write the FETCH responses of all messages in `spans`; gives how many had gone meanwhile.

    Raises UnknownEncoding.
    """
    fetching = _Fetching(session, items)
    at_once = _ROWS_AT_ONCE if items.needs_rows else _COLUMNS_AT_ONCE
    for chunk in chunks(spans, at_once):
        await fetching.tell(chunk)
    await session.services.messages.wish(session.mailbox().opened.state.id, fetching.row_by_row)
    if fetching.undecodable:
        raise UnknownEncoding
    return fetching.missing


def _literals(item: SectionItem, headers: Sequence[bytes]) -> list[bytes]:
    """An item of chosen header fields, made of the kept fields of many messages."""
    assert isinstance(item, BodyItem), "only chosen fields of the header are kept"
    return [literal(finish(item, header)) for header in headers]


class _Fetching:
    """One FETCH while it runs."""

    def __init__(self, session: Session, items: Items) -> None:
        self._session = session
        self._selected = session.mailbox()
        self._items = items
        self._previews: dict[int, bytes | None] = {}  # of the batch, if they are told
        self._saved: dict[int, datetime] = {}  # the same, by UID
        self.missing = 0  # messages that were expunged and are gone
        self.undecodable = 0  # messages with a part that BINARY cannot decode
        self.row_by_row = RowByRow()

    async def tell(self, spans: Sequence[Span]) -> None:
        """Write the responses of one batch."""
        modseqs = FetchAttribute.MODSEQ in self._items.attributes
        picked = pick(self._selected.view, spans, modseqs=modseqs)
        self.missing += size(spans) - len(picked)
        if FetchAttribute.SAVEDATE in self._items.attributes:
            await self._read_saved(picked)
        if not self._items.needs_rows:
            await self._write(picked, {})
            return
        if not self._items.in_columns or not await self._tell_columns(picked):
            await self._tell_rows(picked)
        # A client that reads fast never makes write() wait: others want their turn.
        await asyncio.sleep(0)

    async def _tell_columns(self, picked: Picked) -> bool:
        """Tell what columns hold; False, and nothing told, when a message is not in them."""
        cache = self._session.services.messages
        batch = Batch(self._selected.opened.state.id, picked.uids, picked.message_ids)
        values: dict[Column, Sequence[bytes]] = {}
        for which in self._items.columns:
            column = await cache.column(which, batch, self.row_by_row)
            if column is None:
                return False
            values[which] = column
        sections = []
        for item in self._items.sections:
            make = partial(_literals, item)
            column = await cache.made((item.label, item.partial), batch, self.row_by_row, make)
            if column is None:
                return False
            sections.append(column)
        await self._write(picked, values, sections)
        return True

    async def _tell_rows(self, picked: Picked) -> None:
        found = await self._session.services.messages.read(picked.message_ids)
        if len(found) < len(picked):
            here = [place for place, key in enumerate(picked.message_ids) if key in found]
            self.missing += len(picked) - len(here)
            picked = picked.only(here)
        rows = [found[key] for key in picked.message_ids]
        if FetchAttribute.PREVIEW in self._items.attributes:
            await self._read_previews(picked)
        if self._items.sections:
            await self._tell_sections(picked, rows)
        else:
            await self._write(picked, self._values(rows))

    def _values(self, rows: Sequence[MessageRow]) -> Values:
        return {which: [getattr(row, which.value) for row in rows] for which in self._items.columns}

    async def _read_previews(self, picked: Picked) -> None:
        """Apart from the rows: most clients ask for none."""
        async with self._session.node.database.connection() as c:
            self._previews = await messages.previews(c, list(picked.message_ids))

    async def _read_saved(self, picked: Picked) -> None:
        async with self._session.node.database.connection() as c:
            self._saved = await saved.times(c, self._selected.opened.state.id, list(picked.uids))

    async def _tell_sections(self, picked: Picked, rows: Sequence[MessageRow]) -> None:
        planned = [fetch_plan.plan(row, self._items.sections, self._items.cached) for row in rows]
        if any(message.undecodable for message in planned):
            here = [place for place, message in enumerate(planned) if not message.undecodable]
            self.undecodable += len(planned) - len(here)
            picked, planned = picked.only(here), [planned[place] for place in here]
        for start, end in contents.groups([message.wanted for message in planned]):
            part, group = picked.part(start, end), planned[start:end]
            if len(group) == 1 and group[0].wanted.length > _STREAMED:
                await self._stream(part, group[0])
            else:
                # What the lines are made of is let go before a client is waited for that reads
                # slowly, or not at all.
                await self._put(await self._group(part, group))

    async def _group(self, picked: Picked, group: list[PlannedMessage]) -> bytes:
        """The responses of messages whose sections are in memory at the same time."""
        blobs = self._session.node.blobs
        loaded = await contents.load(blobs, [message.wanted for message in group])
        strings = [
            fetch_plan.strings(message, self._items.sections, read)
            for message, read in zip(group, loaded, strict=True)
            if read is not None
        ]
        if len(strings) < len(group):
            here = [place for place, read in enumerate(loaded) if read is not None]
            self.missing += len(group) - len(here)
            picked, group = picked.only(here), [group[place] for place in here]
        rows = [message.wanted.row for message in group]
        sections = [[one[place] for one in strings] for place in range(len(self._items.sections))]
        return await self._responses(picked, self._values(rows), sections)

    async def _write(
        self, picked: Picked, values: Values, sections: Sequence[Sequence[bytes]] = ()
    ) -> None:
        await self._put(await self._responses(picked, values, sections))

    async def _responses(
        self, picked: Picked, values: Values, sections: Sequence[Sequence[bytes]] = ()
    ) -> bytes:
        """The lines of a batch; `sections` are the nstrings of all messages, section by section."""
        told = await self._mark_seen(picked)
        lines = self._lines(picked, values)
        for item, column in zip(self._items.sections, sections, strict=True):
            lines.add(escaped(item.label) + b" %b", column)
        return await self._encoded(lines, told)

    def _lines(self, picked: Picked, values: Values) -> FetchRows:
        """The responses with the items that need no bytes of the message."""
        lines = FetchRows(picked, uid_only=self._session.uid_only)
        wanted = self._items.static
        first = True
        for item in self._items.attributes:
            if item is FetchAttribute.UID:
                lines.add_uid()
            elif item is FetchAttribute.MODSEQ:
                lines.add(b"MODSEQ (%d)", picked.modseqs)
            elif item is FetchAttribute.EMAILID:
                lines.add(EMAILID_PAIR, picked.message_ids)
            elif item is FetchAttribute.PREVIEW:
                # RFC 8970 §3.2: NIL where there is none (yet).
                ready = self._previews.get
                lines.add(b"PREVIEW %b", [ready(key) or b"NIL" for key in picked.message_ids])
            elif item is FetchAttribute.SAVEDATE:
                lines.add(b"SAVEDATE %b", encode_saved(picked.uids, self._saved))
            elif (which := COLUMNS[item]) is not Column.STATIC:
                lines.add(item.value + b" %b", values[which])
            elif first:
                first = False
                lines.add(b"%b", static.cut(values[Column.STATIC], wanted))
        return lines

    async def _encoded(self, lines: FetchRows, told: Sequence[int]) -> bytes:
        """The lines, with FLAGS for all messages if they were asked for, else for those `told`."""
        state = self._selected.opened.state
        if self._items.flags and len(state.keywords) > self._selected.keywords:
            await self._session.write(flags_in_use(self._selected))
        return lines.encode(flag_texts(state), None if self._items.flags else told)

    async def _mark_seen(self, picked: Picked) -> list[int]:
        """Set \\Seen where the items do; gives the places of the messages that had it not.

        RFC 3501 §6.4.5: if that changes the flags, they are told as part of the response.
        """
        places = picked.unseen() if self._items.sets_seen else []
        if places:
            ranges = runs([picked.uids[place] for place in places])
            stored = await self._selected.opened.store(Storing(ranges, Change.ADD, SEEN))
            self._selected.view.told(stored.modseq)
            for place in places:
                picked.marks[place] |= SEEN
                if stored.modseq and picked.modseqs:
                    picked.modseqs[place] = stored.modseq
        return places

    # ── large messages ───────────────────────────────────────────────────────────────────────

    async def _stream(self, picked: Picked, message: PlannedMessage) -> None:
        """Write the response of one message in pieces."""
        blobs, row = self._session.node.blobs, message.wanted.row
        end = max(end for _, end in message.wanted.ranges)
        if (await contents.load(blobs, [Wanted(row, [(end - 1, end)])]))[0] is None:
            self.missing += 1  # seen while it can still be skipped
            return
        told = await self._mark_seen(picked)
        head = (await self._encoded(self._lines(picked, self._values([row])), told)).removesuffix(
            b")\r\n"
        )
        separator = b" " if self._items.attributes or self._items.flags or told else b""
        try:
            for item, value in zip(self._items.sections, message.values, strict=True):
                head += separator + item.label + b" "
                separator = b" "
                if isinstance(item, BinaryItem):
                    head = await self._stream_binary(head, row, item, value)
                elif isinstance(value, tuple):
                    await self._stream_item(head, row, item, value)
                    head = b""
                else:
                    head += literal(value) if isinstance(value, bytes) else b"NIL"
        except (BlobMissing, ObjectMissing, StorageUnavailable) as error:
            # What was announced cannot be written; the peer must not take what follows for it.
            raise Disconnected("message ended within its response") from error
        await self._put(head + b")\r\n")

    async def _stream_item(self, head: bytes, row: MessageRow, item: BodyItem, span: Range) -> None:
        blobs = self._session.node.blobs
        start, end = span
        if is_made(item.section):
            await self._put(head + literal(finish(item, await contents.read(blobs, row, span))))
            return
        head += b"{%d}\r\n" % (end - start)
        for place in range(start, end, _STREAMED):
            piece = (place, min(place + _STREAMED, end))
            await self._put(head + char8(await contents.read(blobs, row, piece)))
            head = b""
        if head:
            await self._put(head)

    async def _stream_binary(
        self, head: bytes, row: MessageRow, item: BinaryItem, value: Value
    ) -> bytes:
        """Write a decoded part; gives what is still to be written.

        It is decoded twice, since its length comes first: no more than a piece is in memory.
        """
        if not isinstance(value, Encoded):
            return head + binary.missing(item)
        blobs = self._session.node.blobs
        size, nul = 0, False
        async for piece in contents.decoded(blobs, row, value, item.partial, _STREAMED):
            size, nul = size + len(piece), nul or b"\0" in piece
        if item.size:
            return head + b"%d" % size
        await self._put(head + (b"~{%d}\r\n" if nul else b"{%d}\r\n") % size)
        async for piece in contents.decoded(blobs, row, value, item.partial, _STREAMED):
            await self._put(piece)
        return b""

    async def _put(self, data: bytes) -> None:
        metrics.IMAP_FETCHED_BYTES.inc(len(data))
        await self._session.write(data)
