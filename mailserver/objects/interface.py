"""What any object store does. Objects are immutable; a key is written once."""

from typing import Protocol

from mailserver.objects.buffer import Content


class ObjectMissing(Exception):
    """No object has this key."""


class ObjectStore(Protocol):
    """Raises StorageUnavailable when the store does not answer in time.

    Keys are ASCII path segments joined by "/", made by us and never by a client.
    """

    async def put(self, key: str, content: Content) -> None:
        """Store `content`; it is durable when this returns. Putting a key again is harmless."""

    async def get(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        """Bytes `start` (inclusive) to `end` (exclusive; None: the last); ObjectMissing."""

    async def delete(self, key: str) -> None:
        """Remove the object; no error when there is none."""

    async def check(self) -> None:
        """Return when the store answers, for health checks."""

    async def close(self) -> None:
        """Give connections back."""
