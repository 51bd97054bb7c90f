"""The outbound queue: who is due, who holds the lease, what came of it.

Invariants:
- a recipient is attempted only under a lease; a lease that is not renewed ends, and the recipient
  is due again: a dead worker loses nothing;
- a final state (delivered, bounced, removed) is never left;
- time is Postgres's own: delays go in as seconds, so that workers' clocks need not agree.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from mailserver.mail.terms import NO_TERMS, NOTHING_ASKED, Action, Asked, Terms
from mailserver.storage.database import Connection, Record
from mailserver.storage.notifications import QUEUE
from mailserver.storage.terms import asked_of, released_at, terms_of


class State(StrEnum):
    """Where a recipient stands."""

    QUEUED = "queued"  # not attempted yet
    LEASED = "leased"  # an attempt runs
    DEFERRED = "deferred"  # attempted, to be tried again
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    REMOVED = "removed"  # by an operator


WAITING = (State.QUEUED, State.DEFERRED, State.LEASED)


@dataclass(slots=True)
class Recipient:
    """One recipient under our lease; `attempts` counts this one."""

    id: int
    address: str
    domain: str  # lower-case A-label, or an address literal
    attempts: int
    asked: Asked = NOTHING_ASKED
    delay_told_at: datetime | None = None  # when the sender was told that it takes longer
    last_host: str = ""  # of the attempt before
    last_reply: str = ""


@dataclass(slots=True)
class Message:
    """A queued message and those of its recipients that were claimed together."""

    id: int
    organization_id: int
    account_id: int | None
    blob_id: int
    prefix: bytes
    sender: str  # reverse path; "" is the null reverse path
    size: int  # bytes, prefix and blob
    smtputf8: bool
    eight_bit: bool
    created_at: datetime
    expires_at: datetime
    terms: Terms = NO_TERMS
    recipients: list[Recipient] = field(default_factory=list)

    @property
    def released_at(self) -> datetime:
        """When delivery began."""
        return released_at(self.created_at, self.terms)


@dataclass(slots=True)
class Result:
    """What came of an attempt: `state` is DELIVERED, DEFERRED or BOUNCED."""

    id: int  # of the recipient
    state: State
    host: str  # the remote, "" when none was reached
    reply: str  # its words, or what failed
    retry_after: float = 0.0  # seconds, for DEFERRED
    done: Action | None = None  # for DEFERRED: only the report is left to be sent
    delay_told: bool = False  # the sender was told of the delay just now


# $1 owner, $2 lease in seconds, $3 how many. Both inner selects walk a partial index in order and
# stop at the limit, so the claim costs the same with a million recipients waiting.
CLAIM = """
WITH expired AS MATERIALIZED (
    SELECT id FROM queue_recipient
    WHERE state = 'leased' AND lease_until < now()
    ORDER BY lease_until
    LIMIT $3
    FOR UPDATE SKIP LOCKED
), due AS MATERIALIZED (
    SELECT id FROM queue_recipient
    WHERE state IN ('queued', 'deferred') AND next_attempt_at <= now()
    ORDER BY next_attempt_at
    LIMIT $3
    FOR UPDATE SKIP LOCKED
)
UPDATE queue_recipient r
SET state = 'leased',
    lease_owner = $1,
    lease_until = now() + make_interval(secs => $2),
    attempts = r.attempts + 1,
    last_attempt_at = now()
FROM queue_message m
WHERE r.id = ANY (ARRAY(SELECT id FROM expired UNION ALL SELECT id FROM due))
    AND m.id = r.queue_id
RETURNING r.id, r.queue_id, r.recipient, r.domain, r.attempts, r.notify, r.original_recipient,
    r.done, r.delay_told_at, r.last_host, r.last_reply, m.organization_id, m.account_id, m.blob_id,
    m.prefix, m.sender, m.size, m.smtputf8, m.eight_bit, m.created_at, m.expires_at, m.returned,
    m.envelope_id, m.require_tls, m.hold_until, m.hold_request, m.deliver_by, m.by_mode, m.by_trace
