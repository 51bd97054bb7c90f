"""An arrival as rows: everything about it that does not depend on the mailbox's lock."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from mailserver.ingest.arrival import Arrival, Outbound, Placement
from mailserver.mail.addresses import normalise_domain, parse_address
from mailserver.mail.conversation import thread_id
from mailserver.mail.dates import format_internaldate
from mailserver.mail.digest import Digest, digest
from mailserver.mail.terms import NOTHING_ASKED
from mailserver.storage.arrivals import GENERATION
from mailserver.storage.terms import asked_row, terms_row

Row = tuple[object, ...]


@dataclass(slots=True)
class Prepared:
    """The rows of one arrival; `messages` and `queued` are in the order of the arrival's lists."""

    arrival: Arrival
    blobs: dict[int, int]  # organization id → blob id
    objects: dict[int, str]  # blob id → key, for content that is too large for the spool
    blob_rows: list[Row]
    spool_rows: list[Row]
    message_ids: list[int]
    message_rows: list[Row]
    queue_ids: list[int]
    queue_rows: list[Row]
    recipient_rows: list[Row]
    asking_rows: list[Row]  # recipients that something is to be known of, beside their address


def ids_needed(arrival: Arrival) -> int:
    """How many ids `prepare` takes at the most."""
    return 2 * (len(arrival.placements) + len(arrival.outbound))


def prepare(arrival: Arrival, ids: Iterator[int], inline_limit: int) -> Prepared:
    """Digest the content once and lay out the rows; pure but for the ids it takes."""
    content = arrival.content
    owners = {p.organization_id for p in arrival.placements}
    owners |= {o.organization_id for o in arrival.outbound}
    blobs = {owner: next(ids) for owner in sorted(owners)}
    large = len(content) > inline_limit
    objects = {b: f"{owner}/{b:016x}" for owner, b in blobs.items()} if large else {}
    checksum = hashlib.sha256(content).digest()
    generation = None if large else GENERATION
    message_ids = [next(ids) for _ in arrival.placements]
    queue_ids = [next(ids) for _ in arrival.outbound]
    found = digest(content) if arrival.placements else None
    return Prepared(
        arrival=arrival,
        blobs=blobs,
        objects=objects,
        blob_rows=[
            (blob, owner, len(content), checksum, generation, objects.get(blob))
            for owner, blob in blobs.items()
        ],
        spool_rows=[] if large else [(GENERATION, blob, content) for blob in blobs.values()],
        message_ids=message_ids,
        message_rows=[
            _message(message_id, blobs[placement.organization_id], placement, found)
            for message_id, placement in zip(message_ids, arrival.placements, strict=True)
            if found is not None
        ],
        queue_ids=queue_ids,
        queue_rows=[
            _queued(queue_id, blobs[outbound.organization_id], outbound, len(content))
            for queue_id, outbound in zip(queue_ids, arrival.outbound, strict=True)
        ],
        recipient_rows=[
            (queue_id, recipient, _domain(recipient))
            for queue_id, outbound in zip(queue_ids, arrival.outbound, strict=True)
            if not _asks(outbound)
            for recipient in outbound.recipients
        ],
        asking_rows=[
            _asking(queue_id, recipient, outbound)
            for queue_id, outbound in zip(queue_ids, arrival.outbound, strict=True)
            if _asks(outbound)
            for recipient in outbound.recipients
        ],
    )


def _message(message_id: int, blob_id: int, placement: Placement, found: Digest) -> Row:
    size = len(placement.prefix) + found.size
    # RFC 3501 §7.4.2: these items in this form, so that a FETCH only joins bytes.
    static = b'INTERNALDATE "%b" RFC822.SIZE %d ENVELOPE %b' % (
        format_internaldate(placement.internal_date).encode(),
        size,
        found.envelope,
    )
    return (
        *(message_id, blob_id, placement.prefix, size, placement.internal_date, static),
        *(found.body, found.bodystructure, found.fields, found.parts, found.sent),
        *(
            found.preview,
            thread_id(found.conversation, placement.account_id, placement.prefix, message_id),
        ),
    )


def _queued(queue_id: int, blob_id: int, outbound: Outbound, size: int) -> Row:
    return (
        *(queue_id, outbound.organization_id, outbound.account_id, blob_id, outbound.prefix),
        *(outbound.sender, size + len(outbound.prefix), outbound.smtputf8),
        *(outbound.eight_bit, outbound.expires_at, *terms_row(outbound.terms)),
    )


def _asks(outbound: Outbound) -> bool:
    return outbound.asked is not None or outbound.terms.hold is not None


def _asking(queue_id: int, recipient: str, outbound: Outbound) -> Row:
    asked = (outbound.asked or {}).get(recipient, NOTHING_ASKED)
    hold = outbound.terms.hold
    return (
        *(queue_id, recipient, _domain(recipient), *asked_row(asked)),
        hold.until if hold else None,
    )


def _domain(recipient: str) -> str:
    return normalise_domain(parse_address(recipient, smtputf8=True).domain)
