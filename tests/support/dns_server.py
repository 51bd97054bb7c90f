"""A real DNS server on loopback, UDP and TCP; its records can be changed while it runs."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.zonefile

_SOA = ". 0 IN SOA ns.test. hostmaster.test. 1 3600 600 86400 0"  # negative answers: not cached


class DnsServer:
    """Answers from `records`; names under no zone do not exist."""

    def __init__(self) -> None:
        self.port = 0
        self.fail: dict[str, dns.rcode.Rcode] = {}  # name → SERVFAIL, REFUSED, …
        self.slow: dict[str, float] = {}  # name → seconds before the answer
        self.queries: list[tuple[str, str, str]] = []  # name, type, "udp" or "tcp"
        self._records: dict[dns.name.Name, list[dns.rrset.RRset]] = {}

    @property
    def address(self) -> str:
        """As the setting `delivery.resolver` takes it."""
        return f"127.0.0.1:{self.port}"

    def add(self, zone: str) -> None:
        """Add records in the form of a zone file, names absolute, TTL 0 unless given."""
        for rrset in dns.zonefile.read_rrsets(zone, rdclass=None, default_ttl=0, relativize=False):
            self._records.setdefault(rrset.name, []).append(rrset)

    def clear(self) -> None:
        """Forget all records."""
        self._records.clear()

    async def answer(self, wire: bytes, protocol: str) -> bytes:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        self.queries.append((name, dns.rdatatype.to_text(question.rdtype), protocol))
        await asyncio.sleep(self.slow.get(name, 0))
        response = dns.message.make_response(query, recursion_available=True)
        if name in self.fail:
            response.set_rcode(self.fail[name])
        else:
            self._fill(response, question)
        limit = 65535 if protocol == "tcp" else max(query.payload, 512)
        whole = response.to_wire(max_size=65535)
        if len(whole) <= limit:
            return whole
        response.answer.clear()
        response.flags |= dns.flags.TC
        return response.to_wire()

    def _fill(self, response: dns.message.Message, question: dns.rrset.RRset) -> None:
        known = self._records.get(question.name)
        found = [rrset for rrset in known or () if rrset.rdtype == question.rdtype]
        response.answer.extend(found)
        if not found:
            response.authority.append(dns.rrset.from_text(*_soa()))
        if known is None:
            response.set_rcode(dns.rcode.NXDOMAIN)

    async def on_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            answer = await self.answer(await reader.readexactly(length), "tcp")
            writer.write(struct.pack("!H", len(answer)) + answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client went away
        finally:
            writer.close()


def _soa() -> tuple[str, int, str, str, str]:
    owner, ttl, rdclass, rdtype, rdata = _SOA.split(" ", 4)
    return owner, int(ttl), rdclass, rdtype, rdata


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, peer: tuple[str, int]) -> None:
        task = asyncio.create_task(self._reply(data, peer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reply(self, data: bytes, peer: tuple[str, int]) -> None:
        answer = await self._server.answer(data, "udp")
        if not self._transport.is_closing():
            self._transport.sendto(answer, peer)

    async def finish(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def serve_dns() -> AsyncIterator[DnsServer]:
    """A server without records on a free port."""
    server = DnsServer()
    loop = asyncio.get_running_loop()
    tcp = await asyncio.start_server(server.on_tcp, "127.0.0.1", 0)
    server.port = tcp.sockets[0].getsockname()[1]
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: _Udp(server), local_addr=("127.0.0.1", server.port)
    )
    try:
        yield server
    finally:
        transport.close()
        await protocol.finish()
        tcp.close()
        await tcp.wait_closed()
