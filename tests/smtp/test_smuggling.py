"""SMTP smuggling, at the door itself: whatever ends a line for others, it is one message or none.

Each sequence that somebody's server takes for an end of data is sent in the middle of a message,
cut into two packets at every place around it, in both modes of `smtp.bare_line_ends`.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailserver.mail.line_ends import has_bare, normalised
from mailserver.node import Node
from mailserver.settings import Smtp
from tests.smtp.conftest import Doors, open_doors
from tests.support.dialog import Wire
from tests.support.node import ALICE, BOB, inbox, open_node, settings_for

SEQUENCES = [
    *(b"\n.\n", b"\r.\r", b"\r\n.\n", b"\n.\r\n", b"\r\n.\r", b"\r.\r\n", b"\r.\n", b"\n.\r"),
    *(b"\r\r\n.\r\r\n", b"\n\n.\n\n", b"\r\n\r.\r\n", b"\r\n\0.\r\n", b"\r\n.\0\r\n"),
    *(b"\r\0\n.\r\n", b"\r\n.\r\0\n", b"\r\n.\r\r\n", b"\n\r\n.\n\r\n"),
]
BEFORE = b"Subject: x\r\n\r\nfirst"
SMUGGLED = (
    b"MAIL FROM:<ann@elsewhere.test>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n"
    b"Subject: smuggled\r\n\r\nx\r\n"
)


@pytest.fixture(params=["refuse", "normalise"])
async def open_house(
    request: pytest.FixtureRequest, dsn: str, tmp_path: Path
) -> AsyncIterator[tuple[Node, Doors, bool]]:
    limits = Smtp(bare_line_ends=request.param, max_errors=1000)
    async with (
        open_node(dsn, settings_for(tmp_path, smtp=limits)) as node,
        open_doors(node) as doors,
    ):
        yield node, doors, request.param == "normalise"


async def begin(wire: Wire, command: bytes) -> None:
    await wire.send(b"MAIL FROM:<ann@elsewhere.test>\r\nRCPT TO:<bob@example.test>\r\n" + command)
    assert [(await wire.reply())[:3] for _ in range(2)] == ["250", "250"]


async def in_two(wire: Wire, stream: bytes, cut: int) -> None:
    await wire.send(stream[:cut])
    await wire.send(stream[cut:])


async def told(node: Node, wire: Wire, sent: bytes, *, normalises: bool) -> None:
    """One reply for all of `sent`, and bob has it as it should be, or nobody has anything."""
    answer = await wire.reply()
    assert await wire.ask("NOOP") == "250 2.0.0 Ok"
    stored = await inbox(node, BOB)
    assert await inbox(node, ALICE) == []
    if has_bare(sent) and not normalises:
        assert answer[:10] == "550 5.6.11"
        assert stored == []
    else:
        assert answer[:9] == "250 2.0.0"
        assert stored[-1].endswith(b"\r\n" + normalised(sent))


@pytest.mark.parametrize("sequence", SEQUENCES)
async def test_data_is_one_message_or_none(
    open_house: tuple[Node, Doors, bool], sequence: bytes
) -> None:
    node, doors, normalises = open_house
    wire = await doors.connect("smtp")
    await wire.reply()
    await wire.ask("EHLO client.test")
    sent = BEFORE + sequence + SMUGGLED
    around = range(len(BEFORE), len(BEFORE + sequence) + 1)
    for number, cut in enumerate(around, 1):
        await begin(wire, b"DATA\r\n")
        assert (await wire.reply())[:3] == "354"
        await in_two(wire, sent + b".\r\n", cut)
        # RFC 5321 §4.5.2: a dot behind CR LF is removed, and only there
        content = sent.replace(b"\r\n.", b"\r\n")
        await told(node, wire, content, normalises=normalises)
        assert len(await inbox(node, BOB)) in (0, number)


@pytest.mark.parametrize("sequence", SEQUENCES)
async def test_chunks_are_one_message_or_none(
    open_house: tuple[Node, Doors, bool], sequence: bytes
) -> None:
    node, doors, normalises = open_house
    wire = await doors.connect("smtp")
    await wire.reply()
    await wire.ask("EHLO client.test")
    sent = BEFORE + sequence + SMUGGLED + b".\r\n"
    for cut in range(len(BEFORE), len(BEFORE + sequence) + 1):
        # in one chunk of two packets, and in two chunks of one
        await begin(wire, b"")
        await in_two(wire, b"BDAT %d LAST\r\n" % len(sent) + sent, cut)
        await told(node, wire, sent, normalises=normalises)
        await begin(wire, b"BDAT %d\r\n" % cut + sent[:cut])
        await wire.reply()
        await wire.send(b"BDAT %d LAST\r\n" % (len(sent) - cut) + sent[cut:])
        await told(node, wire, sent, normalises=normalises)
