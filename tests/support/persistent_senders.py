"""Clients that do not give up: each message is sent again until its 250 is read.

A message may be stored more often than once only where an attempt ended after its final dot
without a reply of 250: those attempts are counted in `Mail.unsure`.
"""

import queue
import random
import smtplib
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

_PAUSE = 0.1  # seconds, at most, between two messages of a session
_AGAIN = 0.1  # seconds before the next attempt


@dataclass(slots=True)
class Mail:
    """One message and what its sender knows of it."""

    number: int
    sender: str
    recipients: Sequence[str]
    content: bytes
    accepted: bool = False
    unsure: int = 0


class Senders:
    """So many sessions at the same time, until all mail is accepted."""

    def __init__(self, port: int, mails: Iterable[Mail], *, sessions: int, seed: int) -> None:
        self._port = port
        self._waiting: queue.SimpleQueue[Mail] = queue.SimpleQueue()
        for mail in mails:
            self._waiting.put(mail)
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self.accepted = 0
        self.refused: set[str] = set()  # permanent refusals: there should be none
        self._threads = [
            threading.Thread(target=self._session, args=(random.Random(seed + n),), daemon=True)
            for n in range(sessions)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self, seconds: float) -> bool:
        """Wait for the end; False when there are still some at work."""
        for thread in self._threads:
            thread.join(seconds)
        return not any(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """Give up."""
        self._stopped.set()

    def _session(self, rng: random.Random) -> None:
        client: smtplib.SMTP | None = None
        with suppress(queue.Empty):
            while True:
                mail = self._waiting.get_nowait()
                while not mail.accepted and not self._stopped.wait(rng.random() * _PAUSE):
                    client = self._attempt(client, mail)
                    if client is None:
                        self._stopped.wait(_AGAIN)
                    elif rng.random() < 0.3:
                        client = _closed(client)
        _closed(client)

    def _attempt(self, client: smtplib.SMTP | None, mail: Mail) -> smtplib.SMTP | None:
        """Send once; gives a connection that can be used again."""
        try:
            client = client or smtplib.SMTP("127.0.0.1", self._port, "client.test", timeout=20)
            self._send(client, mail)
        except (OSError, smtplib.SMTPException):
            return _closed(client)
        return client

    def _send(self, client: smtplib.SMTP, mail: Mail) -> None:
        client.ehlo_or_helo_if_needed()
        self._ask(client, f"MAIL FROM:<{mail.sender}>")
        for recipient in mail.recipients:
            self._ask(client, f"RCPT TO:<{recipient}>")
        self._ask(client, "DATA")
        mail.unsure += 1
        client.send(mail.content + b".\r\n")
        self._expect(client.getreply())
        with self._lock:
            mail.unsure -= 1
            mail.accepted = True
            self.accepted += 1

    def _ask(self, client: smtplib.SMTP, command: str) -> None:
        self._expect(client.docmd(command))

    def _expect(self, reply: tuple[int, bytes]) -> None:
        code, text = reply
        if code >= 500:
            self.refused.add(f"{code} {text.decode(errors='replace')}")
        if code not in {250, 354}:
            raise smtplib.SMTPResponseException(code, text)


def _closed(client: smtplib.SMTP | None) -> None:
    if client is not None:
        with suppress(OSError, smtplib.SMTPException):
            client.quit()
        client.close()
