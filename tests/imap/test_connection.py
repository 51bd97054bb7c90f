"""Deadlines, clients that do not read, too many of them, and the end of a server."""

import asyncio
import gc
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mailserver.node import Node
from mailserver.settings import Imap, Limits
from tests.support.imap_client import Client
from tests.support.imap_doors import Doors, open_doors
from tests.support.node import open_node, settings_for
from tests.support.store import message


@asynccontextmanager
async def doors_with(dsn: str, folder: Path, **sections: Any) -> AsyncIterator[Doors]:
    async with (
        open_node(dsn, settings_for(folder, **sections)) as node,
        open_doors(node) as opened,
    ):
        yield opened


# ── deadlines ────────────────────────────────────────────────────────────────────────────────


async def test_a_stranger_has_the_time_of_a_login_however_busy(dsn: str, tmp_path: Path) -> None:
    async with doors_with(dsn, tmp_path, imap=Imap(login_timeout=0.5)) as doors:
        silent, busy = await doors.connect(), await doors.connect(tls=False)
        asking = await doors.connect()
        asking.send(b"a AUTHENTICATE PLAIN\r\n")
        assert await asking.line() == b"+ "
        began = time.monotonic()
        line = b"a OK"
        while line.startswith(b"a OK"):
            assert time.monotonic() - began < 5.0
            await asyncio.sleep(0.02)
            busy.send(b"a NOOP\r\n")
            line = await busy.line()
        assert line.startswith(b"* BYE ")
        for client in (silent, asking):
            assert (await client.line()).startswith(b"* BYE ")
            assert await client.closed()
        assert 0.4 < time.monotonic() - began < 2.0


async def test_autologout_of_idle_sessions(dsn: str, tmp_path: Path) -> None:
    async with doors_with(dsn, tmp_path, imap=Imap(idle_timeout=0.5)) as doors:
        still, idle, busy = await doors.login(), await doors.login(), await doors.login()
        idle.send(b"a IDLE\r\n")
        assert (await idle.line()).startswith(b"+ ")
        for _ in range(15):
            await busy.do("NOOP")
            await asyncio.sleep(0.1)
        for client in (still, idle):
            assert (await client.line()).startswith(b"* BYE ")
            assert await client.closed()
        await busy.do("NOOP")


async def test_failed_logins_are_slow_where_the_network_is_not_exempt(
    dsn: str, tmp_path: Path
) -> None:
    limits = Limits(exempt_networks=("192.0.2.0/24",), failed_login_delay=0.4)
    async with doors_with(dsn, tmp_path, limits=limits) as doors:
        client = await doors.connect()
        for command in ("LOGIN nobody@example.test wrong", "AUTHENTICATE PLAIN AGEAYg=="):
            began = time.monotonic()
            reply = await client.ask(command)
            assert reply.tagged.startswith(b"NO [AUTHENTICATIONFAILED]")
            assert time.monotonic() - began > 0.4


# ── clients that do not read ─────────────────────────────────────────────────────────────────


async def test_a_client_that_does_not_read_is_cut_off(dsn: str, tmp_path: Path) -> None:
    async with doors_with(dsn, tmp_path, imap=Imap(write_timeout=0.5)) as doors:
        alice = await doors.login()
        await alice.append("INBOX", message(size=8_000_000))
        await alice.do("SELECT INBOX")
        transport: Any = alice.writer.transport
        transport.pause_reading()
        alice.send(b"".join(b"f%d FETCH 1 BODY[]\r\n" % n for n in range(10)))
        services = doors.doors[0].doorway.services
        async with asyncio.timeout(10):
            while services.sessions:
                await asyncio.sleep(0.02)
        await (await doors.login()).do("NOOP")


async def test_a_slow_reader_gets_everything(dsn: str, tmp_path: Path) -> None:
    content = message(size=6_000_000)
    async with doors_with(dsn, tmp_path, imap=Imap(write_timeout=0.3)) as doors:
        alice = await doors.login()
        await alice.append("INBOX", content)
        await alice.do("SELECT INBOX")
        transport: Any = alice.writer.transport
        alice.send(b"f FETCH 1 BODY[]\r\n")
        for _ in range(6):
            transport.pause_reading()
            await asyncio.sleep(0.1)
            transport.resume_reading()
            await asyncio.sleep(0.01)
        reply = await alice.reply(b"f")
        assert reply.ok
        assert content in reply.lines[0]


async def test_who_sends_and_does_not_read_is_not_read_either(dsn: str, tmp_path: Path) -> None:
    async with doors_with(dsn, tmp_path, imap=Imap(write_timeout=0.5)) as doors:
        alice = await doors.login()
        transport: Any = alice.writer.transport
        transport.pause_reading()
        (conversation,) = doors.doors[1].doorway.connections
        output: Any = conversation.transport
        alice.send(b"a CAPABILITY\r\n" * 400_000)
        kept = unread = 0
        async with asyncio.timeout(20):
            while doors.doors[0].doorway.services.sessions:
                kept = max(kept, conversation.framer.buffered)
                unread = max(unread, output.get_write_buffer_size())
                await asyncio.sleep(0.001)
        assert 0 < kept < 1 << 19
        assert 0 < unread < 1 << 20


async def test_pipelined_commands_are_answered_in_order(alice: Client) -> None:
    alice.send(b"".join(b"n%d NOOP\r\n" % n for n in range(3000)))
    for number in range(3000):
        assert await alice.line() == b"n%d OK NOOP completed" % number


