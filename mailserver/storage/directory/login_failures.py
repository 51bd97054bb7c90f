"""Failed logins of all nodes, counted by subject: a client network or an account's address.

A count is a bucket that leaks: it goes down by `rate` a second, and each failure adds one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mailserver.storage.database import Connection


@dataclass(slots=True)
class Levels:
    """How full the buckets of some subjects are; `any`: somebody's is not empty."""

    by_subject: dict[str, float]
    any: bool


@dataclass(slots=True)
class Failing:
    """One subject with what it was counted at its last failure, `age` seconds ago."""

    subject: str
    failures: float
    last_at: datetime
    age: float


_LEVELS = """
    SELECT asked.subject,
           greatest(0, f.failures - asked.rate * extract(epoch FROM now() - f.last_at))::float8
               AS level,
           EXISTS (SELECT FROM login_failure) AS any
      FROM unnest($1::text[], $2::float8[]) AS asked (subject, rate)
      LEFT JOIN login_failure f ON f.subject = asked.subject
"""
# In the order of subjects: two that record the same at the same time do not wait in a circle.
_RECORD = """
    INSERT INTO login_failure AS f (subject, failures, last_at)
    SELECT asked.subject, 1, now()
      FROM unnest($1::text[]) AS asked (subject)
     ORDER BY asked.subject
        ON CONFLICT (subject) DO UPDATE
       SET failures = 1 + greatest(
               0,
               f.failures
                   - ($2::float8[])[array_position($1, f.subject)]
                   * extract(epoch FROM now() - f.last_at)::float8
           ),
           last_at = now()
    RETURNING subject, failures
"""


async def levels(c: Connection, rates: Mapping[str, float]) -> Levels:
    """`rates`: subject → how much leaks in a second; at least one."""
    rows = await c.fetch(_LEVELS, list(rates), list(rates.values()))
    return Levels({row["subject"]: row["level"] or 0.0 for row in rows}, rows[0]["any"])


async def record(c: Connection, rates: Mapping[str, float]) -> dict[str, float]:
    """One failure more for each subject; gives how full their buckets are with it."""
    subjects = list(rates)
    rows = await c.fetch(_RECORD, subjects, list(rates.values()))
    return {row["subject"]: row["failures"] for row in rows}


async def listing(c: Connection) -> list[Failing]:
    """All of them, the last one first."""
    rows = await c.fetch(
        "SELECT subject, failures, last_at, extract(epoch FROM now() - last_at)::float8 AS age"
        " FROM login_failure ORDER BY last_at DESC, subject"
    )
    return [Failing(**dict(row)) for row in rows]


async def clear(c: Connection, subject: str | None) -> int:
    """Forget one subject, or all when it is None; gives how many were forgotten."""
    return len(
        await c.fetch(
            "DELETE FROM login_failure WHERE $1::text IS NULL OR subject = $1 RETURNING subject",
            subject,
        )
    )


async def forget(c: Connection, before: datetime) -> None:
    """Forget subjects without a failure since that moment."""
    await c.execute("DELETE FROM login_failure WHERE last_at < $1", before)
