"""The one-pass digest of a message: all that is kept ready beside its bytes.

Invariants: never raises on any bytes; linear in the message; never copies a mapped message whole.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from datetime import datetime

from mailserver.mail.bodystructure import render
from mailserver.mail.conversation import Conversation, conversation
from mailserver.mail.dates import parse_date
from mailserver.mail.envelope import envelope
from mailserver.mail.media import FieldValues
from mailserver.mail.nstring import string
from mailserver.mail.parts import Part, PartTable
from mailserver.mail.preview import preview
from mailserver.mail.structure import CACHED_FIELDS as CACHED_FIELDS
from mailserver.mail.structure import MAX_HEADER, Entity, scan

MAX_FIELDS = 32 * 1024  # bytes of cached header fields


@dataclass(slots=True)
class Digest:
    """What one pass over a message finds. The bytes are IMAP wire format (RFC 3501 §7.4.2, §9)."""

    size: int  # octets of the message as received, without prefix
    envelope: bytes
    body: bytes
    bodystructure: bytes
    fields: bytes | None  # raw CACHED_FIELDS in order; None if they are not complete here
    parts: bytes  # PartTable.decode reads it
    sent: datetime | None  # the Date field, in the zone it was written
    preview: bytes  # a string, never NIL
    conversation: Conversation


def digest(message: bytes | mmap.mmap) -> Digest:
    """Digest a message as received (without prefix); CPU only, about 0.1 ms for common mail."""
    root, cached = scan(message)
    body, structure = render(message, root)
    fields = b"".join([raw + b"\n" for raw in cached])
    date = _first(root.fields, b"date")
    rows = _rows(root, [])
    return Digest(
        len(message),
        envelope(root.fields),
        body,
        structure,
        fields if len(fields) <= MAX_FIELDS and root.body <= MAX_HEADER else None,
        PartTable(rows).encode(),
        None if date is None else parse_date(date),
        string(preview(message, rows).encode()),
        conversation(root.fields),
    )


def _first(fields: FieldValues, name: bytes) -> bytes | None:
    values = fields.get(name)
    return None if values is None else values[0]


def _rows(entity: Entity, rows: list[Part]) -> list[Part]:
    """The rows of the part table for an entity and all inside it, depth first."""
    media = entity.media
    rows.append(
        Part(
            entity.kind,
            entity.depth,
            media.encoding,
            entity.start,
            entity.body,
            entity.end,
            media.name,
            media.charset,
        )
    )
    for child in entity.children:
        _rows(child, rows)
    return rows