"""

# $1 owner, then columns. A delivery is a fact even when the lease was lost meanwhile; a deferral
# or bounce counts only under the lease.
RECORD = """
UPDATE queue_recipient r
SET state = o.state,
    next_attempt_at = CASE o.state
        WHEN 'deferred' THEN now() + make_interval(secs => o.retry_after)
        ELSE r.next_attempt_at
    END,
    finished_at = CASE o.state WHEN 'deferred' THEN NULL ELSE now() END,
    last_host = o.host,
    last_reply = o.reply,
    done = o.done,
    delay_told_at = CASE WHEN o.delay_told THEN now() ELSE r.delay_told_at END,
    lease_owner = NULL,
    lease_until = NULL
FROM unnest(
        $2::bigint[], $3::text[], $4::float8[], $5::text[], $6::text[], $7::text[], $8::boolean[]
    ) AS o (id, state, retry_after, host, reply, done, delay_told)
WHERE r.id = o.id
    AND r.state IN ('queued', 'leased', 'deferred')
    AND (o.state = 'delivered' OR (r.state = 'leased' AND r.lease_owner = $1))
RETURNING r.id
"""

_RENEW = """
UPDATE queue_recipient
SET lease_until = now() + make_interval(secs => $3)
WHERE id = ANY ($2::bigint[]) AND state = 'leased' AND lease_owner = $1
RETURNING id
"""

_GIVE_BACK = """
UPDATE queue_recipient
SET state = CASE WHEN attempts > 1 THEN 'deferred' ELSE 'queued' END,
    attempts = attempts - 1,
    lease_owner = NULL,
    lease_until = NULL
