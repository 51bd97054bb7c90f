"""/healthz, /readyz, /metrics and what is not there, over the real application."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from mailserver import metrics
from mailserver.api.application import application
from mailserver.domains import Domains, Organizations
from mailserver.objects import FolderStore
from mailserver.storage.database import Database
from mailserver.storage.directory.domains import DomainState
from mailserver.storage.notifications import DIRECTORY, Listener


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    opened = await Database.open(dsn, connections=2, timeout=5.0)
    yield opened
    await opened.close()


@pytest.fixture
async def listener(dsn: str) -> AsyncIterator[Listener]:
    connected = asyncio.Event()
    made = Listener(dsn)
    made.subscribe(DIRECTORY, lambda _: connected.set())
    running = asyncio.create_task(made.run())
    await connected.wait()
    yield made
    running.cancel()
    await asyncio.wait([running])


@pytest.fixture
def served(database: Database, listener: Listener, tmp_path: Path) -> Starlette:
    return application(database, listener, FolderStore(tmp_path / "objects"))


async def ask(
    served: Starlette, path: str, method: str = "GET"
) -> tuple[int, dict[str, str], bytes]:
    """Status, header fields and body of the answer, by ASGI."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "scheme": "http",
        "server": ("localhost", 80),
        "root_path": "",
    }
    await served(scope, receive, send)
    fields = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], fields, b"".join(part.get("body", b"") for part in sent[1:])


async def test_healthz_says_that_the_process_lives(served: Starlette) -> None:
    assert (await ask(served, "/healthz"))[::2] == (200, b"ok\n")


async def test_readyz_names_each_fact(served: Starlette) -> None:
    status, _, body = await ask(served, "/readyz")
    answer = json.loads(body)
    assert status == 200
    assert answer["ready"] is True
    names = [fact["name"] for fact in answer["facts"]]
    assert names == ["postgres", "migrations", "objects", "notifications"]


async def test_readyz_is_503_while_a_migration_is_missing(
    served: Starlette, database: Database
) -> None:
    await database.execute("DELETE FROM schema_migration WHERE stream = 'store'")
    status, _, body = await ask(served, "/readyz")
    assert status == 503
    wrong = [fact for fact in json.loads(body)["facts"] if not fact["ok"]]
    assert wrong[0]["name"] == "migrations"
    assert wrong[0]["detail"].startswith("missing store 0001")


async def test_readyz_is_503_without_the_object_store(served: Starlette, tmp_path: Path) -> None:
    (tmp_path / "objects").touch()  # a file where the folder should be
    status, _, body = await ask(served, "/readyz")
    assert status == 503
    assert [fact["name"] for fact in json.loads(body)["facts"] if not fact["ok"]] == ["objects"]


async def test_readyz_is_503_without_postgres_and_metrics_say_so(
    listener: Listener, database: Database, tmp_path: Path
) -> None:
    await database.close()
    away = Database(f"postgresql://postgres@/mail?host={tmp_path}", database._pool, 1.0)
    served = application(away, listener, FolderStore(tmp_path / "objects"))
    status, _, body = await ask(served, "/readyz")
    assert status == 503
    wrong = [fact["name"] for fact in json.loads(body)["facts"] if not fact["ok"]]
    assert wrong == ["postgres", "migrations"]
    status, _, body = await ask(served, "/metrics")
    assert status == 200
    assert b"database_up 0.0" in body
    assert b"domain_verified{" not in body


async def test_metrics_have_the_figures_of_each_domain(
    served: Starlette, database: Database
) -> None:
    await Organizations(database).add("acme")
    domains = Domains(database)
    await domains.add("live.test", "acme")
    await domains.add("new.test", "acme", active=False)
    await domains.add("gone.test", "acme")
    await domains.set_state("gone.test", DomainState.SUSPENDED)
    metrics.SMTP_MESSAGES.labels("live.test", "acme", "in", "accepted").inc(3)
    _, fields, body = await ask(served, "/metrics")
    lines = body.decode().splitlines()
    assert fields["content-type"].startswith("text/plain")
    assert 'domain_verified{domain="live.test",status="active"} 1.0' in lines
    assert 'domain_verified{domain="new.test",status="pending"} 0.0' in lines
    assert 'domain_verified{domain="gone.test",status="suspended"} 0.0' in lines
    assert 'domain_storage_used_bytes{domain="live.test"} 0.0' in lines
    assert 'queue_recipients{state="queued"} 0.0' in lines
    assert any(
        line.startswith('smtp_messages_total{direction="in",domain="live.test"') for line in lines
    )


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/x", 404), ("PUT", "/healthz", 405)]
)
async def test_errors_are_problem_json(
    served: Starlette, method: str, path: str, status: int
) -> None:
    got, fields, body = await ask(served, path, method)
    problem = json.loads(body)
    assert (got, problem["status"], problem["type"]) == (status, status, "about:blank")
    assert fields["content-type"] == "application/problem+json"
    assert path in problem["detail"]
