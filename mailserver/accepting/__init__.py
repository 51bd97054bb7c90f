"""From a connection to a session: the PROXY header, the TLS handshake, who may come in at all."""

from mailserver.accepting.acceptor import Acceptor, Entrance
from mailserver.accepting.handshake import start_tls

__all__ = ["Acceptor", "Entrance", "start_tls"]
