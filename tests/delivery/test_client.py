"""One connection to a real remote host, whatever that does."""

import asyncio
import mmap
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.client import Connection, connect, dotted
from delivery.envelope import Envelope
from delivery.outcome import Outcome
from mailserver.settings import Delivery
from mailserver.storage.queue import State
from tests.support.remote_mx import RemoteMx, remote_mx, self_signed_context

HOST = "mx.remote.test"
LIMITS = Delivery(connect_timeout=1.0, command_timeout=1.0)
PATIENT = Delivery(connect_timeout=10.0, command_timeout=30.0)
HEAD = b"X-Prefix: 1\r\n"
BODY = b"Subject: hi\r\n\r\n.\r\n..two dots\r\nplain\r\n"


@pytest.fixture
def mx(smtp_port: int) -> Iterator[RemoteMx]:
    with remote_mx("127.0.0.2", smtp_port) as running:
        yield running


def envelope(*recipients: str, sender: str = "alice@example.test", **changes: Any) -> Envelope:
    chosen = recipients or ("bob@remote.test",)
    fields = {"size": 100, "eight_bit": False, "utf8_header": False} | changes
    return Envelope(sender=sender, recipients=chosen, **fields)


async def reach(mx: RemoteMx, limits: Delivery = LIMITS) -> Connection:
    opened = await connect(HOST, mx.address, mx.port, hostname="mail.example.test", limits=limits)
    assert isinstance(opened, Connection), opened
    return opened


async def send(mx: RemoteMx, mail: Envelope | None = None, body: bytes = BODY) -> list[Outcome]:
    connection = await reach(mx)
    outcomes = await connection.send(mail or envelope(), HEAD, body)
    await connection.close()
    return outcomes


async def test_message_arrives_byte_for_byte(mx: RemoteMx) -> None:
    (outcome,) = await send(mx)
    assert (outcome.state, outcome.host) == (State.DELIVERED, HOST)
    assert outcome.text == "250 2.0.0 got it"
    (received,) = mx.received
    assert received.content == HEAD + BODY
    assert (received.sender, received.recipients) == ("alice@example.test", ["bob@remote.test"])
    assert received.helo == "mail.example.test"


async def test_null_reverse_path(mx: RemoteMx) -> None:
    await send(mx, envelope(sender=""))
    assert mx.received[0].sender == ""


async def test_large_message_from_a_file_arrives_whole(mx: RemoteMx) -> None:
    body = b"Subject: big\r\n\r\n" + b"".join(b".%07d\r\n" % n for n in range(200_000))
    with tempfile.TemporaryFile() as file:
        file.write(body)
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            connection = await reach(mx, PATIENT)
            (outcome,) = await connection.send(envelope(size=len(body)), HEAD, mapped)
            await connection.close()
    assert outcome.state is State.DELIVERED
    assert mx.received[0].content == HEAD + body


async def test_many_messages_on_one_connection(mx: RemoteMx) -> None:
    connection = await reach(mx)
    for _ in range(3):
        await connection.send(envelope(), HEAD, BODY)
    assert connection.usable
    await connection.close()
    assert (len(mx.received), mx.sessions) == (3, 1)


async def test_each_recipient_has_an_outcome_of_its_own(mx: RemoteMx) -> None:
    mx.rcpt = {"no@remote.test": "550 5.1.1 unknown", "later@remote.test": "451 4.2.1 busy"}
    outcomes = await send(mx, envelope("no@remote.test", "bob@remote.test", "later@remote.test"))
    assert [(o.state, o.status) for o in outcomes] == [
        (State.BOUNCED, "5.1.1"),
        (State.DELIVERED, "2.0.0"),
        (State.DEFERRED, "4.2.1"),
    ]
    assert mx.recipients == ["bob@remote.test"]


