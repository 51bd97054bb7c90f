"""`mailserver store` as an operator types it, on a real Postgres with mail."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mailserver.cli import main
from mailserver.ingest import Arrival, Placement
from tests.support.node import ALICE, BOB, open_node, settings_for
from tests.support.store import NOW, message


async def fill(dsn: str, folder: Path) -> None:
    """Two messages for alice, one for bob."""
    async with open_node(dsn, settings_for(folder)) as node:
        for number, address in enumerate((ALICE, ALICE, BOB)):
            account = await node.accounts.find(address)
            assert account is not None
            placement = Placement(account.id, account.organization_id, None, b"", NOW)
            await node.ingest.accept(Arrival(message(number), [placement]))


@pytest.fixture
def place(dsn: str, tmp_path: Path) -> dict[str, str]:
    asyncio.run(fill(dsn, tmp_path))
    return {"MAILSERVER__DATABASE__DSN": dsn, "MAILSERVER_DATA_DIR": str(tmp_path)}


def mailserver(place: dict[str, str], *words: str, **more: str) -> Result:
    return CliRunner().invoke(main, ["store", *words], env={**place, **more})


def state(place: dict[str, str]) -> Any:
    shown = mailserver(place, "index", "--json")
    assert shown.exit_code == 0, shown.output
    return json.loads(shown.stdout)


def test_the_index_is_made_anew_for_one_account_or_all(place: dict[str, str]) -> None:
    assert (state(place)["messages"], state(place)["waiting"]) == (0, 3)
    done = mailserver(place, "reindex", BOB)
    assert done.exit_code == 0, done.output
    assert "1 messages in 6 mailboxes indexed" in done.stdout
    assert (state(place)["messages"], state(place)["waiting"]) == (1, 2)
    for _ in range(2):
        done = mailserver(place, "reindex")
        assert "3 messages in 12 mailboxes indexed" in done.stdout
        assert "mailboxes" in done.stderr  # how far it is
        assert (state(place)["messages"], state(place)["waiting"]) == (3, 0)
    assert "packs" in mailserver(place, "index").stdout


def test_what_cannot_be_indexed_is_refused(place: dict[str, str]) -> None:
    for words, more, reason in (
        (("reindex", "nobody@example.test"), {}, "does not exist"),
        (("reindex",), {"MAILSERVER__SEARCH__INDEX": "false"}, "search.index is off"),
    ):
        done = mailserver(place, *words, **more)
        assert done.exit_code == 1, done.output
        assert reason in done.stderr
    assert mailserver(place, "reindex", "a@b", "c@d").exit_code == 2
