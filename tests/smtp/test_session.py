"""A session's behaviour beside its replies: order, deadlines, bounds, ends of all kinds."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from aiosmtpd.smtp import SMTP
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailserver.node import Node
from mailserver.settings import Smtp
from smtp import replies
from smtp.connection import BACKLOG
from smtp.replies import Reply
from smtp.server import SmtpDoor
from smtp.session import Session
from tests.smtp.conftest import Connect, Doors, only_session, open_doors, vanish
from tests.support.dialog import Wire
from tests.support.node import ALICE, BOB, inbox, open_node, settings_for

ENVELOPE = b"MAIL FROM:<ann@elsewhere.test>\r\nRCPT TO:<bob@example.test>\r\n"
READ = 256 * 1024  # what the transport may read at once


@asynccontextmanager
async def limited(dsn: str, folder: Path, limits: Smtp) -> AsyncIterator[tuple[Node, Doors]]:
    async with (
        open_node(dsn, settings_for(folder, smtp=limits)) as node,
        open_doors(node) as doors,
    ):
        yield node, doors


async def in_data(wire: Wire) -> None:
    """Greeting, envelope, DATA: the message may come."""
    await wire.reply()
    await wire.ask("EHLO client.test")
    await wire.send(ENVELOPE + b"DATA\r\n")
    assert [(await wire.reply())[:3] for _ in range(3)] == ["250", "250", "354"]


async def test_an_idle_client_is_told_and_left(dsn: str, tmp_path: Path) -> None:
    async with limited(dsn, tmp_path, Smtp(command_timeout=0.2)) as (_, doors):
        wire = await doors.connect("smtp")
        await wire.reply()
        assert await wire.reply() == "421 4.4.2 Timed out"
        assert await wire.closed()


async def test_commands_keep_a_session_alive(dsn: str, tmp_path: Path) -> None:
    async with limited(dsn, tmp_path, Smtp(command_timeout=0.4)) as (_, doors):
        wire = await doors.connect("smtp")
        await wire.reply()
        for _ in range(5):
            await asyncio.sleep(0.15)
            assert await wire.ask("NOOP") == "250 2.0.0 Ok"
        # octets that never become a command do not
        for octet in b"NOOP NOOP":
            await wire.send(bytes([octet]))
            await asyncio.sleep(0.1)
        assert await wire.reply() == "421 4.4.2 Timed out"


@pytest.mark.parametrize("octet", [b"", b"x"], ids=["stalls", "drips"])
async def test_a_sender_that_stalls_or_drips_in_data_is_left(
    dsn: str, tmp_path: Path, octet: bytes
) -> None:
    async with limited(dsn, tmp_path, Smtp(data_timeout=0.3)) as (node, doors):
        wire = await doors.connect("smtp")
        await in_data(wire)
        started = time.monotonic()
        answer = asyncio.create_task(wire.reply())
        while not answer.done():
            await wire.send(octet)
            await asyncio.sleep(0.02)
        assert answer.result() == "421 4.4.2 Timed out"
        assert 0.2 < time.monotonic() - started < 5
        assert await inbox(node, BOB) == []


async def test_a_slow_sender_that_goes_on_is_waited_for(dsn: str, tmp_path: Path) -> None:
    async with limited(dsn, tmp_path, Smtp(data_timeout=0.5)) as (node, doors):
        wire = await doors.connect("smtp")
        await in_data(wire)
        for _ in range(6):
            await wire.send(b"x" * 1022 + b"\r\n")
            await asyncio.sleep(0.2)
        assert (await wire.ask(".")).startswith("250 ")
        assert len(await inbox(node, BOB)) == 1


async def test_too_many_sessions(dsn: str, tmp_path: Path) -> None:
    async with limited(dsn, tmp_path, Smtp(max_sessions=2)) as (_, doors):
        wires = [await doors.connect("smtp") for _ in range(3)]
        greetings = [await wire.reply() for wire in wires]
        assert [greeting[:9] for greeting in greetings] == ["220 mail.", "220 mail.", "421 4.3.2"]
        assert await wires[2].closed()
        await wires[0].ask("QUIT")
        assert await wires[0].closed()
        wires.append(await doors.connect("smtp"))
        assert (await wires[3].reply()).startswith("220 ")


async def test_draining_finishes_the_running_message_and_turns_others_away(
    node: Node, doors: Doors
) -> None:
    idle, busy = await doors.connect("smtp"), await doors.connect("smtp")
    await idle.reply()
    await in_data(busy)
    await busy.send(b"Subject: last\r\n")
    drained = asyncio.create_task(doors.doors[0].drain(5.0))
    assert await idle.reply() == "421 4.3.2 Server is shutting down"
    assert await idle.closed()
    assert not drained.done()
    assert (await busy.ask("\r\n.")).startswith("250 2.0.0 ")
    assert await busy.reply() == "421 4.3.2 Server is shutting down"
    await idle.close()
    await busy.close()
    await drained
    with pytest.raises(ConnectionError):
        await doors.connect("smtp")
    assert len(await inbox(node, BOB)) == 1


async def test_draining_cuts_off_who_does_not_come_to_an_end(doors: Doors) -> None:
    wire = await doors.connect("smtp")
    await in_data(wire)
    started = time.monotonic()
    await doors.doors[0].drain(0.2)
    assert time.monotonic() - started < 2
    assert await wire.closed()


async def test_a_client_that_never_reads_is_not_read_from(doors: Doors) -> None:
    wire, other = await doors.connect("smtp"), await doors.connect("smtp")
    await wire.reply()
    [deaf] = [
        cast(Session, session)
        for session in cast(SmtpDoor, doors.doors[0]).sessions
        if session.transport is not None
        and session.transport.get_extra_info("peername") == wire.writer.get_extra_info("sockname")
    ]
    cast(asyncio.ReadTransport, wire.writer.transport).pause_reading()
    flood = asyncio.create_task(_flood(wire))
    done, _ = await asyncio.wait([flood], timeout=3)
    assert not done
    flood.cancel()
    assert len(deaf.lines) <= BACKLOG + READ
    output = cast(asyncio.WriteTransport, deaf.transport).get_write_buffer_size()
    assert output < 10 * BACKLOG
    assert (await other.reply()).startswith("220 ")
    assert await other.ask("NOOP") == "250 2.0.0 Ok"
    wire.writer.transport.abort()


async def _flood(wire: Wire) -> None:
    while True:
        await wire.send(b"HELP\r\n" * 10_000)
        wire.seen.clear()


async def test_a_client_that_hangs_up_behind_its_last_command_is_answered(
    node: Node, connect: Connect
) -> None:
    wire = await connect("smtp")
    script = b"EHLO client.test\r\n" + ENVELOPE + b"DATA\r\nSubject: piped\r\n\r\n.\r\nNOOP\r\n"
    await wire.send(script)
    wire.writer.write_eof()
    replies = (await wire.reader.read()).decode()
    assert [line[:3] for line in replies.splitlines() if line[3] == " "] == [
        *("220", "250", "250", "250", "354", "250", "250")
    ]
    assert len(await inbox(node, BOB)) == 1


async def test_a_connection_lost_in_data_leaves_nothing(
    node: Node, doors: Doors, tmp_path: Path
) -> None:
    wire = await doors.connect("smtp")
    await in_data(wire)
    await wire.send(b"x" * 1000 + b"\r\n" + b"y" * 300_000)
    session = await vanish(doors, wire, 200_000)
    assert session._message is None
    assert list((tmp_path / "scratch").iterdir()) == []
    assert await inbox(node, BOB) == []


@pytest.mark.parametrize("lines", [0, 40_000], ids=["small", "large"])
async def test_a_client_that_leaves_before_its_250_finds_the_message_stored_once(
    node: Node, doors: Doors, lines: int
) -> None:
    body = b"x" * 60 + b"\r\n"
    wire = await doors.connect("smtp")
    await in_data(wire)
    await wire.send(b"Subject: gone\r\n\r\n" + body * lines + b".\r\n")
    while not (session := only_session(doors)).storing:
        await asyncio.sleep(0)
    wire.writer.transport.abort()
    async with asyncio.timeout(5):
        while session.storing or not await inbox(node, BOB):
            await asyncio.sleep(0.02)
    [stored] = await inbox(node, BOB)
    assert stored.count(body) == lines
    assert session._message is None


async def test_a_large_message_is_stored_byte_for_byte(node: Node, connect: Connect) -> None:
    body = b"".join(b"%07d " % n + b"\x80\xff" * 35 + b"\r\n" for n in range(40_000))
    wire = await connect("smtp")
    await in_data(wire)
    assert (await wire.ask(body + b".")).startswith("250 ")
    [stored] = await inbox(node, BOB)
    assert stored.endswith(body)


async def test_no_storage_is_a_temporary_failure_and_the_session_goes_on(
    node: Node, connect: Connect
) -> None:
    wire = await connect("smtp")
    await in_data(wire)
    await node.database.close()
    assert await wire.ask("Subject: x\r\n\r\n.") == "451 4.3.0 Temporary failure, try again later"
    await wire.send(ENVELOPE)
    assert [(await wire.reply())[:3] for _ in range(2)] == ["250", "250"]  # bob is remembered
    assert (await wire.ask("RCPT TO:<alice@example.test>"))[:9] == "451 4.3.0"
    assert (await wire.ask("NOOP"))[:3] == "250"


async def test_replies_keep_the_order_of_commands_that_wait(connect: Connect) -> None:
    wire = await connect("smtp")
    await wire.reply()
    names = [f"unknown{n}" for n in range(8)]
    commands = ["EHLO x", "MAIL FROM:<>"]
    for name in names:
        commands += [f"RCPT TO:<{name}@example.test>", f"RCPT TO:<{name}@elsewhere.test>"]
    commands += ["RCPT TO:<bob@example.test>", "NOOP", "VRFY bob", "DATA"]
    await wire.send("\r\n".join([*commands, ""]).encode())
    codes = [(await wire.reply())[:3] for _ in commands]
    assert codes == ["250", "250", *["550"] * 16, "250", "250", "252", "354"]


async def test_injection_before_the_handshake_is_never_executed(
    connect: Connect, doors: Doors
) -> None:
    wire = await connect("smtp")
    await wire.reply()
    await wire.ask("EHLO client.test")
    await wire.send(b"STARTTLS\r\nEHLO injected.test\r\n" + ENVELOPE)
    assert (await wire.reply())[:3] == "220"
    await wire.start_tls(doors.tls)
    assert (await wire.ask("RCPT TO:<bob@example.test>"))[:9] == "503 5.5.1"
    assert (await wire.ask("MAIL FROM:<>"))[:9] == "503 5.5.1"
    assert only_session(doors).client.host_name is None


async def test_a_failed_handshake_ends_the_session(doors: Doors) -> None:
    wire = await doors.connect("smtp")
    await wire.reply()
    assert (await wire.ask("STARTTLS"))[:3] == "220"
    await wire.send(b"NOOP\r\n" * 5)
    await wire.reader.read()
    async with asyncio.timeout(5):
        while len(cast(SmtpDoor, doors.doors[0]).sessions):
            await asyncio.sleep(0.01)


async def test_two_recipients_of_one_message_get_a_copy_each(node: Node, connect: Connect) -> None:
    wire = await connect("smtp")
    await wire.reply()
    await wire.send(
        b"EHLO x\r\n" + ENVELOPE + b"RCPT TO:<alice@example.test>\r\nRCPT TO:<BOB@example.test>\r\n"
        b"DATA\r\n"
    )
    for _ in range(6):
        await wire.reply()
    assert (await wire.ask("Subject: both\r\n\r\n."))[:3] == "250"
    assert [len(await inbox(node, address)) for address in (ALICE, BOB)] == [1, 1]
    [stored] = await inbox(node, ALICE)
    assert b"bob" not in stored  # RFC 5321 §7.2: recipients do not learn of each other


async def test_every_attribute_of_aiosmtpds_session_is_there(doors: Doors) -> None:
    wire = await doors.connect("smtp")
    await wire.reply()
    stock = SMTP(object(), hostname="x", loop=asyncio.get_running_loop())
    session = only_session(doors)
    assert [name for name in vars(stock) if not hasattr(session, name)] == ["_smtp_methods"]


VERBS = [
    *(b"EHLO x", b"LHLO x", b"MAIL FROM:<>", b"MAIL FROM:<> BODY=BINARYMIME"),
    *(b"RCPT TO:<bob@example.test>", b"DATA", b"RSET", b"VRFY x"),
    *(b"BDAT 0", b"BDAT 9", b"BDAT 0 LAST", b"BDAT 30 LAST", b"BDAT 7 x", b"BDAT"),
]
LINES = st.one_of(st.sampled_from(VERBS), st.binary(max_size=60))
# The codes of all replies, and that of the greeting; 4xx but for leaving would be trouble of ours.
DOCUMENTED = {str(reply.code) for reply in vars(replies).values() if isinstance(reply, Reply)} - {
    "451",
    "454",
}
ENDS = st.sampled_from([b"\r\n", b"\n", b"\r", b"", b"\r\n.\r\n"])


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(LINES, ENDS), max_size=12),
    st.integers(1, 40),
    st.sampled_from(["smtp", "lmtp"]),
)
async def test_any_bytes_in_any_state_leave_a_living_server(
    doors: Doors, script: list[tuple[bytes, bytes]], step: int, door: str
) -> None:
    wire = await doors.connect(door)
    stream = b"".join(line + end for line, end in script)
    for at in range(0, len(stream), step):
        wire.writer.write(stream[at : at + step])
        await asyncio.sleep(0)
    wire.writer.write_eof()
    async with asyncio.timeout(5):
        said = await wire.reader.read()
    for line in said.decode("ascii").splitlines():
        assert line[:3] in DOCUMENTED
        assert line[3] in " -"
    after = await doors.connect(door)
    assert (await after.reply()).startswith("220 ")
    assert (await after.ask("NOOP")) == "250 2.0.0 Ok"
    await after.close()