WHERE id = ANY ($2::bigint[]) AND state = 'leased' AND lease_owner = $1
RETURNING id
"""

NEXT_DUE = """
SELECT extract(epoch FROM least(
    (SELECT min(next_attempt_at) FROM queue_recipient WHERE state IN ('queued', 'deferred')),
    (SELECT min(lease_until) FROM queue_recipient WHERE state = 'leased')
) - now())::float8
"""


async def claim(c: Connection, owner: UUID, *, lease: float, limit: int) -> list[Message]:
    """Lease recipients that are due, oldest first, to `owner` for `lease` seconds.

    At most `limit` due ones, and as many again whose lease ran out. Nobody else is handed them
    before the lease ends.
    """
    messages: dict[int, Message] = {}
    rows = await c.fetch(CLAIM, owner, lease, limit)
    for row in sorted(rows, key=lambda row: int(row["id"])):  # RETURNING has no order
        message = messages.get(row["queue_id"])
        if message is None:
            message = messages[row["queue_id"]] = _message(row)
        message.recipients.append(
            Recipient(
                id=row["id"],
                address=row["recipient"],
                domain=row["domain"],
                attempts=row["attempts"],
                asked=asked_of(row),
                delay_told_at=row["delay_told_at"],
                last_host=row["last_host"] or "",
                last_reply=row["last_reply"] or "",
            )
        )
    return list(messages.values())


def _message(row: Record) -> Message:
    return Message(
        id=row["queue_id"],
        organization_id=row["organization_id"],
        account_id=row["account_id"],
        blob_id=row["blob_id"],
        prefix=row["prefix"],
        sender=row["sender"],
        size=row["size"],
        smtputf8=row["smtputf8"],
        eight_bit=row["eight_bit"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        terms=terms_of(row),
    )


async def record(c: Connection, owner: UUID, results: Sequence[Result]) -> set[int]:
    """Record what came of attempts and end their leases; gives the ids that were recorded.

    Missing are those that another worker took over meanwhile, or that are gone.
    """
    rows = await c.fetch(
        RECORD,
        owner,
        [result.id for result in results],
        [result.state for result in results],
        [result.retry_after for result in results],
        [result.host for result in results],
        # text holds no NUL, and a reply's stray bytes came in as surrogates
        [_storable(result.reply) for result in results],
        [result.done for result in results],
        [result.delay_told for result in results],
    )
    return {row["id"] for row in rows}


def _storable(text: str) -> str:
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")


async def renew(c: Connection, owner: UUID, ids: Iterable[int], *, lease: float) -> set[int]:
    """Make the leases last `lease` seconds from now; gives the ids that are still ours."""
    return {row["id"] for row in await c.fetch(_RENEW, owner, list(ids), lease)}


async def give_back(c: Connection, owner: UUID, ids: Iterable[int]) -> int:
    """End leases without an attempt, due at once for any worker; gives how many there were."""
    returned = len(await c.fetch(_GIVE_BACK, owner, list(ids)))
    if returned:
        await c.execute("SELECT pg_notify($1, '')", QUEUE)
    return returned


async def next_due(c: Connection) -> float | None:
    """Seconds until something may be claimed, negative when overdue; None: the queue is empty."""
    due: float | None = await c.fetchval(NEXT_DUE)
    return due


async def listed(
    c: Connection, *, states: Sequence[State] = WAITING, domain: str = "", limit: int = 100
) -> list[Record]:
    """Recipients in `states`, next due first; `domain` "" means any."""
    return await c.fetch(
        """
        SELECT r.queue_id AS id, r.recipient, m.sender, r.state, r.attempts, m.size, m.created_at,
            CASE WHEN r.finished_at IS NULL THEN r.next_attempt_at END AS next_attempt_at,
            CASE WHEN m.hold_until > now() THEN m.hold_until END AS held_until,
            r.last_host, r.last_reply
        FROM queue_recipient r JOIN queue_message m ON m.id = r.queue_id
        WHERE r.state = ANY ($1::text[]) AND ($2 = '' OR r.domain = $2)
        ORDER BY r.next_attempt_at, r.id
        LIMIT $3
        """,
        list(states),
        domain,
        limit,
    )


async def find(c: Connection, number: int) -> int | None:
    """The queue id that `number` means: itself, or the id the client was told (the receipt's)."""
    # Both come from one sequence (id_block), so that one never stands for the other.
    found: int | None = await c.fetchval(
        "SELECT id FROM queue_message WHERE id = $1 OR blob_id = $1 ORDER BY id LIMIT 1", number
    )
    return found


async def shown(c: Connection, queue_id: int) -> tuple[Record, list[Record]] | None:
    """One message and all its recipients; None: there is no such message."""
    message = await c.fetchrow(
        """
        SELECT id, organization_id, account_id, sender, size, smtputf8, eight_bit, created_at,
            expires_at, CASE WHEN hold_until > now() THEN hold_until END AS held_until,
            deliver_by, by_mode, require_tls, returned, envelope_id
        FROM queue_message WHERE id = $1
        """,
        queue_id,
    )
    if message is None:
        return None
    recipients = await c.fetch(
        """
        SELECT recipient, domain, state, attempts,
            CASE WHEN finished_at IS NULL THEN next_attempt_at END AS next_attempt_at,
            last_attempt_at, last_host, last_reply, notify, original_recipient, delay_told_at,
            finished_at
        FROM queue_recipient WHERE queue_id = $1 ORDER BY id
        """,
        queue_id,
    )
    return message, recipients


async def retry(c: Connection, *, queue_id: int | None = None, domain: str = "") -> int:
    """Make waiting recipients due now, of one message, one domain or all; gives how many.

    What its sender wants to be held (RFC 4865 §4.2) stays.
    """
    rows = await c.fetch(
        """
        UPDATE queue_recipient r SET next_attempt_at = now()
        WHERE state IN ('queued', 'deferred')
            AND ($1::bigint IS NULL OR queue_id = $1)
            AND ($2 = '' OR domain = $2)
            AND NOT EXISTS (
                SELECT FROM queue_message m WHERE m.id = r.queue_id AND m.hold_until > now()
            )
        RETURNING id
        """,
        queue_id,
        domain,
    )
    await c.execute("SELECT pg_notify($1, '')", QUEUE)
    return len(rows)


async def remove(c: Connection, queue_id: int, *, recipient: str = "") -> int:
    """Take waiting recipients out without a bounce ("" means all of them); gives how many.

    One whose attempt is running stays: what the remote host answers decides.
    """
    rows = await c.fetch(
        """
        UPDATE queue_recipient SET state = 'removed', finished_at = now()
        WHERE queue_id = $1 AND state IN ('queued', 'deferred') AND ($2 = '' OR recipient = $2)
        RETURNING id
        """,
        queue_id,
        recipient,
    )
    return len(rows)
