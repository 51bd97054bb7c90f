"""Work under an advisory lock runs in one process, and moves on when that one dies."""

import asyncio

import pytest

from mailserver.storage import singleton as module
from mailserver.storage.database import Database
from mailserver.storage.singleton import singleton


async def test_work_goes_on_in_one_process_when_the_holder_loses_its_connection(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TRY_AGAIN", 0.05)
    running: list[str] = []
    started = asyncio.Queue[str]()

    async def work(name: str) -> None:
        running.append(name)
        started.put_nowait(name)
        try:
            await asyncio.Event().wait()
        finally:
            running.remove(name)

    tasks = [asyncio.create_task(singleton(dsn, 7, lambda n=n: work(n))) for n in "ab"]
    database = await Database.open(dsn, connections=1, timeout=5)
    try:
        async with asyncio.timeout(60):
            for _ in range(4):
                name = await started.get()
                await asyncio.sleep(0.15)
                assert running == [name]
                await database.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks"
                    " WHERE locktype = 'advisory' AND granted AND database ="
                    " (SELECT oid FROM pg_database WHERE datname = current_database())"
                )
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await database.close()
    assert running == []
