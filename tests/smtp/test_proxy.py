"""PROXY headers in front of SMTP, in plain text and before TLS; who may send them; who waits."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from mailserver import metrics
from mailserver.accepting.proxy_header import LOCAL
from mailserver.settings import Limits, Listen, Smtp, Tls
from smtp.server import SmtpDoor
from tests.smtp.conftest import Doors, open_doors
from tests.support.dialog import Wire
from tests.support.logs import heard
from tests.support.node import ALICE, BOB, PASSWORDS, inbox, open_node, settings_for

V1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 25\r\n"
V2 = (
    LOCAL[:12]
    + b"\x21\x11\x00\x13\xc0\x00\x02\x07\xc6\x33\x64\x01\xdc\x04\x00\x19"
    + (b"\x05\x00\x04abcd")
)
TRUSTED = Listen(proxy_networks=("127.0.0.0/8",), proxy_timeout=0.5)
ELSEWHERE = Listen(proxy_networks=("192.0.2.0/24",))


@asynccontextmanager
async def opened(dsn: str, folder: Path, **sections: Any) -> AsyncIterator[tuple[Any, Doors]]:
    async with (
        open_node(dsn, settings_for(folder, **{"listen": TRUSTED, **sections})) as node,
        open_doors(node) as doors,
    ):
        yield node, doors


async def raw(doors: Doors, door: str) -> Wire:
    """A connection on which nothing was said."""
    doors.wires.append(await Wire.connect(getattr(doors, door)))
    return doors.wires[-1]


class TlsAfter:
    """TLS in memory: so that its first bytes can be sent together with others."""

    def __init__(
        self, wire: Wire, context: ssl.SSLContext, name: str = "mail.example.test"
    ) -> None:
        self._wire = wire
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=name)

    async def _do(self, action: Callable[[], Any]) -> Any:
        while True:
            try:
                return action()
            except ssl.SSLWantReadError:
                await self._flush()
                async with asyncio.timeout(5):
                    more = await self._wire.reader.read(65536)
                if not more:
                    raise ConnectionResetError from None
                self._in.write(more)

    async def _flush(self) -> None:
        if data := self._out.read():
            await self._wire.send(data)

    def hello(self) -> bytes:
        with pytest.raises(ssl.SSLWantReadError):
            self._tls.do_handshake()
        return self._out.read()

    async def handshake(self) -> None:
        await self._do(self._tls.do_handshake)
        await self._flush()

    async def ask(self, line: bytes) -> bytes:
        self._tls.write(line + b"\r\n" if line else b"")
        await self._flush()
        return cast(bytes, await self._do(lambda: self._tls.read(65536)))


def handshakes(door: str, result: str) -> float:
    """How many there were; of those that failed no version is known."""
    [family] = metrics.TLS_HANDSHAKES.collect()
    return sum(
        sample.value
        for sample in family.samples
        if sample.name.endswith("_total")
        and (sample.labels["door"], sample.labels["result"]) == (door, result)
    )


@contextmanager
def counted(door: str, result: str, number: int = 1) -> Iterator[None]:
    before = handshakes(door, result)
    yield
    assert handshakes(door, result) == before + number


async def refused(wire: Wire) -> bool:
    """Closed without a word."""
    async with asyncio.timeout(5):
        try:
            return await wire.reader.read() == b""
        except ConnectionResetError:
            return True


# ── who is behind it ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("step", [1, 1000])
@pytest.mark.parametrize("header", [V1, V2])
async def test_log_and_received_show_the_client_behind_the_proxy(
    dsn: str, tmp_path: Path, header: bytes, step: int
) -> None:
    async with opened(dsn, tmp_path) as (node, doors):
        wire = await raw(doors, "smtp")
        for at in range(0, len(header), step):
            await wire.send(header[at : at + step])
            await asyncio.sleep(0)
        await wire.reply()
        await wire.send(
            b"EHLO client.test\r\nMAIL FROM:<ann@elsewhere.test>\r\n"
            b"RCPT TO:<bob@example.test>\r\nDATA\r\n"
        )
        assert [(await wire.reply())[:3] for _ in range(4)] == ["250", "250", "250", "354"]
        with heard() as lines:
            assert (await wire.ask("Subject: x\r\n\r\n."))[:3] == "250"
        assert {line["client"] for line in lines if "client" in line} == {"192.0.2.7"}
        [stored] = await inbox(node, BOB)
        assert b"[192.0.2.7]" in stored
        assert b"127.0.0.1" not in stored


@pytest.mark.parametrize("header", [V1, V2])
async def test_header_and_tls_may_come_in_one_packet(
    dsn: str, tmp_path: Path, header: bytes
) -> None:
    async with opened(dsn, tmp_path) as (_, doors):
        with counted("submissions", "full"):
            wire = await raw(doors, "submissions")
            tls = TlsAfter(wire, doors.tls)
            await wire.send(header + tls.hello())
            await tls.handshake()
            assert (await tls.ask(b"")).startswith(b"220 ")
        [session] = cast(SmtpDoor, doors.doors[2]).sessions
        assert session.client.address == "192.0.2.7"
        assert session.client.cipher


async def test_starttls_works_behind_a_proxy(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as (_, doors):
        with counted("submission", "full"):
            wire = await raw(doors, "submission")
            await wire.send(V2)
            await wire.reply()
            await wire.ask("EHLO client.test")
            assert (await wire.ask("STARTTLS"))[:3] == "220"
            await wire.start_tls(doors.tls)
            assert "AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN" in await wire.ask(
                "EHLO client.test"
            )


async def test_limits_see_the_client_and_not_the_proxy(dsn: str, tmp_path: Path) -> None:
    limits = Limits(exempt_networks=("192.0.2.0/24",), failed_login_delay=60.0)
    async with opened(dsn, tmp_path, limits=limits) as (_, doors):
        wire = await raw(doors, "submission")
        await wire.send(V1)
        await wire.reply()
        await wire.ask("EHLO client.test")
        await wire.ask("STARTTLS")
        await wire.start_tls(doors.tls)
        await wire.ask("EHLO client.test")
        # 127.0.0.1 would wait a minute for it.
        assert (await wire.ask("AUTH PLAIN AGEAYg=="))[:3] == "535"


@pytest.mark.parametrize("header", [LOCAL, b"PROXY UNKNOWN\r\n"])
async def test_a_connection_of_the_proxys_own_is_served(
    dsn: str, tmp_path: Path, header: bytes
) -> None:
    async with opened(dsn, tmp_path) as (_, doors):
        wire = await raw(doors, "smtp")
        await wire.send(header)
        assert (await wire.reply()).startswith("220 ")
        [session] = cast(SmtpDoor, doors.doors[0]).sessions
        assert session.client.address == "127.0.0.1"


# ── who is not believed ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("door", ["smtp", "submission", "submissions"])
@pytest.mark.parametrize(
    "said", [b"EHLO client.test\r\n", V1[:20], b"\x16\x03\x01\x02\x00", b""], ids=repr
)
async def test_a_trusted_network_without_a_header_is_turned_away(
    dsn: str, tmp_path: Path, door: str, said: bytes
) -> None:
    async with opened(dsn, tmp_path) as (_, doors):
        with heard() as lines:
            wire = await raw(doors, door)
            await wire.send(said)
            assert await refused(wire)
        [line] = [line for line in lines if line["event"] == "PROXY header refused"]
        assert (line["log_level"], line["proxy"], line["door"]) == ("info", "127.0.0.1", door)


@pytest.mark.parametrize("listen", [Listen(), ELSEWHERE], ids=["nobody is", "others are"])
@pytest.mark.parametrize("step", [1, 1000])
@pytest.mark.parametrize("header", [V1, V2, LOCAL])
async def test_a_header_from_anyone_else_ends_the_session(
    dsn: str, tmp_path: Path, header: bytes, step: int, listen: Listen
) -> None:
    async with opened(dsn, tmp_path, listen=listen) as (_, doors):
        wire = await raw(doors, "smtp")
        await wire.reply()
        for at in range(0, len(header), step):
            wire.writer.write(header[at : at + step])
            await asyncio.sleep(0.002)
        replies = (await wire.reader.read()).decode().splitlines()
        assert replies[-1].startswith("554 5.5.1 ")
        [*_] = cast(SmtpDoor, doors.doors[0]).sessions
        secure = await raw(doors, "submissions")
        await secure.send(header)
        assert b"220" not in await secure.reader.read()


async def test_others_are_served_without_a_header(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path, listen=ELSEWHERE) as (_, doors):
        for door in ("smtp", "submission", "submissions"):
            wire = await doors.connect(door)
            assert (await wire.reply()).startswith("220 ")
            assert (await wire.ask("NOOP"))[:3] == "250"


# ── who is not a session yet ─────────────────────────────────────────────────────────────────


async def test_a_handshake_has_a_deadline_and_is_one_line_in_the_log(
    dsn: str, tmp_path: Path
) -> None:
    quick = Tls(handshake_timeout=0.3)
    async with opened(dsn, tmp_path, listen=Listen(), tls=quick) as (_, doors):
        with heard() as lines, counted("submissions", "failed", 2):
            silent, wrong = await raw(doors, "submissions"), await raw(doors, "submissions")
            await wrong.send(b"EHLO client.test\r\n")
            assert b"220" not in await wrong.reader.read()
            assert await refused(silent)
        failed = [line for line in lines if line["event"] == "TLS handshake failed"]
        assert [(line["log_level"], line["client"], line["door"]) for line in failed] == [
            ("info", "127.0.0.1", "submissions")
        ] * 2
        assert all("exc_info" not in line and line["cause"] for line in failed)
        acceptor = cast(Any, doors.doors[2])._acceptor
        async with asyncio.timeout(5):
            while acceptor.coming:
                await asyncio.sleep(0)


async def test_handshakes_in_progress_count_as_sessions(dsn: str, tmp_path: Path) -> None:
    two = Smtp(max_sessions=2)
    async with opened(dsn, tmp_path, listen=Listen(), smtp=two) as (_, doors):
        silent = await raw(doors, "submissions")
        session = await doors.connect("submissions")
        await session.reply()
        third = await raw(doors, "submissions")
        assert await refused(third)
        silent.writer.transport.abort()
        acceptor = cast(Any, doors.doors[2])._acceptor
        async with asyncio.timeout(5):
            while acceptor.coming:
                await asyncio.sleep(0.01)
        assert (await (await doors.connect("submissions")).reply()).startswith("220 ")


async def test_drain_turns_away_who_is_not_a_session_yet(dsn: str, tmp_path: Path) -> None:
    slow = Listen(proxy_networks=("127.0.0.0/8",), proxy_timeout=60.0)
    async with opened(dsn, tmp_path, listen=slow) as (_, doors):
        without, between = await raw(doors, "smtp"), await raw(doors, "submissions")
        await between.send(V2)
        while not cast(Any, doors.doors[2])._acceptor.coming:
            await asyncio.sleep(0.01)
        async with asyncio.timeout(5):
            await asyncio.gather(*(door.drain(1.0) for door in doors.doors))
        assert await refused(without)
        assert await refused(between)
        with pytest.raises(ConnectionError):
            await raw(doors, "smtp")


async def test_who_comes_and_goes_leaves_no_socket(dsn: str, tmp_path: Path) -> None:
    process = psutil.Process()
    async with opened(dsn, tmp_path, tls=Tls(handshake_timeout=0.2)) as (_, doors):
        acceptor = cast(Any, doors.doors[2])._acceptor
        before = process.num_fds()
        for said in (b"", V2[:20], V1 + b"EHLO\r\n", V2 + b"\x16\x03\x01\x02\x00\x01", b"?", V2):
            for _ in range(3):
                wire = await Wire.connect(doors.submissions)
                wire.writer.write(said)
                await asyncio.sleep(0.01)
                wire.writer.transport.abort()
        async with asyncio.timeout(5):
            while acceptor.coming or process.num_fds() > before:
                await asyncio.sleep(0.01)


async def test_mail_by_submission_in_tls_behind_a_proxy_keeps_the_users_address_to_itself(
    dsn: str, tmp_path: Path
) -> None:
    async with opened(dsn, tmp_path) as (node, doors):
        wire = await raw(doors, "submissions")
        tls = TlsAfter(wire, doors.tls)
        await wire.send(V2)
        await tls.handshake()
        await tls.ask(b"")
        await tls.ask(b"EHLO client.test")
        secret = f"AUTH PLAIN {_plain(ALICE)}".encode()
        assert (await tls.ask(secret)).startswith(b"235 ")
        await tls.ask(b"MAIL FROM:<alice@example.test>")
        await tls.ask(b"RCPT TO:<bob@example.test>")
        await tls.ask(b"DATA")
        assert (await tls.ask(b"Subject: x\r\n\r\n.")).startswith(b"250 ")
        [stored] = await inbox(node, BOB)
        assert b"192.0.2.7" not in stored


def _plain(address: str) -> str:

    return base64.b64encode(f"\0{address}\0{PASSWORDS[address]}".encode()).decode()
