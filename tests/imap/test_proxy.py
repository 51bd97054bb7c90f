"""PROXY headers in front of IMAP, and handshakes that do not end."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mailserver.accepting.proxy_header import LOCAL
from mailserver.settings import Imap, Listen, Tls
from tests.support.imap_client import Client
from tests.support.imap_doors import Doors, open_doors, trusting
from tests.support.logs import heard
from tests.support.node import open_node, settings_for

V1 = b"PROXY TCP6 2001:db8::7 2001:db8::1 56324 993\r\n"
V2 = LOCAL[:12] + b"\x21\x11\x00\x0c\xc0\x00\x02\x07\xc6\x33\x64\x01\xdc\x04\x03\xe1"
TRUSTED = Listen(proxy_networks=("127.0.0.0/8",), proxy_timeout=0.5)


@asynccontextmanager
async def doors_with(dsn: str, folder: Path, **sections: Any) -> AsyncIterator[Doors]:
    async with (
        open_node(dsn, settings_for(folder, **sections)) as node,
        open_doors(node) as opened,
    ):
        yield opened


async def raw(doors: Doors, port: int) -> Client:
    """A connection on which nothing was said."""
    doors.clients.append(await Client.connect(port))
    return doors.clients[-1]


@pytest.mark.parametrize(("header", "peer"), [(V1, "2001:db8::7"), (V2, "192.0.2.7")])
@pytest.mark.parametrize("tls", [False, True])
async def test_a_login_shows_the_client_behind_the_proxy(
    dsn: str, tmp_path: Path, header: bytes, peer: str, tls: bool
) -> None:
    async with doors_with(dsn, tmp_path, listen=TRUSTED) as doors:
        client = await raw(doors, doors.imaps if tls else doors.imap)
        client.send(header)
        if not tls:
            assert (await client.line()).startswith(b"* OK ")
            await client.do("STARTTLS")
        await client.writer.start_tls(trusting())
        if tls:
            assert (await client.line()).startswith(b"* OK ")
        with heard() as lines:
            await client.login()
        assert [line["client"] for line in lines if line["event"] == "login"] == [peer]


@pytest.mark.parametrize("said", [b"a NOOP\r\n", b"\x16\x03\x01", b""], ids=repr)
async def test_a_trusted_network_without_a_header_is_turned_away(
    dsn: str, tmp_path: Path, said: bytes
) -> None:
    async with doors_with(dsn, tmp_path, listen=TRUSTED) as doors:
        for port in (doors.imap, doors.imaps):
            client = await raw(doors, port)
            client.send(said)
            assert await client.closed()


@pytest.mark.parametrize("header", [V1, V2, LOCAL, b"PROXY UNKNOWN\r\n"])
@pytest.mark.parametrize("step", [1, 1000])
async def test_a_header_from_anyone_else_ends_the_session(
    doors: Doors, header: bytes, step: int
) -> None:
    client = await doors.connect(tls=False)
    for at in range(0, len(header), step):
        client.send(header[at : at + step])
        await asyncio.sleep(0.002)
    said = await client.reader.read()
    assert b"* BYE A PROXY header" in said.splitlines()[-1]
    secure = await raw(doors, doors.imaps)
    secure.send(header)
    assert b"* OK" not in await secure.reader.read()


async def test_handshakes_have_a_deadline_and_count_as_sessions(dsn: str, tmp_path: Path) -> None:
    limits = {"imap": Imap(max_sessions=1), "tls": Tls(handshake_timeout=0.5)}
    async with doors_with(dsn, tmp_path, **limits) as doors:
        with heard() as lines:
            silent = await raw(doors, doors.imaps)
            assert await (await raw(doors, doors.imaps)).closed()
            assert await silent.closed()
        assert [(line["event"], line["log_level"]) for line in lines] == [
            ("too many sessions", "warning"),
            ("TLS handshake failed", "info"),
        ]
        await (await doors.login()).do("NOOP")


async def test_what_comes_behind_starttls_in_a_packet_of_its_own_is_no_command(
    doors: Doors,
) -> None:
    client = await doors.connect(tls=False)
    client.send(b"a STARTTLS\r\n")
    await asyncio.sleep(0)
    client.send(b"b LOGIN alice@example.test x\r\n")
    assert await client.line() == b"a OK Begin TLS negotiation now"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await client.writer.start_tls(trusting())
