"""A small IMAP client that shows every line it gets: what the tests of the door talk with."""

import asyncio
import itertools
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.support.node import ALICE, PASSWORDS

_LITERAL = re.compile(rb"\{(\d+)\}\r\n\Z")
_DEADLINE = 10.0


@dataclass(slots=True)
class Reply:
    """The answer to a command: untagged lines without CR LF, and the tagged one without its tag."""

    lines: list[bytes]
    tagged: bytes

    @property
    def ok(self) -> bool:
        return self.tagged.startswith(b"OK")


@dataclass(slots=True)
class Client:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    tags: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    async def connect(
        cls, port: int, *, tls: ssl.SSLContext | None = None, source: str = "127.0.0.1"
    ) -> "Client":
        """A connection from an address of this host, its greeting not yet read."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1",
            port,
            ssl=tls,
            limit=1 << 26,
            ssl_shutdown_timeout=1 if tls else None,
            local_addr=(source, 0),
        )
        return cls(reader, writer)

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def line(self, deadline: float = _DEADLINE) -> bytes:
        """A whole response with its literals, without the last CR LF; empty at the end."""
        async with asyncio.timeout(deadline):
            whole = b""
            while True:
                piece = await self.reader.readline()
                whole += piece
                found = _LITERAL.search(piece)
                if found is None:
                    return whole.removesuffix(b"\r\n")
                whole += await self.reader.readexactly(int(found[1]))

    async def reply(self, tag: bytes) -> Reply:
        lines: list[bytes] = []
        while True:
            line = await self.line()
            if line.startswith(tag + b" "):
                return Reply(lines, line[len(tag) + 1 :])
            assert line, (tag, lines)
            lines.append(line)

    async def ask(self, command: str | bytes) -> Reply:
        """Send a command without tag and CR LF; gives its answer."""
        tag = b"t%d" % next(self.tags)
        text = command.encode() if isinstance(command, str) else command
        self.send(tag + b" " + text + b"\r\n")
        return await self.reply(tag)

    async def do(self, command: str | bytes) -> list[bytes]:
        """Send a command that must succeed; gives its untagged lines."""
        reply = await self.ask(command)
        assert reply.ok, (command, reply)
        return reply.lines

    async def append(self, mailbox: str, message: bytes, arguments: str = "") -> Reply:
        """APPEND with a literal that does not wait; `arguments` end in a space."""
        head = f"APPEND {mailbox} {arguments}{{{len(message)}+}}\r\n"
        return await self.ask(head.encode() + message)

    async def login(self, address: str = ALICE) -> None:
        await self.do(f'LOGIN {address} "{PASSWORDS[address]}"')

    async def closed(self) -> bool:
        """True when the server closes without another word."""
        async with asyncio.timeout(_DEADLINE):
            try:
                return await self.reader.read() == b""
            except ConnectionResetError:
                return True

    async def close(self) -> None:
        self.writer.close()
        try:
            async with asyncio.timeout(3):
                await self.writer.wait_closed()
        except (ConnectionError, ssl.SSLError, TimeoutError):
            pass