async def test_who_falls_too_far_behind_must_select_again(
    doors: Doors, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imap.mailboxes.state._LOG_LIMIT", 10)
    await alice.append("INBOX", message())
    still = await doors.login()
    await still.do("SELECT INBOX")
    await alice.do("SELECT INBOX")
    for number in range(14):
        await alice.do(f"STORE 1 {'+-'[number % 2]}FLAGS (\\Flagged)")
    assert (await still.line()).startswith(b"* BYE ")
    await alice.do("STORE 1 FLAGS ()")
    (opened,) = doors.doors[0].doorway.services.mailboxes._open.values()
    assert len(opened.state.log) < 10


# ── the ends ─────────────────────────────────────────────────────────────────────────────────


async def test_too_many_sessions_are_told_so(dsn: str, tmp_path: Path) -> None:
    async with doors_with(dsn, tmp_path, imap=Imap(max_sessions=2)) as doors:
        first, _ = await doors.connect(), await doors.connect(tls=False)
        third = await Client.connect(doors.imap)
        assert (await third.line()).startswith(b"* BYE [UNAVAILABLE]")
        assert await third.closed()
        await third.close()
        await first.do("LOGOUT")
        async with asyncio.timeout(5):
            while doors.doors[0].doorway.services.sessions > 1:
                await asyncio.sleep(0.01)
        await (await doors.connect()).do("NOOP")


async def test_drain_says_bye_and_finishes_what_runs(node: Node) -> None:
    async with open_doors(node) as doors:
        still, idle, busy = await doors.login(), await doors.login(), await doors.login()
        stranger = await doors.connect(tls=False)
        idle.send(b"a IDLE\r\n")
        assert (await idle.line()).startswith(b"+ ")
        content = message(size=3_000_000)
        busy.send(b"a APPEND INBOX {%d+}\r\n%b\r\nb NOOP\r\n" % (len(content), content))
        await asyncio.sleep(0.02)
        began = time.monotonic()
        draining = asyncio.gather(*(door.drain(5.0) for door in doors.doors))
        for client in (still, idle, stranger):
            assert (await client.line()).startswith(b"* BYE ")
        assert (await busy.line()).startswith(b"a OK [APPENDUID 1 1]")
        assert (await busy.line()).startswith(b"* BYE ")
        for client in (still, idle, stranger, busy):
            assert await client.closed()
            await client.close()
        await draining
        assert time.monotonic() - began < 3.0
        with pytest.raises(OSError):
            await Client.connect(doors.imap)
        doors.doors.clear()


async def test_drain_cuts_off_who_does_not_end(node: Node) -> None:
    async with open_doors(node) as doors:
        alice = await doors.login()
        alice.send(b"a APPEND INBOX {1000}\r\n")
        assert (await alice.line()).startswith(b"+ ")
        began = time.monotonic()
        await asyncio.gather(*(door.drain(0.3) for door in doors.doors))
        assert time.monotonic() - began < 2.0
        assert await alice.closed()
        doors.doors.clear()


async def test_half_closed_clients_get_their_answers(doors: Doors) -> None:
    client = await doors.connect(tls=False)
    client.send(b"a CAPABILITY\r\nb LOGIN x y\r\n")
    client.writer.write_eof()
    assert (await client.line()).startswith(b"* CAPABILITY")
    assert (await client.line()).startswith(b"a OK")
    assert (await client.line()).startswith(b"b NO")
    assert await client.closed()


async def test_the_last_word_is_read_whatever_the_client_still_sends(doors: Doors) -> None:
    client = await doors.connect(tls=False)
    client.send(b"POST / HTTP/1.1\r\n" + b"x" * 3_000_000)
    assert (await client.line()).startswith(b"* BYE ")
    assert await client.reader.read() == b""  # an end, and no reset that could overtake the BYE


async def test_a_failed_handshake_ends_the_session(doors: Doors) -> None:
    client = await doors.connect(tls=False)
    client.send(b"a STARTTLS\r\n")
    assert (await client.line()).startswith(b"a OK")
    client.send(b"b CAPABILITY\r\n")
    assert b"CAPABILITY" not in await client.reader.read()
    async with asyncio.timeout(5):
        while doors.doors[0].doorway.services.sessions:
            await asyncio.sleep(0.01)


async def test_sessions_that_come_and_go_leave_nothing(doors: Doors) -> None:
    alice = await doors.login()
    await alice.append("INBOX", message())
    services = doors.doors[0].doorway.services
    for number in range(20):
        client = await doors.login()
        await client.do("SELECT INBOX")
        client.send(b"a FETCH 1 BODY[]\r\n" if number % 2 else b"a IDLE\r\n")
        client.writer.transport.abort()
    async with asyncio.timeout(5):
        while services.sessions > 1 or doors.doors[1].doorway.leaving:
            await asyncio.sleep(0.01)
    (opened,) = services.mailboxes._open.values()
    assert not opened.views


async def test_an_idle_session_costs_two_kilobytes(doors: Doors) -> None:
    """Python's own objects; sockets and TLS are the system's."""

    async def idle() -> None:
        client = await doors.login()
        await client.do("SELECT INBOX")
        client.send(b"a IDLE\r\n")
        assert (await client.line()).startswith(b"+ ")

    def allocated() -> int:
        gc.collect()
        ours = tracemalloc.Filter(True, "*/imap/*.py")
        snapshot = tracemalloc.take_snapshot().filter_traces([ours])
        return sum(statistic.size for statistic in snapshot.statistics("filename"))

    await idle()
    tracemalloc.start()
    try:
        before = allocated()
        for _ in range(50):
            await idle()
        assert (allocated() - before) / 50 < 3000
    finally:
        tracemalloc.stop()
