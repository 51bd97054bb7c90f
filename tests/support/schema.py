"""mailserver/storage/schema.sql: the sum of the migrations, to read; `make schema` writes it."""

import asyncio
import re
import subprocess
from pathlib import Path

from mailserver.embedded.postgres import wheel_binaries
from tests.support.postgres import cluster

SCHEMA = Path(__file__).parents[2] / "mailserver" / "storage" / "schema.sql"

_HEAD = "-- The sum of all migrations, for reading; made by `make schema`, held equal by a test.\n"


def dump(dsn: str) -> str:
    """The schema of a database as SQL, without what differs from one dump to the next."""
    command = [str(wheel_binaries() / "pg_dump"), "--schema-only", "--no-owner", "-d", dsn]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return _HEAD + _normalised(done.stdout)


def _normalised(text: str) -> str:
    # Comments (versions, names that the statement repeats), psql's \restrict with its random word,
    # and the session's settings say nothing about the schema.
    dropped = re.compile(r"--|\\|SET |SELECT pg_catalog\.set_config")
    lines = [line for line in text.splitlines() if not dropped.match(line)]
    text = re.sub(r"\n{2,}", "\n\n", "\n".join(lines)).strip()
    return f"\n{text}\n"


async def main() -> None:
    with cluster() as running:
        await running.make_template()
        dsn = await running.create()
        SCHEMA.write_text(await asyncio.to_thread(dump, dsn))


if __name__ == "__main__":
    asyncio.run(main())
