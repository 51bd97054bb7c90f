"""Large messages pass through a worker; they do not live in it."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.memory import Peak
from tests.support.server import Server, running

SIZE = 50_000_000  # bytes of a message
SESSIONS = 8  # at the same time
EACH = 2 << 20  # bytes that the worker may grow by for a session
HEADER = b"Subject: large\r\n\r\n" + b"x" * 980 + b"\r\n"
LINE = b"x" * 998 + b"\r\n"
BLOCK = LINE * 500
ENVELOPE = b"EHLO client.test\r\nMAIL FROM:<ann@elsewhere.test>\r\nRCPT TO:<%b>\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("streaming") / "var", workers=1) as started:
        yield started
        assert started.stop() == 0


def pieces(chunk: int | None, first: bytes) -> Iterator[bytes]:
    """A message by DATA, or by BDAT in chunks of so many bytes; `first` is its first line or so."""
    if chunk is None:
        yield b"DATA\r\n"
    for at in range(0, SIZE, len(BLOCK)):
        if chunk is not None and at % chunk == 0:
            last = b" LAST" if at + chunk >= SIZE else b""
            yield b"BDAT %d%b\r\n" % (min(chunk, SIZE - at), last)
        yield BLOCK if at else first + BLOCK[len(first) :]
    if chunk is None:
        yield b".\r\n"


def send(port: int, recipient: str, chunk: int | None, first: bytes = HEADER) -> bytes:
    """Send one message; gives the reply to it."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        sock.sendall(ENVELOPE % recipient.encode())
        for piece in pieces(chunk, first):
            sock.sendall(piece)
        sock.sendall(b"QUIT\r\n")
        said = b""
        while data := sock.recv(1 << 16):
            said += data
    return said.splitlines()[-2]


@pytest.mark.parametrize(
    ("first", "most"), [(HEADER, EACH), (LINE, 2 * EACH)], ids=["header", "all of it header"]
)
def test_sessions_with_large_messages_stay_small(server: Server, first: bytes, most: int) -> None:
    [worker] = server.workers()
    port = server.ports["smtp"]
    send(port, "bob@example.test", None)  # what a first message makes is not a session's
    time.sleep(0.2)
    kinds = [None, SIZE, 1_000_000, 10_000_000] * (SESSIONS // 4)
    with Peak(worker) as peak, ThreadPoolExecutor(SESSIONS) as pool:
        sent = [pool.submit(send, port, "alice@example.test", kind, first) for kind in kinds]
        answers = [one.result() for one in sent]
    assert all(answer.startswith(b"250 2.0.0 accepted as ") for answer in answers), answers
    grown = peak.most - peak.before
    assert grown < SESSIONS * most, f"{grown >> 20} MB more"
