"""What a session knows of the one at the other end."""

import asyncio

from aiosmtpd.smtp import Session as PeerSession

from mailserver.accounts import Account


class Client(PeerSession):
    """aiosmtpd's session, with the facts that its own has no place for."""

    def __init__(self, loop: asyncio.AbstractEventLoop, address: str) -> None:
        super().__init__(loop)
        self.address = address  # IP address as text; "" where the socket has none
        self.cipher: str | None = None  # of TLS; None: no TLS
        self.lmtp = False  # the protocol is LMTP
        self.account: Account | None = None
        self.failed_logins = 0
        self.errors = 0  # since the last message that was accepted

    def start_tls(self, cipher: str) -> None:
        """RFC 3207 §4.2: what was learnt before TLS is forgotten."""
        self.cipher = cipher
        self.host_name = None
        self.extended_smtp = False
