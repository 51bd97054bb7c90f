"""One SMTP connection to a remote host: aiosmtplib behind one door.

Invariants: every wait has a deadline; whatever the remote does is an Outcome, never an exception;
only CR LF . CR LF ends what we send, and no line of a message can be taken for it; after anything
that leaves the conversation in doubt the connection is not used again.
"""

import asyncio
import functools
import mmap
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime

import aiosmtplib
from aiosmtplib import SMTP, SMTPHeloError, SMTPResponseException, SMTPTimeoutError
from aiosmtplib.protocol import SMTPProtocol

from delivery.envelope import Envelope, mail_parameters, rcpt_parameters, relayed, unfit
from delivery.outcome import Failure, Outcome, answered, failed
from mailserver.logs import logger
from mailserver.mail.replies import Reply, parse_reply
from mailserver.settings import Delivery
from mailserver.storage.queue import State

_PIECE = 256 * 1024  # bytes given to the transport at a time
_QUIT_TIMEOUT = 5.0  # seconds; by then everything is recorded

log = logger("delivery")

_TROUBLE = (aiosmtplib.SMTPException, OSError)  # OSError: also ssl.SSLError and TimeoutError


class Connection:
    """A connection that has said EHLO, with TLS where the host offers it."""

    def __init__(self, client: SMTP, host: str, timeout: float) -> None:
        self._client = client
        self._timeout = timeout
        self.host = host

    @property
    def usable(self) -> bool:
        """Whether another message can be sent here."""
        return self._client.is_connected

    @property
    def encrypted(self) -> bool:
        """Whether TLS is on; the connection must be usable."""
        return self._client.get_transport_info("ssl_object") is not None

    def offers(self, extension: str) -> bool:
        """Whether the host said so to EHLO."""
        return self._client.supports_extension(extension)

    async def send(self, envelope: Envelope, head: bytes, body: bytes | mmap.mmap) -> list[Outcome]:
        """Send `head` and `body`; gives an outcome for each recipient, in their order.

        Both consist of CR LF lines and `body` ends with one. The message is the remote's when an
        outcome says DELIVERED; a lost final reply is a deferral, so the remote may get it twice.
        """
        offered, now = self._client.esmtp_extensions, datetime.now(UTC)
        outcomes = [unfit(envelope, r, offered, self.host, now) for r in envelope.recipients]
        rest: Outcome | None = None
        if None in outcomes:
            try:
                rest = await self._transaction(envelope, outcomes, head, body)
            except _TROUBLE as error:
                self._client.close()
                rest = trouble(error, self.host)
        return [
            relayed(envelope, found, offered, now)
            for outcome in outcomes
            if (found := outcome or rest)
        ]

    async def close(self) -> None:
        """QUIT, without waiting long for the answer."""
        if not self.usable:
            return
        try:
            await self._client.execute_command(b"QUIT", timeout=_QUIT_TIMEOUT)
        except _TROUBLE as error:
            log.debug("no answer to QUIT", host=self.host, cause=str(error))
        finally:
            self._client.close()

    def abort(self) -> None:
        """Drop the connection."""
        self._client.close()

    async def _transaction(
        self,
        envelope: Envelope,
        outcomes: list[Outcome | None],
        head: bytes,
        body: bytes | mmap.mmap,
    ) -> Outcome | None:
        """MAIL, RCPT, DATA; fills in `outcomes`, gives what holds for those that are left."""
        offered = self._client.esmtp_extensions
        parameters = mail_parameters(envelope, offered, datetime.now(UTC))
        reply = await self._command(b"MAIL", b"FROM:<%b>" % envelope.sender.encode(), *parameters)
        if not reply.positive:
            return await self._reset(answered(reply, self.host, command="MAIL"))
        for index, recipient in enumerate(envelope.recipients):
            if outcomes[index] is None:
                parameters = rcpt_parameters(envelope, recipient, offered)
                reply = await self._command(b"RCPT", b"TO:<%b>" % recipient.encode(), *parameters)
                if not reply.positive:
                    outcomes[index] = answered(reply, self.host, command="RCPT")
        if None not in outcomes:
            return await self._reset(None)
        reply = await self._command(b"DATA")
        if reply.code == 354:
            return await self._transmit(head, body)
        outcome = answered(reply, self.host, command="DATA")
        if outcome.state is State.DELIVERED:  # a 2xx to DATA delivers nothing
            outcome = failed(Failure.PROTOCOL, f"DATA answered by {reply}", self.host)
        return await self._reset(outcome)

    async def _command(self, *words: bytes) -> Reply:
        response = await self._client.execute_command(*words, timeout=self._timeout)
        return parse_reply(response.code, response.message)

    async def _reset(self, outcome: Outcome | None) -> Outcome | None:
        """Leave the transaction so that the next message can begin; gives `outcome` back."""
        if self.usable:
            try:
                if (await self._command(b"RSET")).positive:
                    return outcome
            except _TROUBLE as error:
                log.debug("no answer to RSET", host=self.host, cause=str(error))
            self._client.close()
        return outcome

    async def _transmit(self, head: bytes, body: bytes | mmap.mmap) -> Outcome:
        """The content after 354, up to the reply to its final dot."""
        protocol = self._client.protocol
        if protocol is None:
            return failed(Failure.LOST, "after DATA", self.host)
        # Read while writing: a host may refuse in the middle, and its reply must not be missed.
        reading = asyncio.create_task(protocol.read_response())
        await asyncio.sleep(0)  # the reader is in place before the first byte goes out
        whole = False
        try:
            whole = await self._write(protocol, head, body, reading)
            # RFC 5321 §4.5.3.2.6: ten minutes, twice what other commands get.
            async with asyncio.timeout(2 * self._timeout):
                response = await reading
        except _TROUBLE as error:
            self._client.close()
            early = _result(reading)
            if early is None:
                when = "after the final dot" if whole else "within the message"
                return trouble(error, self.host, when)
            response = early
        finally:
            reading.cancel()
        reply = parse_reply(response.code, response.message)
        outcome = answered(reply, self.host, command=".")
        if not whole or reply.code == 421:
            self._client.close()
        if not whole and outcome.state is State.DELIVERED:
            return failed(Failure.PROTOCOL, f"{reply} before the end of the message", self.host)
        return outcome

    async def _write(
        self,
        protocol: SMTPProtocol,
        head: bytes,
        body: bytes | mmap.mmap,
        reading: "asyncio.Task[aiosmtplib.SMTPResponse]",
    ) -> bool:
        """Write all of it; False when a reply came before the end."""
        for piece in dotted(head, body):
            if reading.done():
                return False
            protocol.write(piece)
            # What StreamWriter.drain() awaits; RFC 5321 §4.5.3.2.5: a deadline for each block.
            async with asyncio.timeout(self._timeout):
                await protocol._drain_helper()
        return True


