"""schema.sql is the sum of the migrations."""

import asyncio

from tests.support.schema import SCHEMA, dump


async def test_schema_file_is_the_sum_of_the_migrations(dsn: str) -> None:
    assert SCHEMA.read_text() == await asyncio.to_thread(dump, dsn), "run `make schema`"