async def test_refused_transaction_leaves_the_connection_usable(mx: RemoteMx) -> None:
    connection = await reach(mx)
    mx.rcpt = {"no@remote.test": "550 5.1.1 unknown"}
    (refused,) = await connection.send(envelope("no@remote.test"), HEAD, BODY)
    mx.mail = "450 4.7.1 not now"
    (later,) = await connection.send(envelope(), HEAD, BODY)
    mx.mail = ""
    (fine,) = await connection.send(envelope(), HEAD, BODY)
    await connection.close()
    states = [outcome.state for outcome in (refused, later, fine)]
    assert states == [State.BOUNCED, State.DEFERRED, State.DELIVERED]
    assert mx.sessions == 1


@pytest.mark.parametrize(
    ("reply", "state"),
    [("554 5.7.1 spam", State.BOUNCED), ("451 4.3.0 disk full", State.DEFERRED)],
)
async def test_reply_to_the_content(mx: RemoteMx, reply: str, state: State) -> None:
    mx.data = reply
    (outcome,) = await send(mx)
    assert (outcome.state, outcome.text) == (state, reply)


@pytest.mark.parametrize(
    "script",
    [
        {"drop_after_dot": True},
        {"drop_in_data": True},
        {"stall": "MAIL"},
        {"stall": "RCPT"},
        {"stall": "DATA"},
    ],
    ids=lambda script: "-".join(map(str, next(iter(script.items())))),
)
async def test_lost_or_silent_host_defers(mx: RemoteMx, script: dict[str, Any]) -> None:
    for name, value in script.items():
        setattr(mx, name, value)
    connection = await reach(mx)
    (outcome,) = await asyncio.wait_for(connection.send(envelope(), HEAD, BODY), 10)
    assert (outcome.state, outcome.status) == (State.DEFERRED, "4.4.2")
    assert not connection.usable


async def test_drop_after_the_final_dot_says_so(mx: RemoteMx) -> None:
    mx.drop_after_dot = True
    (outcome,) = await send(mx)
    assert "after the final dot" in outcome.text


async def test_large_message_to_a_host_that_drops_it(mx: RemoteMx) -> None:
    mx.drop_in_data = True
    body = b"Subject: big\r\n\r\n" + b"x" * 20_000_000 + b"\r\n"
    (outcome,) = await send(mx, envelope(size=len(body)), body)
    assert outcome.state is State.DEFERRED


@pytest.mark.parametrize(
    ("banner", "state"),
    [
        ("554 5.3.2 no service here", State.BOUNCED),
        ("421 4.7.0 too busy", State.DEFERRED),
        ("SSH-2.0-OpenSSH_9.2", State.DEFERRED),
    ],
)
async def test_host_that_greets_otherwise(mx: RemoteMx, banner: str, state: State) -> None:
    mx.banner = banner
    opened = await connect(HOST, mx.address, mx.port, hostname="x.test", limits=LIMITS)
    assert isinstance(opened, Outcome)
    assert opened.state is state


async def test_nobody_listens(smtp_port: int) -> None:
    opened = await connect(HOST, "127.0.0.3", smtp_port, hostname="x.test", limits=LIMITS)
    assert isinstance(opened, Outcome)
    assert (opened.state, opened.status) == (State.DEFERRED, "4.4.1")
    assert "127.0.0.3" in opened.text