def dotted(head: bytes, body: bytes | mmap.mmap) -> Iterator[bytes]:
    """Head and body as DATA carries them, dots doubled, closed by the final dot (RFC 5321 §4.5.2).

    Both hold CR LF line ends only and `body` ends with one.
    """
    at = 0
    piece = head
    before = b"\r\n"  # the two bytes before the piece
    while True:
        end = min(at + _PIECE, len(body))
        piece += body[at:end]
        at = end
        stuffed = (before + piece).replace(b"\r\n.", b"\r\n..")[len(before) :]
        if at == len(body):
            yield stuffed + b".\r\n"
            return
        yield stuffed
        before = piece[-2:]
        piece = b""


async def connect(
    host: str,
    address: str,
    port: int,
    *,
    hostname: str,
    limits: Delivery,
    require_tls: bool = False,
) -> Connection | Outcome:
    """A connection to `address`, known as `host`; `hostname` is what we say in EHLO.

    TLS is opportunistic (RFC 7435): any certificate will do, and when the handshake fails the host
    is asked again without. With `require_tls` it must prove to be `host`, and offer REQUIRETLS.
    """
    if require_tls:
        return await _open_required(host, address, port, hostname, limits)
    try:
        return await _open(host, address, port, hostname, limits, tls_context())
    except _TlsFailed as error:
        log.info("TLS failed, sending without", host=host, address=address, cause=str(error))
        return await _open(host, address, port, hostname, limits, None)


