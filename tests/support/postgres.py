"""A throw-away PostgreSQL for a test run, a migrated database cloned per test."""

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from mailserver.embedded.postgres import PostgresServer
from mailserver.storage.migrations import migrate

TEMPLATE = "template_mail"


@dataclass(slots=True)
class Cluster:
    """One PostgreSQL of this test process; `database()` gives an empty migrated database."""

    server: PostgresServer
    _names: Iterator[int] = field(default_factory=itertools.count)

    async def make_template(self) -> None:
        await self._admin(f"CREATE DATABASE {TEMPLATE}")
        await migrate(self.server.dsn(TEMPLATE))

    async def create(self) -> str:
        """A fresh database with the whole schema; gives its DSN."""
        name = f"mail_{next(self._names)}"
        await self._admin(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
        return self.server.dsn(name)

    async def drop(self, dsn: str) -> None:
        name = dsn.split("@/", 1)[1].split("?", 1)[0]
        await self._admin(f"DROP DATABASE {name} WITH (FORCE)")

    async def _admin(self, statement: str) -> None:
        connection = await asyncpg.connect(self.server.dsn("postgres"))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A running cluster without fsync, removed afterwards."""
    root = Path(tempfile.mkdtemp(prefix="mailtest-"))
    server = PostgresServer(root / "postgres", durable=False)
    try:
        server.start()
        yield Cluster(server)
    finally:
        server.stop()
        shutil.rmtree(root, ignore_errors=True)
