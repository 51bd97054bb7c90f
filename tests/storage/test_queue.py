"""The queue's SQL: leases, outcomes, and what the statements cost on a large table."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from mailserver.storage import queue
from mailserver.storage.database import Connection
from mailserver.storage.queue import Result, State

A, B = uuid4(), uuid4()


@pytest.fixture
async def c(dsn: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        "INSERT INTO blob (id, organization_id, size, digest, generation)"
        " VALUES (1, 1, 10, '\\x00', 1)"
    )
    yield connection
    await connection.close()


async def add(c: Connection, queue_id: int, *recipients: str, due: float = -1.0) -> list[int]:
    """A queued message whose recipients are due in `due` seconds; gives their ids."""
    await c.execute(
        "INSERT INTO queue_message"
        " (id, organization_id, blob_id, prefix, sender, size, expires_at)"
        " VALUES ($1, 1, 1, 'P: 1\r\n', 'alice@example.test', 16, $2)",
        queue_id,
        datetime.now(UTC) + timedelta(days=5),
    )
    rows = await c.fetch(
        "INSERT INTO queue_recipient (queue_id, recipient, domain, next_attempt_at)"
        " SELECT $1, r, split_part(r, '@', 2), now() + make_interval(secs => $3)"
        " FROM unnest($2::text[]) r RETURNING id",
        queue_id,
        recipients,
        due,
    )
    return [row["id"] for row in rows]


async def claim(c: Connection, owner: UUID = A, lease: float = 60.0, limit: int = 100) -> list[int]:
    messages = await queue.claim(c, owner, lease=lease, limit=limit)
    return [recipient.id for message in messages for recipient in message.recipients]


async def state(c: Connection, recipient_id: int) -> str:
    found: str = await c.fetchval("SELECT state FROM queue_recipient WHERE id = $1", recipient_id)
    return found


def deferred(recipient_id: int, seconds: float = 60.0) -> Result:
    return Result(recipient_id, State.DEFERRED, "mx", "451 later", seconds)


async def test_recipients_of_a_message_are_claimed_together(c: Connection) -> None:
    await add(c, 7, "a@x.test", "b@y.test")
    (message,) = await queue.claim(c, A, lease=60, limit=100)
    assert (message.id, message.sender, message.prefix) == (7, "alice@example.test", b"P: 1\r\n")
    assert sorted((r.address, r.domain, r.attempts) for r in message.recipients) == [
        ("a@x.test", "x.test", 1),
        ("b@y.test", "y.test", 1),
    ]


async def test_only_what_is_due_is_claimed_oldest_first(c: Connection) -> None:
    (late,) = await add(c, 1, "late@x.test", due=-1)
    (early,) = await add(c, 2, "early@x.test", due=-50)
    await add(c, 3, "future@x.test", due=50)
    assert await claim(c, limit=1) == [early]
    assert await claim(c) == [late]
    assert await claim(c) == []


async def test_two_workers_never_get_the_same_recipient(c: Connection, dsn: str) -> None:
    for queue_id in range(1, 41):
        await add(c, queue_id, *(f"r{n}@x.test" for n in range(5)))
    pool = await asyncpg.create_pool(dsn, min_size=4, max_size=4)

    async def work(owner: UUID) -> list[int]:
        taken: list[int] = []
        while True:
            async with pool.acquire() as connection:
                found = await claim(connection, owner, limit=7)
            if not found:
                return taken
            taken += found

    taken = await asyncio.gather(*(work(uuid4()) for _ in range(4)))
    await pool.close()
    every = [recipient for found in taken for recipient in found]
    assert len(every) == len(set(every)) == 200


async def test_claim_does_not_wait_for_a_locked_recipient(c: Connection, dsn: str) -> None:
    first, second = await add(c, 1, "a@x.test", "b@x.test")
    other = await asyncpg.connect(dsn)
    async with other.transaction():
        await other.execute("SELECT FROM queue_recipient WHERE id = $1 FOR UPDATE", first)
        assert await asyncio.wait_for(claim(c), 5) == [second]
    await other.close()


async def test_lease_that_ended_is_taken_over(c: Connection) -> None:
    (recipient,) = await add(c, 1, "a@x.test")
    assert await claim(c, A, lease=0.05) == [recipient]
    assert await claim(c, B) == []
    await asyncio.sleep(0.1)
    assert await claim(c, B) == [recipient]
    assert await queue.renew(c, A, [recipient], lease=60) == set()
    assert await queue.renew(c, B, [recipient], lease=60) == {recipient}


async def test_renewed_lease_is_not_taken_over(c: Connection) -> None:
    (recipient,) = await add(c, 1, "a@x.test")
    await claim(c, A, lease=0.05)
    await queue.renew(c, A, [recipient], lease=60)
    await asyncio.sleep(0.1)
    assert await claim(c, B) == []


async def test_outcomes_end_the_leases(c: Connection) -> None:
    done, later, never = await add(c, 1, "a@x.test", "b@x.test", "c@x.test")
    await claim(c)
    recorded = await queue.record(
        c,
        A,
        [
            Result(done, State.DELIVERED, "mx.x.test", "250 ok"),
            deferred(later),
            Result(never, State.BOUNCED, "", "550 no\0 \udcff"),
        ],
    )
    assert recorded == {done, later, never}
    rows = await c.fetch(
        "SELECT state, last_host, last_reply, finished_at IS NULL AS waits, lease_owner,"
        " round(extract(epoch FROM next_attempt_at - now())) > 0 AS future"
        " FROM queue_recipient ORDER BY id"
    )
    assert [tuple(row) for row in rows] == [
        ("delivered", "mx.x.test", "250 ok", False, None, False),
        ("deferred", "mx", "451 later", True, None, True),
        ("bounced", "", "550 no  ?", False, None, False),
    ]


async def test_who_lost_the_lease_cannot_defer_or_bounce(c: Connection) -> None:
    (recipient,) = await add(c, 1, "a@x.test")
    await claim(c, A, lease=0.01)
    await asyncio.sleep(0.05)
    await claim(c, B)
    assert await queue.record(c, A, [deferred(recipient)]) == set()
    assert await queue.record(c, A, [Result(recipient, State.BOUNCED, "", "")]) == set()
    assert await state(c, recipient) == "leased"


async def test_delivery_counts_without_the_lease_but_never_twice(c: Connection) -> None:
    (recipient,) = await add(c, 1, "a@x.test")
    await claim(c, A, lease=0.01)
    await asyncio.sleep(0.05)
    await claim(c, B)
    delivered = Result(recipient, State.DELIVERED, "mx", "250")
    assert await queue.record(c, A, [delivered]) == {recipient}
    assert await queue.record(c, B, [deferred(recipient)]) == set()
    assert await queue.record(c, B, [delivered]) == set()
    assert await state(c, recipient) == "delivered"


async def test_lease_handed_back_is_due_at_once_and_was_no_attempt(c: Connection) -> None:
    heard: list[str] = []
    await c.add_listener("queue", lambda *args: heard.append(str(args[3])))
    (recipient,) = await add(c, 1, "a@x.test")
    await claim(c, A)
    assert await queue.give_back(c, B, [recipient]) == 0
    assert await queue.give_back(c, A, [recipient]) == 1
    assert await state(c, recipient) == "queued"
    (message,) = await queue.claim(c, B, lease=60, limit=1)
    assert message.recipients[0].attempts == 1
    assert heard == [""]


async def test_next_due_is_the_nearest_of_attempts_and_leases(c: Connection) -> None:
    assert await queue.next_due(c) is None
    await add(c, 1, "a@x.test", due=500)
    assert await queue.next_due(c) == pytest.approx(500, abs=2)
    await add(c, 2, "b@x.test")
    await claim(c, lease=100)
    assert await queue.next_due(c) == pytest.approx(100, abs=2)


async def test_operator_makes_waiting_recipients_due(c: Connection) -> None:
    await add(c, 1, "a@x.test", due=500)
    await add(c, 2, "b@y.test", due=500)
    assert await queue.retry(c, queue_id=3) == 0
    assert await queue.retry(c, domain="x.test") == 1
    assert len(await claim(c)) == 1
    assert await queue.retry(c) == 1


async def test_operator_removes_what_no_attempt_is_running_for(c: Connection) -> None:
    (running,) = await add(c, 1, "a@x.test")
    await claim(c)
    one, two = await add(c, 2, "b@x.test", "c@x.test")
    assert await queue.remove(c, 1) == 0
    assert await queue.remove(c, 2, recipient="b@x.test") == 1
    assert await queue.remove(c, 2) == 1
    assert [await state(c, n) for n in (running, one, two)] == ["leased", "removed", "removed"]


async def test_listing_and_showing(c: Connection) -> None:
    (first,) = await add(c, 1, "a@x.test", due=9)
    await add(c, 2, "b@y.test", due=5)
    listed = await queue.listed(c)
    assert [(row["id"], row["recipient"], row["state"]) for row in listed] == [
        (2, "b@y.test", "queued"),
        (1, "a@x.test", "queued"),
    ]
    assert [row["id"] for row in await queue.listed(c, domain="x.test")] == [1]
    assert await queue.listed(c, states=[State.BOUNCED]) == []
    shown = await queue.shown(c, 1)
    assert shown is not None
    assert shown[0]["sender"] == "alice@example.test"
    assert [row["recipient"] for row in shown[1]] == ["a@x.test"]
    assert await queue.shown(c, 99) is None
    assert first


async def plan(c: Connection, sql: str, *arguments: object) -> str:
    """The plan of `sql` as JSON text; nothing is executed."""
    return json.dumps(json.loads(await c.fetchval(f"EXPLAIN (FORMAT JSON) {sql}", *arguments)))


async def test_statements_use_indexes_on_a_large_table(c: Connection) -> None:
    await c.execute(
        "INSERT INTO queue_message"
        " (id, organization_id, blob_id, prefix, sender, size, expires_at)"
        " SELECT n, 1, 1, '', 'alice@example.test', 16, now() FROM generate_series(1, 10000) n"
    )
    await c.execute(
        "INSERT INTO queue_recipient"
        " (queue_id, recipient, domain, state, next_attempt_at, finished_at)"
        " SELECT 1 + n / 5, n || '@x.test', 'x.test',"
        " CASE WHEN n % 5 = 0 THEN 'queued' ELSE 'delivered' END,"
        " now() - make_interval(secs => n), CASE WHEN n % 5 = 0 THEN NULL ELSE now() END"
        " FROM generate_series(1, 49999) n"
    )
    await c.execute("ANALYZE")
    claiming = await plan(c, queue.CLAIM, A, 60.0, 100)
    assert '"Index Name": "queue_recipient_due"' in claiming
    assert '"Index Name": "queue_recipient_leased"' in claiming
    assert "Seq Scan" not in claiming
    nearest = await plan(c, queue.NEXT_DUE)
    assert "queue_recipient_due" in nearest
    assert "Seq Scan" not in nearest
    ids = list(range(1, 21))
    recording = await plan(
        c,
        queue.RECORD,
        A,
        ids,
        ["delivered"] * 20,
        [0.0] * 20,
        ["mx"] * 20,
        ["250"] * 20,
        [None] * 20,
        [False] * 20,
    )
    assert '"Index Name": "queue_recipient_pkey"' in recording
    assert "Seq Scan" not in recording
