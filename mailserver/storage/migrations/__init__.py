"""Numbered SQL migrations in two streams, `directory` and `store`, applied in order.

A migration is a file `NNNN_name.sql`; it runs in one transaction under an advisory lock, so that
nodes that start together apply each exactly once. Streams are kept apart because a store may live
in a database of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg

STREAMS = ("directory", "store")
_LOCK = 0x6D61696C  # "mail": the advisory lock of whoever migrates

_LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migration (
    stream text NOT NULL,
    number integer NOT NULL,
    name text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stream, number)
)
"""


@dataclass(slots=True)
class Migration:
    """One numbered file of a stream."""

    stream: str
    number: int
    name: str
    sql: str


def migrations(stream: str) -> Iterator[Migration]:
    """The migrations of `stream`, in order."""
    for path in sorted((Path(__file__).parent / stream).glob("*.sql")):
        number, _, name = path.stem.partition("_")
        yield Migration(stream, int(number), name, path.read_text(encoding="utf-8"))


async def migrate(dsn: str, streams: tuple[str, ...] = STREAMS) -> list[Migration]:
    """Bring the database at `dsn` up to date; gives what was applied, in order."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute(_LEDGER)
        return [
            migration
            for stream in streams
            for migration in migrations(stream)
            if await _apply(connection, migration)
        ]
    finally:
        await connection.close()


async def pending(dsn: str, streams: tuple[str, ...] = STREAMS) -> list[Migration]:
    """The migrations that the database at `dsn` lacks, in order; changes nothing."""
    connection = await asyncpg.connect(dsn)
    try:
        if await connection.fetchval("SELECT to_regclass('schema_migration')") is None:
            done = set()
        else:
            rows = await connection.fetch("SELECT stream, number FROM schema_migration")
            done = {(row["stream"], row["number"]) for row in rows}
    finally:
        await connection.close()
    return [
        migration
        for stream in streams
        for migration in migrations(stream)
        if (stream, migration.number) not in done
    ]


async def _apply(connection: "asyncpg.Connection[asyncpg.Record]", migration: Migration) -> bool:
    async with connection.transaction():
        claimed = await connection.fetchval(
            "INSERT INTO schema_migration (stream, number, name) VALUES ($1, $2, $3)"
            " ON CONFLICT DO NOTHING RETURNING true",
            migration.stream,
            migration.number,
            migration.name,
        )
        if claimed:
            await connection.execute(migration.sql)
        return bool(claimed)
