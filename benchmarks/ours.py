"""The server under test: the real `mailserver serve`, with accounts to send to."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import argon2

from benchmarks.peers import PASSWORD, USER
from mailserver.embedded.postgres import PostgresServer
from mailserver.storage import mailboxes
from mailserver.storage.database import Database
from tests.support.server import COMMAND, Server


@contextmanager
def running(*, users: int, workers: int, **settings: str) -> Iterator[Server]:
    """A server with `user0@example.test` … whose data goes away afterwards.

    It logs into a file, as a peer does, and not through a pipe to us.
    """
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/var/tmp") as folder:
        command = ("/bin/sh", "-c", f'exec {COMMAND} "$@" 2>{folder}/log', "mailserver")
        server = Server(Path(folder) / "var", workers=workers, command=command, **settings)
        server.start()
        try:
            asyncio.run(_add_users(PostgresServer(server.data / "postgres").dsn(), users))
            yield server
        finally:
            server.stop()


async def _add_users(dsn: str, users: int) -> None:
    hashed = argon2.PasswordHasher().hash(PASSWORD)
    names = [USER.format(number).partition("@")[0] for number in range(users)]
    database = await Database.open(dsn, connections=1, timeout=30)
    async with database.transaction() as c:
        domain = await c.fetchval("SELECT id FROM domain WHERE name = 'example.test'")
        await c.execute(
            "INSERT INTO address (domain_id, local_part, kind)"
            " SELECT $1, unnest($2::text[]), 'account'",
            domain,
            names,
        )
        rows = await c.fetch(
            "INSERT INTO account (domain_id, local_part, password_hash)"
            " SELECT $1, unnest($2::text[]), $3 RETURNING id",
            domain,
            names,
            hashed,
        )
        for row in rows:
            await mailboxes.create_defaults(c, row["id"])
    await database.close()
