"""Accounts whose hashing is cheap and counted."""

import threading
import time
from typing import Literal

import argon2

from mailserver.accounts import Account, LoginFailed, Logins, Origin, Resolution

PASSWORD = "correct horse"


class CountingHasher(argon2.PasswordHasher):
    """argon2 itself, counting what it is asked and how much at a time."""

    def __init__(self, memory_cost: int = 64) -> None:
        super().__init__(time_cost=1, memory_cost=memory_cost, parallelism=1)
        self.compared: list[str | bytes] = []
        self.at_once = 0
        self.most_at_once = 0
        self.pause = 0.0
        self.gate = threading.Event()
        self.gate.set()
        self._lock = threading.Lock()

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        with self._lock:
            self.compared.append(hash)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            time.sleep(self.pause)
            self.gate.wait(10)
            return super().verify(hash, password)
        finally:
            with self._lock:
                self.at_once -= 1


async def log_in(
    logins: Logins, name: str, password: str, client: str = "127.0.0.1"
) -> Account | None:
    """The account, None when the credentials are wrong. Raises LoginFailed when it is limited."""
    try:
        return await logins.login(Origin(client, "imaps"), name, password)
    except LoginFailed as failure:
        if failure.limited:
            raise
        return None


def addresses(resolution: Resolution) -> list[str]:
    return sorted(account.address for account in resolution.accounts)
