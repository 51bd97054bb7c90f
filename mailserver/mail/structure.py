"""The tree of MIME entities in a message, found in one pass over its bytes.

Invariants: never raises; time is linear in the message; at most MAX_PARTS entities, MAX_DEPTH deep,
what lies beyond is opaque content; for each entity 0 <= start <= body <= end <= size, and children
lie inside their parent. No part of the message is copied but headers, MAX_HEADERS in all.
"""

from __future__ import annotations

import functools
import mmap
import re
from dataclasses import dataclass, field

from mailserver.mail.headers import end_of_header, values
from mailserver.mail.media import (
    MESSAGE,
    OPAQUE,
    PLAIN,
    FieldValues,
    Media,
    MediaType,
    read_media,
)
from mailserver.mail.parameters import parameter
from mailserver.mail.parts import Kind

MAX_DEPTH = 64  # entities inside one another
MAX_PARTS = 1000  # entities in one message
MAX_HEADER = 1 << 20  # bytes of one header whose fields are looked at
MAX_HEADERS = 2 << 20  # bytes of all headers in a message whose fields are looked at
MAX_BOUNDARY = 998  # bytes. QUIRKS: RFC 2046 §5.1.1 allows 70, real ones are longer
# Lines that begin with "--" and delimit nothing cost most; no real message has as many.
MAX_DASH_LINES = 1_000_000

# Lower-case names of the header fields that clients commonly ask for.
CACHED_FIELDS = frozenset(
    b"from to cc bcc sender reply-to subject date message-id in-reply-to references "
    b"content-type content-transfer-encoding mime-version list-id list-post list-unsubscribe "
    b"list-archive list-help x-priority importance priority disposition-notification-to x-mailer "
    b"user-agent newsgroups x-spam-flag x-spam-status".split()
)
# What ENVELOPE and BODYSTRUCTURE are made of.
_CONTENT_FIELDS = frozenset(
    b"content-type content-transfer-encoding content-id content-description content-md5 "
    b"content-disposition content-language content-location".split()
)
_MESSAGE_FIELDS = _CONTENT_FIELDS | frozenset(
    b"from sender reply-to to cc bcc subject date message-id in-reply-to references".split()
)

_BLANK = re.compile(rb"\n\r?\n").search
_BLANK_OR_DASHES = re.compile(rb"\n(?:\r?\n|--)").search

# Part headers repeat from message to message: these are read once. Longer ones hold file names.
_SMALL_HEADER = 256  # bytes


@dataclass(slots=True)
class Entity:
    """A message or a part of one. Offsets in bytes; `fields` are unfolded, by lower-case name."""

    start: int
    depth: int
    body: int
    end: int
    kind: Kind
    media: Media
    fields: FieldValues
    children: list[Entity] = field(default_factory=list)
    boundary: bytes | None = None  # while the multipart is open
    shadowed: int | None = None  # the level that had the same boundary


def scan(message: bytes | mmap.mmap) -> tuple[Entity, list[bytes]]:
    """The tree of a message, its root the message itself, and its raw CACHED_FIELDS less their LF.

    Of a header longer than MAX_HEADER the fields beyond are not seen.
    """
    body = end_of_header(message) if len(message) else 0
    header = message[: min(body, MAX_HEADER)]
    fields, cached = values(header, _MESSAGE_FIELDS, CACHED_FIELDS)
    scanner = _Scanner(message)
    return scanner.scan(body, fields), cached


def _part_header(header: bytes, default: MediaType) -> tuple[FieldValues, Media]:
    fields, _ = values(header, _CONTENT_FIELDS)
    return fields, read_media(fields, default=default)


@functools.lru_cache(maxsize=1024)
def _small_part_header(header: bytes) -> tuple[FieldValues, Media]:
    return _part_header(header, PLAIN)


