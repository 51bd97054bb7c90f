"""What the parent gives a worker: settings and sockets, through the worker's stdin.

Secrets are in it: it is never on a command line or in an environment. After it the pipe stays
open for commands, a line each; its end means that the parent is gone.
"""

import os

import msgspec

from mailserver.processes.doors import DoorName
from mailserver.settings import Role, Settings

DRAIN, RELOAD = b"drain\n", b"reload\n"  # parent to worker, on stdin
READY, FAILED = b"ready\n", b"failed "  # worker to parent, on stdout

_SIZE = 4  # bytes of the length in front


class Handover(msgspec.Struct, frozen=True):
    """A worker's whole world; `sockets` are the inherited descriptors by door."""

    settings: Settings
    dsn: str
    roles: tuple[Role, ...]
    sockets: tuple[tuple[DoorName, int], ...]
    slot: int
    board: int  # the descriptor of what the workers share (storage/board.py)
    ticket_secret: bytes  # of TLS sessions that all workers resume

    def encode(self) -> bytes:
        body = msgspec.json.encode(self)
        return len(body).to_bytes(_SIZE, "big") + body


def read(descriptor: int) -> Handover:
    """Read exactly the handover from `descriptor` (blocks); EOFError when the parent is gone."""
    size = int.from_bytes(_exactly(descriptor, _SIZE), "big")
    return msgspec.json.decode(_exactly(descriptor, size), type=Handover)


def _exactly(descriptor: int, size: int) -> bytes:
    parts = []
    while size:
        part = os.read(descriptor, size)
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
