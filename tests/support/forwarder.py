"""A remote host that forwards: real aiosmtpd that hands each mail on before it answers."""

import smtplib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class Forwarder:
    """Sends what it gets to `recipient` at `port` of this host, with the sender it came with."""

    port: int
    recipient: str
    change: Callable[[bytes], bytes] = lambda content: content
    passed: int = 0
    replies: list[str] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.passed += 1
        self.senders.append(envelope.mail_from or "")
        hop = f"Received: from hop by hop{self.passed}.test; Tue, 24 Nov 2026 04:00:00 +0000\r\n"
        reply = self._send(envelope.mail_from or "", hop.encode() + self.change(envelope.content))
        self.replies.append(reply)
        return reply

    def _send(self, sender: str, content: bytes) -> str:
        with smtplib.SMTP("127.0.0.1", self.port, timeout=20) as client:
            client.ehlo("hop.test")
            try:
                client.sendmail(sender.strip("<>"), [self.recipient], content)
            except smtplib.SMTPRecipientsRefused as error:
                code, text = error.recipients[self.recipient]
                return f"{code} {text.decode()}"
            except smtplib.SMTPResponseException as error:
                text = error.smtp_error
                return f"{error.smtp_code} {text.decode() if isinstance(text, bytes) else text}"
        return "250 2.0.0 passed on"


@contextmanager
def forwarder(address: str, port: int, script: Forwarder) -> Iterator[Forwarder]:
    """A running host at `address`, port `port`."""
    controller = Controller(script, hostname=address, port=port, ready_timeout=10)
    controller.start()
    try:
        yield script
    finally:
        controller.stop()