@asynccontextmanager
async def serving(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """A host on 127.0.0.1 that talks so with its one client; gives its port."""
    finished = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
            writer.close()
            await writer.wait_closed()
        except ConnectionError:
            writer.transport.abort()
        finally:
            finished.set()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        await finished.wait()


async def test_host_that_never_greets() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(silent) as port:
        opened = await connect(HOST, "127.0.0.1", port, hostname="x.test", limits=LIMITS)
    assert isinstance(opened, Outcome)
    assert (opened.state, opened.status) == (State.DEFERRED, "4.4.2")


async def test_refusal_in_the_middle_of_the_message_is_heard() -> None:
    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        for reply in (b"250 mx\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
            await reader.readline()
            writer.write(reply)
        await reader.read(1000)
        writer.write(b"552 5.3.4 too large\r\n")
        await asyncio.sleep(0.3)

    body = b"Subject: big\r\n\r\n" + b"x" * 30_000_000 + b"\r\n"
    async with serving(early) as port:
        connection = await connect(HOST, "127.0.0.1", port, hostname="x.test", limits=LIMITS)
        assert isinstance(connection, Connection)
        (outcome,) = await connection.send(envelope(size=len(body)), HEAD, body)
    assert (outcome.state, outcome.text) == (State.BOUNCED, "552 5.3.4 too large")


# ── TLS ──────────────────────────────────────────────────────────────────────────────────────


async def test_any_certificate_will_do(smtp_port: int) -> None:
    tls = self_signed_context("other.name.test")
    with remote_mx("127.0.0.2", smtp_port, tls=tls) as mx:
        await send(mx)
        assert mx.received[0].tls


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_plain_when_the_handshake_fails(smtp_port: int, version: ssl.TLSVersion) -> None:
    tls = self_signed_context("mx.remote.test")
    tls.minimum_version = tls.maximum_version = version
    tls.verify_mode = ssl.CERT_REQUIRED  # and we have no certificate to show
    with remote_mx("127.0.0.2", smtp_port, tls=tls) as mx:
        (outcome,) = await send(mx)
        assert outcome.state is State.DELIVERED
        assert not mx.received[0].tls
        assert mx.sessions == 2


async def test_plain_when_the_host_lies_about_tls(smtp_port: int) -> None:
    tls = self_signed_context("mx.remote.test")
    with remote_mx("127.0.0.2", smtp_port, tls=tls, garbled_tls=True) as mx:
        (outcome,) = await send(mx)
        assert outcome.state is State.DELIVERED
        assert not mx.received[0].tls


# ── what the host offers ─────────────────────────────────────────────────────────────────────


async def test_size_is_announced_and_the_limit_kept(mx: RemoteMx) -> None:
    (fits,) = await send(mx, envelope(size=4711))
    (large,) = await send(mx, envelope(size=40_000_000))
    assert fits.state is State.DELIVERED
    assert "SIZE=4711" in mx.received[0].options
    assert (large.state, large.status) == (State.BOUNCED, "5.3.4")
    assert mx.commands.count("MAIL") == 1


async def test_eight_bit_is_declared_or_bounced(mx: RemoteMx) -> None:
    mail = envelope(eight_bit=True)
    await send(mx, mail)
    assert "BODY=8BITMIME" in mx.received[0].options
    mx.hidden = ("8BITMIME",)
    (outcome,) = await send(mx, mail)
    assert (outcome.state, outcome.status) == (State.BOUNCED, "5.6.3")


async def test_internationalised_address_needs_smtputf8(mx: RemoteMx) -> None:
    mail = envelope("jürgen@remote.test", "bob@remote.test")
    await send(mx, mail)
    assert "SMTPUTF8" in mx.received[0].options
    assert mx.received[0].recipients == ["jürgen@remote.test", "bob@remote.test"]
    mx.hidden = ("SMTPUTF8",)
    umlaut, plain = await send(mx, mail)
    assert (umlaut.state, umlaut.status) == (State.BOUNCED, "5.6.7")
    assert plain.state is State.DELIVERED
    assert mx.received[1].recipients == ["bob@remote.test"]


async def test_internationalised_header_needs_smtputf8(mx: RemoteMx) -> None:
    mx.hidden = ("SMTPUTF8",)
    (outcome,) = await send(mx, envelope(utf8_header=True))
    assert (outcome.state, outcome.status) == (State.BOUNCED, "5.6.7")


async def test_plain_message_says_no_smtputf8(mx: RemoteMx) -> None:
    await send(mx)
    assert "SMTPUTF8" not in mx.received[0].options


# ── dots ─────────────────────────────────────────────────────────────────────────────────────


@given(st.lists(st.sampled_from([b".", b"\r\n", b"a", b"x" * (256 * 1024 - 1)]), max_size=8))
def test_only_the_end_is_the_end(parts: list[bytes]) -> None:
    body = b"".join(parts) + b"\r\n"
    wire = b"".join(dotted(HEAD, body))
    assert wire.endswith(b"\r\n.\r\n")
    assert wire.find(b"\r\n.\r\n") == len(wire) - 5
    lines = wire[:-3].split(b"\r\n")
    unstuffed = b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)
    assert unstuffed == HEAD + body
