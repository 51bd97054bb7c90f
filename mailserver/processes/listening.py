"""Listening sockets: bound by the parent, one per door and worker, kept for as long as it lives.

Each worker slot has its own socket of the port (SO_REUSEPORT): the kernel spreads connections
evenly by hash, where one shared socket would give most of them to whoever wakes first. Because the
parent keeps them open, what waits in the queue of a worker that died is accepted by its
replacement: no connection is lost that was not accepted.
"""

import errno
import socket
import time
from collections.abc import Sequence

from mailserver.errors import SettingsError
from mailserver.processes.doors import Place

# A parent that was killed leaves workers that notice it within a moment and free the ports.
_PATIENCE = 2.0  # seconds


def bind(places: Sequence[Place], workers: int) -> list[list[socket.socket]]:
    """For each worker, a bound socket per place, in the order of `places`; nobody listens yet.

    Raises SettingsError naming the setting whose port is in use or not allowed.
    """
    opened: list[socket.socket] = []
    try:
        for place in places:
            _claim(place)
            opened += [_bound(place, shared=True) for _ in range(workers)]
    except SettingsError:
        close([opened])
        raise
    return [opened[slot::workers] for slot in range(workers)]


def close(sockets: Sequence[Sequence[socket.socket]]) -> None:
    """Close them all; from then on the ports refuse connections."""
    for group in sockets:
        for sock in group:
            sock.close()


def _claim(place: Place) -> None:
    """Fail when anybody else has the port, who may have allowed sharing it with us, too."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            _bound(place, shared=False).close()
        except SettingsError as error:
            in_use = isinstance(error.__cause__, OSError) and (
                error.__cause__.errno == errno.EADDRINUSE
            )
            if not in_use or time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def _bound(place: Place, *, shared: bool) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            place.address, place.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise SettingsError(f"listen.address: {place.address}: {error.strerror}") from error
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            # "::" serves IPv4 clients, too.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(address)
    except OSError as error:
        sock.close()
        where = f"{place.address} port {place.port}"
        raise SettingsError(f"{place.key}: {where}: {error.strerror}") from error
    sock.setblocking(False)
    return sock
