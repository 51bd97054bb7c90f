"""Errors that cross a border between floors.

An error speaks twice: `text` goes to the stranger and gives nothing away, `cause` goes to the log.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class MailError(Exception):
    """Mail that is refused, now (4xx) or for good (5xx).

    `code` is an SMTP reply code (RFC 5321 §4.2), `enhanced` an enhanced status code (RFC 3463)
    such as "5.1.1", `text` what the client may read, `cause` what the operator needs.
    """

    code: int
    enhanced: str
    text: str
    cause: str = ""

    def __str__(self) -> str:
        public = f"{self.code} {self.enhanced} {self.text}"
        return f"{public} ({self.cause})" if self.cause else public

    @property
    def temporary(self) -> bool:
        """True when trying again later may succeed (RFC 5321 §4.2.1)."""
        return 400 <= self.code < 500


class Refused(Exception):
    """An operator's request that cannot be carried out; its text names what and why.

    The CLI prints it and exits 1, the HTTP API answers it as problem JSON; `field` names the
    input at fault where there is one.
    """

    def __init__(self, text: str, field: str | None = None) -> None:
        super().__init__(text)
        self.field = field


class SettingsError(Exception):
    """A setting that stops the start; one line that names the key and the reason."""


class StorageUnavailable(Exception):
    """Postgres or the object store did not answer in time; nothing was stored."""


class StorageRefused(Exception):
    """Postgres will not hold such a value (a NUL in a text, say); trying again does not help."""