class _Scanner:
    """One pass: `open` are the entities around the current position, outermost first."""

    __slots__ = ("boundaries", "count", "dash_lines", "header_bytes", "message", "open", "size")

    def __init__(self, message: bytes | mmap.mmap) -> None:
        self.message = message
        self.size = len(message)
        self.open: list[Entity] = []
        self.boundaries: dict[bytes, int] = {}  # boundary: level in `open`
        self.count = 0
        self.dash_lines = MAX_DASH_LINES
        self.header_bytes = MAX_HEADERS

    def scan(self, body: int, fields: FieldValues) -> Entity:
        """Scan a message whose header, read by the caller, ends at `body`."""
        root = self._add(0, body, fields, read_media(fields))
        pos = max(body - 1, 0)
        if root.kind is Kind.MESSAGE:
            pos = self._begin(body)
        find = self.message.find
        while self.boundaries and self.dash_lines:
            dashes = find(b"\n--", pos)
            if dashes < 0:
                break
            level, closing, pos = self._delimiter(dashes)
            if level is None:
                continue
            self._end(level + 1, self._before(dashes))
            if closing or pos + 1 >= self.size:
                # where nothing follows a delimiter no part begins
                self._close_boundary(self.open[level])
            elif self.count == MAX_PARTS:
                break
            else:
                pos = self._begin(pos + 1)
        self._end(0, self.size)
        return root

    def _before(self, newline: int) -> int:
        """RFC 2046 §5.1.1: the line end before a delimiter belongs to the delimiter."""
        return newline - 1 if self.message[newline - 1 : newline] == b"\r" else newline

    def _delimiter(self, newline: int) -> tuple[int | None, bool, int]:
        """(level, is it a close-delimiter, end of line) of the line after `newline`, begun by "--".

        The whole line must be the boundary, trailing white space aside, so that boundaries which
        begin alike keep apart; an outer boundary counts inside an inner part (§5.1.2).
        """
        self.dash_lines -= 1
        stop = self.message.find(b"\n", newline + 3)
        if stop < 0:
            stop = self.size
        if stop - newline > 2 * MAX_BOUNDARY:
            return None, False, stop
        line = self.message[newline + 3 : stop].rstrip()
        level = self.boundaries.get(line)
        if level is None and line[-2:] == b"--":
            return self.boundaries.get(line[:-2]), True, stop
        return level, False, stop

    def _begin(self, start: int) -> int:
        """Open the entity at `start` and the messages in it; returns where to look on."""
        while True:
            parent = self.open[-1]
            body, resume = self._header_end(start)
            header = self.message[start : min(body, start + min(MAX_HEADER, self.header_bytes))]
            self.header_bytes -= len(header)
            if parent.kind is Kind.MESSAGE:
                fields, _ = values(header, _MESSAGE_FIELDS)
                media = read_media(fields)
            elif parent.media.subtype == b"digest":
                fields, media = _part_header(header, MESSAGE)
            elif len(header) <= _SMALL_HEADER:
                fields, media = _small_part_header(header)
            else:
                fields, media = _part_header(header, PLAIN)
            entity = self._add(start, body, fields, media)
            parent.children.append(entity)
            if entity.kind is not Kind.MESSAGE:
                return resume
            start = body

    def _header_end(self, start: int) -> tuple[int, int]:
        """(end of the header that begins at `start`, where to look for delimiters).

        It ends after an empty line, or before a delimiter line, or with the message.
        """
        pattern = _BLANK_OR_DASHES if self.boundaries else _BLANK
        pos = start - 1
        while (found := pattern(self.message, pos)) is not None:
            end = found.end()
            if self.message[end - 1 : end] == b"\n":
                return end, end - 1
            level, _, pos = self._delimiter(found.start())
            if level is not None:
                return max(start, self._before(found.start())), found.start()
            if not self.dash_lines:
                break
        return self.size, self.size

    def _add(self, start: int, body: int, fields: FieldValues, media: Media) -> Entity:
        """Open an entity inside the open ones; its kind is decided here."""
        level = len(self.open)
        self.count += 1
        entity = Entity(start, level, body, body, Kind.LEAF, media, fields)
        if media.maintype == b"multipart" or (
            media.maintype == b"message" and media.subtype == b"rfc822"
        ):
            if level >= MAX_DEPTH - 1 or self.count >= MAX_PARTS:
                entity.media = read_media(fields, forced=OPAQUE)
            elif media.maintype == b"message":
                entity.kind = Kind.MESSAGE
            else:
                self._open_multipart(entity)
        self.open.append(entity)
        return entity

    def _open_multipart(self, entity: Entity) -> None:
        boundary = (parameter(entity.media.parameters, b"boundary") or b"").rstrip()
        if not boundary or len(boundary) > MAX_BOUNDARY:
            entity.media = read_media(entity.fields, forced=PLAIN)
            return
        entity.kind = Kind.MULTIPART
        entity.boundary = boundary
        entity.shadowed = self.boundaries.get(boundary)
        self.boundaries[boundary] = entity.depth

    def _close_boundary(self, entity: Entity) -> None:
        if entity.boundary is None:
            return
        if entity.shadowed is None:
            del self.boundaries[entity.boundary]
        else:
            self.boundaries[entity.boundary] = entity.shadowed
        entity.boundary = None

    def _end(self, level: int, end: int) -> None:
        """End the entities from `level` inwards.

        The empty line behind a header may be the line end that belongs to the delimiter: then the
        entity ends behind it, and so do those around it that end here too.
        """
        while len(self.open) > level:
            entity = self.open.pop()
            end = entity.end = max(end, entity.body)
            if entity.kind is Kind.MULTIPART:
                self._close_boundary(entity)
                if not entity.children:
                    # RFC 3501 §9: body-type-mpart needs a part; without delimiters it is text
                    entity.kind = Kind.LEAF
                    entity.media = read_media(entity.fields, forced=PLAIN)
