"""What the other floors know of an issuer of tokens."""

from typing import Protocol


class BadToken(Exception):
    """The token lets nobody in; the text says why, for the log."""


class Issuer(Protocol):
    """Somebody whose tokens we believe."""

    @property
    def discovery(self) -> str:
        """URL of its metadata (RFC 8414, OpenID Connect Discovery), for clients."""

    async def address(self, token: str) -> str:
        """The address that a token names.

        Raises BadToken, and MailError (454 4.7.0) when its keys cannot be had.
        """
