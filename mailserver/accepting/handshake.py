"""The TLS handshake of a server: its deadline, its figures, and one line when it fails."""

import asyncio
import ssl
from typing import cast

from mailserver import metrics
from mailserver.logs import logger

SHUTDOWN = 5.0  # seconds the client has to answer the end of TLS

log = logger("tls")


async def start_tls(
    transport: asyncio.Transport,
    protocol: asyncio.BaseProtocol,
    context: ssl.SSLContext,
    *,
    door: str,
    client: str,
    timeout: float,
) -> asyncio.Transport:
    """Go on in TLS after STARTTLS; gives the transport to go on with.

    Raises OSError when there is none; `transport` is useless then.
    """
    try:
        found = await asyncio.get_running_loop().start_tls(
            transport,
            protocol,
            context,
            server_side=True,
            ssl_handshake_timeout=timeout,
            ssl_shutdown_timeout=SHUTDOWN,
        )
        if found is None:
            raise ConnectionResetError("the client went away meanwhile")
    except OSError as error:
        failed(door, client, error)
        raise
    completed(door, found)
    return found


def completed(door: str, transport: asyncio.BaseTransport) -> None:
    """Count a handshake that led to a connection."""
    connection = cast(ssl.SSLObject, transport.get_extra_info("ssl_object"))
    result = "resumed" if connection.session_reused else "full"
    metrics.TLS_HANDSHAKES.labels(door, connection.version() or "", result).inc()


def failed(door: str, client: str, error: OSError) -> None:
    """Count and log one that did not."""
    metrics.TLS_HANDSHAKES.labels(door, "", "failed").inc()
    cause = (error.reason if isinstance(error, ssl.SSLError) else None) or str(error)
    log.info("TLS handshake failed", client=client, door=door, cause=cause or type(error).__name__)
