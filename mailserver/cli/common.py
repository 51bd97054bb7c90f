"""What every command shares: settings, an open database, rows as table or JSON.

A command that reads or changes the directory is three lines: its arguments, a coroutine that takes
`(settings, database)`, and `run(work)`. What it raises as `Refused`, `SettingsError` or
`StorageUnavailable` becomes one line on stderr and exit 1 (see `mailserver.cli`).
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

import click
import msgspec

from mailserver.embedded.lock import AlreadyRunning, data_lock
from mailserver.embedded.postgres import PostgresServer
from mailserver.errors import Refused
from mailserver.settings import Settings, load
from mailserver.storage.database import Database

T = TypeVar("T")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


def settings() -> Settings:
    """The settings of this invocation: --config, else MAILSERVER_CONFIG, then the environment."""
    root = click.get_current_context().find_root()
    return load(root.params.get("config"), os.environ)


def run(work: Callable[[Settings, Database], Awaitable[T]]) -> T:
    """Run `work` with the settings and an open database; gives its result."""
    chosen = settings()
    with postgres(chosen) as dsn:
        return asyncio.run(_with_database(chosen, dsn, work))


@contextmanager
def postgres(chosen: Settings, *, create: bool = False) -> Iterator[str]:
    """The DSN to use, as long as the context lasts.

    On the embedded default that is the running server's Postgres; where none runs it is started
    for the time of the command. `create` makes the cluster where there is none yet.
    """
    if chosen.database.dsn:
        yield chosen.database.dsn
        return
    server = PostgresServer(chosen.data / "postgres")
    if not (create or server.exists):
        raise Refused(
            f"there is no mail server in {chosen.data.absolute()} yet:"
            " start `mailserver serve` once, or name another with MAILSERVER_DATA_DIR"
        )
    try:
        lock = data_lock(chosen.data)
    except AlreadyRunning:
        yield server.dsn()
        return
    with lock:
        server.start()
        try:
            yield server.dsn()
        finally:
            server.stop()


async def _with_database(
    chosen: Settings, dsn: str, work: Callable[[Settings, Database], Awaitable[T]]
) -> T:
    # A command needs one connection, two where a transaction looks something up beside it.
    database = await Database.open(dsn, connections=2, timeout=chosen.database.timeout)
    try:
        return await work(chosen, database)
    finally:
        await database.close()


def show(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """Print `rows` as a table of `columns`, or everything in them as a JSON array."""
    if as_json:
        click.echo(_json([dict(row) for row in rows]))
        return
    cells = [list(columns), *([_cell(row.get(name)) for name in columns] for row in rows)]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    for line in cells:
        padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def show_one(record: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one record as `key  value` lines, or as a JSON object."""
    if as_json:
        click.echo(_json(dict(record)))
        return
    width = max((len(key) for key in record), default=0)
    for key, value in record.items():
        click.echo(f"{key.ljust(width)}  {_cell(value)}".rstrip())


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode()


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.astimezone().isoformat(sep=" ", timespec="seconds")
    if isinstance(value, list | tuple):
        return " ".join(_cell(item) for item in value)
    # What a peer sent (a reply, an address) must not move the operator's cursor.
    return "".join(char if char.isprintable() else "?" for char in str(value))
