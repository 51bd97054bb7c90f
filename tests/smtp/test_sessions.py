"""Sessions beside each other: nobody holds up the others."""

import asyncio
import itertools
import socket
from typing import cast

from smtp.server import SmtpDoor
from smtp.session import Session
from smtp.sessions import Sessions
from tests.smtp.conftest import Doors

SIZE = 40_000_000  # octets
BLOCK = (b"x" * 998 + b"\r\n") * 1000
MOST = 3_000_000  # octets of one session between two answers to another


def send_much(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
        sock.sendall(
            b"EHLO a.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n"
        )
        for _ in range(0, SIZE, len(BLOCK)):
            sock.sendall(BLOCK)
        sock.sendall(b".\r\nQUIT\r\n")
        said = b""
        while data := sock.recv(4096):
            said += data
    return said


def received(sessions: Sessions) -> int:
    """Octets of the message that is being received."""
    found = [one for one in sessions if isinstance(one, Session) and one._message is not None]
    return found[0]._message.framer.size if found and found[0]._message else 0


async def test_a_session_that_receives_much_lets_others_have_their_turn(doors: Doors) -> None:
    sessions = cast(SmtpDoor, doors.doors[0]).sessions
    other = await doors.connect("smtp")
    await other.reply()
    sending = asyncio.create_task(asyncio.to_thread(send_much, doors.smtp))
    sizes = [0]
    while not sending.done():
        await other.ask("NOOP")
        sizes.append(received(sessions) or sizes[-1])
    assert b"250 2.0.0 accepted as " in await sending
    assert max(sizes) > SIZE // 2  # it was seen while it came
    assert max(b - a for a, b in itertools.pairwise(sizes)) < MOST
