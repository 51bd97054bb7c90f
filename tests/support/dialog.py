"""Golden dialogs: what the client sends and what the server answers, in a file to be read.

    # why this dialog exists
    C: EHLO client.test          sent with CR LF
    S: 250-...                   a line of the server; "..." stands for any text
    S: *                         any number of lines, until the last of a reply
    TLS                          the client starts TLS
    EOF                          the server closes

In C: lines \\r \\n \\0 \\xHH \\\\ are octets; "c: " is sent without CR LF; all up to the next line
of another kind is sent at once. "C*N: text" sends a line N times, "c*N: text" likewise.
"""

import asyncio
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|.)")
_NAMED = {"r": "\r", "n": "\n", "0": "\0", "\\": "\\"}
_SEND = re.compile(r"([Cc])(?:\*(\d+))?: ?(.*)")
_DEADLINE = 10.0


@dataclass(slots=True)
class Wire:
    """A client's end of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    seen: list[str] = field(default_factory=list)  # lines both ways, for the failure's text

    @classmethod
    async def connect(cls, port: int, *, tls: ssl.SSLContext | None = None) -> "Wire":
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        return cls(reader, writer)

    async def send(self, data: bytes) -> None:
        self.seen.append(f"C: {data!r}")
        self.writer.write(data)
        await self.writer.drain()

    async def line(self) -> str:
        async with asyncio.timeout(_DEADLINE):
            line = (await self.reader.readline()).decode("utf-8")
        self.seen.append(f"S: {line!r}")
        return line

    async def reply(self) -> str:
        """A whole reply of SMTP; its lines joined by newline, without CR LF."""
        lines = []
        while True:
            line = await self.line()
            assert line.endswith("\r\n"), self.seen
            lines.append(line[:-2])
            if line[3:4] != "-":
                return "\n".join(lines)

    async def ask(self, command: str | bytes) -> str:
        """Send one command line; gives the reply."""
        await self.send((command.encode() if isinstance(command, str) else command) + b"\r\n")
        return await self.reply()

    async def start_tls(self, context: ssl.SSLContext) -> None:
        await self.writer.start_tls(context, server_hostname="localhost")

    async def closed(self) -> bool:
        """True when the server has closed, and said nothing more."""
        async with asyncio.timeout(_DEADLINE):
            try:
                return await self.reader.read() == b""
            except ConnectionResetError:
                return True

    async def close(self) -> None:
        self.writer.close()
        try:
            with suppress(ConnectionError, ssl.SSLError):
                async with asyncio.timeout(_DEADLINE / 5):
                    await self.writer.wait_closed()
        except TimeoutError:
            self.writer.transport.abort()


async def play(dialog: Path, wire: Wire, tls: ssl.SSLContext) -> None:
    """Run a dialog file; AssertionError says the line at fault and what was said so far."""
    pending = b""
    for number, text in enumerate(dialog.read_text("utf-8").splitlines(), 1):
        if not text.strip() or text.startswith("#"):
            continue
        where = f"{dialog.name}:{number}"
        if sent := _SEND.fullmatch(text):
            pending += _octets(sent[3] + "\\r\\n" * (sent[1] == "C")) * int(sent[2] or 1)
            continue
        if pending:
            await wire.send(pending)
            pending = b""
        await _expect(text, wire, tls, where)
    if pending:
        await wire.send(pending)


async def _expect(text: str, wire: Wire, tls: ssl.SSLContext, where: str) -> None:
    if text == "TLS":
        await wire.start_tls(tls)
    elif text == "EOF":
        assert await wire.closed(), f"{where}: not closed\n" + "\n".join(wire.seen)
    else:
        assert text.startswith("S: "), f"{where}: neither C: nor S:"
        wanted = text[3:]
        found = await (wire.reply() if wanted == "*" else wire.line())
        pattern = ".*".join(re.escape(part) for part in wanted.split("..."))
        matched = wanted == "*" or re.fullmatch(pattern + "\r\n", found)
        assert matched, f"{where}: wanted {wanted!r}, got {found!r}\n" + "\n".join(wire.seen)


def _octets(text: str) -> bytes:
    def octet(found: re.Match[str]) -> str:
        name = found[1]
        return chr(int(name[1:], 16)) if name[0] == "x" and len(name) == 3 else _NAMED[name]

    # \xHH is one octet, other text is UTF-8: so the two are told apart before encoding
    pieces = []
    at = 0
    for found in _ESCAPE.finditer(text):
        pieces += [text[at : found.start()].encode(), octet(found).encode("latin-1")]
        at = found.end()
    return b"".join([*pieces, text[at:].encode()])
