"""Clients of IMAP that ask and never read, or never finish what they began, a hundred at once.

What they cost is bounded, others are served meanwhile, and deadlines end them.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import psutil
import pytest

from tests.support.imap_client import Client
from tests.support.letters import ALICE, BOB, reading, trusting
from tests.support.memory import Peak, own_memory
from tests.support.server import Server, running

DEADLINE = 3.0  # seconds; settings of this server
MESSAGES, SIZE = 160, 100_000  # of the mailbox; octets of each
CLIENTS = 50  # that never read, and again as many that never finish
UNREAD, UNFINISHED = 5 << 20, 1 << 20  # bytes that the worker may grow by for one of them
TLS = trusting()
SETTINGS = {
    "MAILSERVER__IMAP__LOGIN_TIMEOUT": str(DEADLINE),
    "MAILSERVER__IMAP__LITERAL_TIMEOUT": str(DEADLINE),
    "MAILSERVER__IMAP__WRITE_TIMEOUT": str(DEADLINE),
    "MAILSERVER__TLS__HANDSHAKE_TIMEOUT": str(DEADLINE),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One worker; bob has a large mailbox, which was read once."""
    folder = tmp_path_factory.mktemp("stalled") / "var"
    with running(folder, workers=1, roles=("imap",), **SETTINGS) as started:
        with reading(started, BOB) as client:
            content = b"Subject: large\r\n\r\n" + b"x" * SIZE + b"\r\n"
            assert client.create("Large")[0] == "OK"
            for _ in range(MESSAGES // 16):
                assert client.append("Large", "", "", content)[0] == "OK"
            client.select("Large")
            for _ in range(4):
                assert client.copy("1:*", "Large")[0] == "OK"
                client.noop()
            assert len(client.fetch("1:*", "(BODY.PEEK[])")[1]) >= MESSAGES
        yield started
        assert started.stop() == 0
        assert not any("Traceback" in line for line in started.output)


@pytest.fixture
def worker(server: Server) -> Iterator[psutil.Process]:
    """The worker before, the same one after."""
    [before] = server.workers()
    yield before
    assert server.workers() == [before]


async def logged_in(server: Server, address: str) -> Client:
    client = await Client.connect(server.ports["imaps"], tls=TLS)
    assert (await client.line()).startswith(b"* OK ")
    await client.do(f'LOGIN {address} "{server.logins[address]}"')
    return client


@pytest.fixture
async def alice(server: Server) -> AsyncIterator[Client]:
    """A client of hers, who has nothing to do with any of it."""
    client = await logged_in(server, ALICE)
    yield client
    await client.close()


@pytest.fixture
async def clients() -> AsyncIterator[list[Client]]:
    """Who is to be gone at the end of the test."""
    stalled: list[Client] = []
    yield stalled
    for client in stalled:
        client.writer.transport.abort()
    await asyncio.sleep(0.1)


def others(server: Server, worker: psutil.Process) -> int:
    """Connections that the worker has beside that of alice."""
    doors = {server.ports["imap"], server.ports["imaps"]}
    connections = worker.net_connections("tcp")
    return sum(bool(one.raddr) and one.laddr.port in doors for one in connections) - 1


async def assert_ended(server: Server, worker: psutil.Process, alice: Client) -> None:
    """The deadlines end all of them; alice is answered meanwhile."""
    async with asyncio.timeout(60):
        while others(server, worker):
            await alice.do("SELECT INBOX")
            await alice.do("STATUS Sent (MESSAGES)")
            await asyncio.sleep(0.05)


def assert_bounded(peak: Peak, each: int) -> None:
    grown = peak.most - peak.before
    assert grown < CLIENTS * each, f"{grown >> 20} MB more"


# ── who never reads ─────────────────────────────────────────────────────────────────────────


async def deaf(server: Server) -> Client:
    """A client that has the large mailbox open and reads nothing any more."""
    client = await logged_in(server, BOB)
    await client.do("EXAMINE Large")
    transport: Any = client.writer.transport
    transport.pause_reading()
    return client


async def test_clients_that_never_read_cost_little_and_are_cut_off(
    server: Server, worker: psutil.Process, alice: Client, clients: list[Client]
) -> None:
    clients += [await deaf(server) for _ in range(CLIENTS)]
    with Peak(worker) as peak:
        for client in clients:
            client.send(b"f FETCH 1:* BODY[]\r\n" * 3)
        assert others(server, worker) == CLIENTS
        await assert_ended(server, worker, alice)
    assert_bounded(peak, UNREAD)
    assert own_memory(worker) - peak.before < CLIENTS * UNREAD // 2


# ── who never finishes ──────────────────────────────────────────────────────────────────────


def half_a_hello() -> bytes:
    """The beginning of a TLS handshake."""
    outgoing = ssl.MemoryBIO()
    handshake = TLS.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        handshake.do_handshake()
    return outgoing.read()[:100]


async def silent(server: Server) -> Client:
    return await Client.connect(server.ports["imap"])


async def silent_before_tls(server: Server) -> Client:
    return await Client.connect(server.ports["imaps"])


async def half_a_handshake(server: Server) -> Client:
    client = await silent_before_tls(server)
    client.send(half_a_hello())
    return client


async def half_a_handshake_after_starttls(server: Server) -> Client:
    client = await silent(server)
    assert (await client.line()).startswith(b"* OK ")
    await client.do("STARTTLS")
    client.send(half_a_hello())
    return client


async def half_a_login(server: Server) -> Client:
    client = await Client.connect(server.ports["imaps"], tls=TLS)
    client.send(b"a LOGIN {5}\r\n")
    return client


async def no_message(server: Server) -> Client:
    client = await logged_in(server, BOB)
    client.send(b"a APPEND INBOX {10000000}\r\n")
    return client


async def half_a_message(server: Server) -> Client:
    client = await logged_in(server, BOB)
    client.send(b"a APPEND INBOX {10000000+}\r\n" + b"x" * 1_000_000)
    return client


KINDS: tuple[Callable[[Server], Awaitable[Client]], ...] = (
    silent,
    silent_before_tls,
    half_a_handshake,
    half_a_handshake_after_starttls,
    half_a_login,
    no_message,
    half_a_message,
)


async def test_clients_that_never_finish_cost_little_and_are_cut_off(
    server: Server, worker: psutil.Process, alice: Client, clients: list[Client]
) -> None:
    with Peak(worker) as peak:
        kinds = (KINDS[number % len(KINDS)] for number in range(CLIENTS))
        clients += [await kind(server) for kind in kinds]
        assert others(server, worker) > 0
        await assert_ended(server, worker, alice)
    assert_bounded(peak, UNFINISHED)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_each_of_them_is_cut_off(
    server: Server,
    worker: psutil.Process,
    alice: Client,
    clients: list[Client],
    kind: Callable[[Server], Awaitable[Client]],
) -> None:
    clients.append(await kind(server))
    await assert_ended(server, worker, alice)
