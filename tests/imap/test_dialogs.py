"""The dialog files, played against the open doors of a real node."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailserver.settings import Imap
from tests.support.dialog import Wire, play
from tests.support.imap_doors import Doors, open_doors
from tests.support.node import open_node, settings_for

DIALOGS = sorted((Path(__file__).parent / "dialogs").glob("*.dialog"))


@pytest.fixture
async def doors(dsn: str, tmp_path: Path) -> AsyncIterator[Doors]:
    limits = Imap(max_literal=2000)
    async with (
        open_node(dsn, settings_for(tmp_path, imap=limits)) as node,
        open_doors(node) as opened,
    ):
        yield opened


@pytest.mark.parametrize("dialog", DIALOGS, ids=lambda path: path.stem)
async def test_dialog(dialog: Path, doors: Doors) -> None:
    tls = dialog.stem.startswith("imaps-")
    wire = await Wire.connect(doors.imaps if tls else doors.imap, tls=doors.tls if tls else None)
    try:
        await play(dialog, wire, doors.tls)
    finally:
        await wire.close()
