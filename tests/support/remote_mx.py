"""A remote mail exchange: real aiosmtpd in a thread of its own that answers by script.

Give each test's MX an address of its own (127.0.0.2, 127.0.0.3, …) and all of them one port, which
is the setting `delivery.smtp_port`.
"""

import asyncio
import socket
import ssl
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from mailserver.keys import self_signed

_MORE_PARAMETERS = {"RET", "ENVID", "NOTIFY", "ORCPT", "REQUIRETLS", "BY"}


@dataclass(slots=True)
class Received:
    """One message as it came in."""

    sender: str
    recipients: list[str]
    options: list[str]  # parameters of MAIL
    content: bytes
    tls: bool
    helo: str


@dataclass
class RemoteMx:
    """What the host answers ("" is the usual), and what it got; both may change at any time."""

    address: str
    port: int
    banner: str = ""  # such as "554 5.3.2 no service": said instead of the greeting
    mail: str = ""
    rcpt: dict[str, str] = field(default_factory=dict)  # recipient → reply
    data: str = ""  # reply to the final dot
    drop_in_data: bool = False
    drop_after_dot: bool = False
    stall: str = ""  # the command ("MAIL", "RCPT", "DATA") that gets no answer
    garbled_tls: bool = False  # STARTTLS is accepted, then no handshake follows
    hidden: tuple[str, ...] = ()  # EHLO keywords that are not said
    more: tuple[str, ...] = ()  # and those that are said beside aiosmtpd's own
    parameters: dict[str, list[str]] = field(default_factory=dict)  # of RCPT, by recipient
    received: list[Received] = field(default_factory=list)
    sessions: int = 0
    commands: list[str] = field(default_factory=list)

    @property
    def recipients(self) -> list[str]:
        """Everybody that mail was accepted for."""
        return [recipient for one in self.received for recipient in one.recipients]


class _Handler:
    def __init__(self, script: RemoteMx) -> None:
        self._script = script

    async def handle_EHLO(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        session.host_name = hostname
        kept = [r for r in responses if r[4:].split(" ")[0] not in self._script.hidden]
        kept[1:1] = [f"250-{keyword}" for keyword in self._script.more]
        kept[-1] = f"250 {kept[-1][4:]}"
        return kept

    async def handle_MAIL(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        await self._answer_or_stall("MAIL")
        if self._script.mail:
            return self._script.mail
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        await self._answer_or_stall("RCPT")
        self._script.parameters[address] = options
        reply = self._script.rcpt.get(address, "250 2.1.5 OK")
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        await self._answer_or_stall("DATA")
        if not self._script.data or self._script.data.startswith("2"):
            assert isinstance(envelope.content, bytes)
            self._script.received.append(
                Received(
                    # aiosmtpd gives the null reverse path with its brackets
                    sender=(envelope.mail_from or "").replace("<>", ""),
                    recipients=list(envelope.rcpt_tos),
                    options=list(envelope.mail_options),
                    content=envelope.content,
                    tls=session.ssl is not None,
                    helo=session.host_name or "",
                )
            )
        if self._script.drop_after_dot:
            cast(asyncio.WriteTransport, server.transport).abort()
        return self._script.data or "250 2.0.0 got it"

    async def _answer_or_stall(self, command: str) -> None:
        self._script.commands.append(command)
        if self._script.stall == command:
            await asyncio.sleep(3600)


class _Smtp(SMTP):
    script: RemoteMx

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.script.sessions += 1
        if self.script.banner:
            transport.write(self.script.banner.encode() + b"\r\n")
            transport.close()

    def _getparams(self, params: Sequence[str]) -> dict[str, Any] | None:
        """aiosmtpd's, without what it would refuse and the host says that it knows."""
        found: dict[str, Any] | None = super()._getparams(params)
        if found and self.script.more:
            return {name: found[name] for name in found if name not in _MORE_PARAMETERS}
        return found

    async def smtp_DATA(self, arg: str) -> None:
        if not self.script.drop_in_data:
            await super().smtp_DATA(arg)
            return
        await self.push("354 go on")
        await self._reader.read(1)
        cast(asyncio.WriteTransport, self.transport).abort()

    async def smtp_STARTTLS(self, arg: str) -> None:
        if not self.script.garbled_tls:
            await super().smtp_STARTTLS(arg)
            return
        await self.push("220 Ready to start TLS")
        await self.push("500 what was that")
        cast(asyncio.WriteTransport, self.transport).close()


class _Controller(Controller):
    def __init__(self, script: RemoteMx, tls: ssl.SSLContext | None) -> None:
        super().__init__(
            _Handler(script),
            hostname=script.address,
            port=script.port,
            tls_context=tls,
            enable_SMTPUTF8=True,
            timeout=60,
        )
        self._script = script
        self._sessions: list[SMTP] = []

    def factory(self) -> SMTP:
        smtp = _Smtp(self.handler, **self.SMTP_kwargs)
        smtp.script = self._script
        self._sessions.append(smtp)
        return smtp

    async def hang_up(self) -> None:
        """End the open connections: a loop that stops with one open leaves its socket behind."""
        for smtp in self._sessions:
            # A handshake that failed leaves the transport below it open.
            for transport in (smtp.transport, smtp._original_transport):
                if transport is not None:
                    cast(asyncio.WriteTransport, transport).abort()
        await asyncio.sleep(0.01)  # they are told in the loop's next turns


@contextmanager
def remote_mx(
    address: str, port: int, *, tls: ssl.SSLContext | None = None, **script: Any
) -> Iterator[RemoteMx]:
    """A running host; `script` sets fields of RemoteMx from the start."""
    mx = RemoteMx(address, port)
    controller = _Controller(mx, tls)
    controller.start()
    mx.sessions = 0  # the controller tries its own server once
    for name, value in script.items():
        setattr(mx, name, value)
    try:
        yield mx
    finally:
        asyncio.run_coroutine_threadsafe(controller.hang_up(), controller.loop).result(10)
        controller.stop()


def free_port() -> int:
    """A port that nobody uses on 127.0.0.1, and so most likely not on its neighbours."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def self_signed_context(*names: str) -> ssl.SSLContext:
    """A server context with a certificate nobody vouches for."""
    made = self_signed(names, now=datetime.now(UTC) - timedelta(minutes=1))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = Path(folder, "cert.pem"), Path(folder, "key.pem")
        certificate.write_bytes(made.certificate)
        key.write_bytes(made.private_key)
        context.load_cert_chain(certificate, key)
    return context
