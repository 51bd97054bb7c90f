"""Fixtures of the delivery tests: a DNS server, a port for all remote hosts, an open node."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import uvloop

from delivery.worker import Worker
from mailserver.node import Node
from mailserver.settings import Delivery
from tests.support.dns_server import DnsServer, serve_dns
from tests.support.node import open_node, settings_for
from tests.support.outbound import working
from tests.support.remote_mx import free_port


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that carries mail in production."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def dns_server() -> AsyncIterator[DnsServer]:
    async with serve_dns() as server:
        yield server


@pytest.fixture
def smtp_port() -> int:
    """Where every remote host of the test listens."""
    return free_port()


@pytest.fixture
def delivery(dns_server: DnsServer, smtp_port: int) -> Delivery:
    """Delivery settings that ask the test's DNS and retry soon."""
    return Delivery(
        resolver=(dns_server.address,),
        smtp_port=smtp_port,
        connect_timeout=2.0,
        command_timeout=3.0,
        retry_first=0.2,
        retry_most=0.4,
        connections=5,
    )


@pytest.fixture
async def node(dsn: str, tmp_path: Path, delivery: Delivery) -> AsyncIterator[Node]:
    async with open_node(dsn, settings_for(tmp_path, delivery=delivery)) as opened:
        yield opened


@pytest.fixture
async def worker(node: Node) -> AsyncIterator[Worker]:
    async with working(node) as running:
        yield running