async def _open_required(
    host: str, address: str, port: int, hostname: str, limits: Delivery
) -> Connection | Outcome:
    """RFC 8689 §4.2.1, steps 3 to 5."""
    try:
        opened = await _open(
            host, address, port, hostname, limits, verifying_context(limits.authorities)
        )
    except _TlsFailed as error:
        return failed(Failure.ENCRYPTION, str(error), host)
    if isinstance(opened, Outcome):
        return opened
    lacking = None if opened.encrypted else Failure.ENCRYPTION
    if lacking is None and not opened.offers("requiretls"):
        lacking = Failure.REQUIRE_TLS
    if lacking is None:
        return opened
    await opened.close()
    return failed(lacking, "", host)


class _TlsFailed(Exception):
    """STARTTLS was taken up and no session came of it."""


async def _open(
    host: str,
    address: str,
    port: int,
    hostname: str,
    limits: Delivery,
    tls: ssl.SSLContext | None,
) -> Connection | Outcome:
    """As `connect`, but raises _TlsFailed; without `tls` there is no STARTTLS."""
    try:
        async with asyncio.timeout(limits.connect_timeout):
            sock = await _socket(address, port)
    except OSError as error:  # TimeoutError too
        return failed(Failure.NO_ANSWER, f"{host} [{address}]:{port}: {_words(error)}", host)
    client = SMTP(
        hostname=host,
        sock=sock,
        local_hostname=hostname,
        timeout=limits.command_timeout,
        start_tls=False,
    )
    try:
        await client.connect()
        await _greet(client)
        if tls and client.supports_extension("starttls"):
            await _start_tls(client, host, tls)
    except _TROUBLE as error:
        client.close()
        return trouble(error, host)
    except BaseException:
        client.close()
        raise
    return Connection(client, host, limits.command_timeout)


async def _start_tls(client: SMTP, host: str, context: ssl.SSLContext) -> None:
    """Go on with TLS, or without when the host says no after all; raises _TlsFailed."""
    try:
        await client.starttls(server_hostname=host, tls_context=context)
    except SMTPResponseException as refusal:
        log.debug("STARTTLS refused", host=host, reply=str(refusal))
        return
    except _TROUBLE as error:
        raise _TlsFailed(_words(error)) from error
    try:
        await _greet(client)  # RFC 3207 §4.2: what was said before is forgotten
    except SMTPResponseException:
        raise
    except _TROUBLE as error:
        # With TLS 1.3 a host may end the handshake after we think it is done.
        raise _TlsFailed(_words(error)) from error


async def _socket(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, (address, port))
    except BaseException:
        sock.close()
        raise
    return sock


async def _greet(client: SMTP) -> None:
    try:
        await client.ehlo()
    except SMTPHeloError:
        if not client.is_connected:
            raise
        await client.helo()  # RFC 5321 §3.2


@functools.cache
def tls_context() -> ssl.SSLContext:
    """Opportunistic: against those who only listen, so the certificate proves nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # Old keys and hashes are better than no encryption, which is what would follow.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


@functools.cache
def verifying_context(authorities: str) -> ssl.SSLContext:
    """The host's name must be in a certificate that `authorities` (a PEM file, "": those of the
    system) vouch for."""
    return ssl.create_default_context(cafile=authorities or None)


def _result(
    reading: "asyncio.Task[aiosmtplib.SMTPResponse]",
) -> aiosmtplib.SMTPResponse | None:
    if not reading.done() or reading.cancelled() or reading.exception() is not None:
        return None
    return reading.result()


def trouble(error: Exception, host: str, when: str = "") -> Outcome:
    """The outcome of what aiosmtplib or the system raised."""
    if isinstance(error, SMTPResponseException):
        if error.code < 200:  # aiosmtplib's -1: not a reply at all
            return failed(Failure.PROTOCOL, _words(error), host)
        return answered(parse_reply(error.code, error.message), host)
    kind = Failure.TIMEOUT if isinstance(error, SMTPTimeoutError | TimeoutError) else Failure.LOST
    detail = " ".join(word for word in (_words(error), when) if word)
    return failed(kind, detail, host)


def _words(error: Exception) -> str:
    text = str(error.args[0]) if isinstance(error, aiosmtplib.SMTPException) else str(error)
    return " ".join(text.split()) or type(error).__name__
