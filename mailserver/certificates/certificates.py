"""The certificates of one process: the primary one, and those loaded for the names asked for.

Invariants: the cost of a handshake does not grow with the number of names. A certificate that
cannot be used never disturbs another; its names get the primary one, and it is logged once. A
changed file is noticed within `tls.recheck` seconds of use; sessions keep what they began with.
"""

import math
import ssl
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

from mailserver import keys
from mailserver.certificates import names
from mailserver.certificates.contexts import certificate_context, reason, server_context
from mailserver.certificates.primary import primary_files
from mailserver.certificates.source import Files, Folder, Source
from mailserver.certificates.tickets import Tickets, new_ticket_secret
from mailserver.errors import SettingsError
from mailserver.logs import logger
from mailserver.settings import Settings

# What a session is for. A ticket got for one is worth nothing for another.
Purpose = Literal["mx", "submission", "imap"]

_PRIMARY = ""  # the name under which its source is asked

log = logger("certificates")


@dataclass(slots=True)
class _Held:
    """A certificate, or that there is none to be used."""

    version: object  # of what it was made of; None: to be made again
    context: ssl.SSLContext | None = None
    ends: float = math.inf  # seconds since 1970
    checked: float = -math.inf  # monotonic


class Certificates:
    """The TLS contexts of one process."""

    def __init__(
        self,
        settings: Settings,
        *,
        source: Source | None = None,
        ticket_secret: bytes | None = None,
    ) -> None:
        """Load the primary certificate; SettingsError when it cannot be.

        Further ones are those of `source`; None: the folders DATA_DIR/tls/NAME. Processes with the
        same `ticket_secret` resume each other's sessions.
        """
        chain, key = primary_files(settings)
        self._settings = settings.tls
        self._files = Files(chain, key)
        self._source = source or Folder(settings.data / "tls")
        self._secret = ticket_secret or new_ticket_secret()
        self._doors: dict[Purpose, tuple[ssl.SSLContext, Tickets]] = {}
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._logged: dict[str, object] = {}  # versions that cannot be used, by name
        try:
            self._primary = _load(self._files, _PRIMARY, self._files.version(_PRIMARY))
        except (OSError, ValueError) as error:
            raise SettingsError(f"tls.certificate: {chain}: {reason(error)}") from None

    def server_context(self, purpose: Purpose) -> ssl.SSLContext:
        """The context to begin a handshake with; one for ever, it picks each one's certificate."""
        if purpose not in self._doors:
            context = server_context()
            context.sni_callback = self._choose
            self._doors[purpose] = context, Tickets(context, self._secret, purpose)
        context, tickets = self._doors[purpose]
        tickets.renew(time.time())
        return context

    def context_for(self, server_name: str | None) -> ssl.SSLContext:
        """The context for the name a client asks for (SNI, RFC 6066 §3); the primary for others."""
        name = names.asked_for(server_name)
        now = time.monotonic()
        for candidate in names.answering(name) if name else ():
            context = self._usable(candidate, now)
            if context is not None:
                return context
        return self._primary_context(now)

    def reload(self) -> None:
        """Read every certificate again at its next use; one that became broken stays as it was."""
        self._logged.clear()
        for held in (*self._held.values(), self._primary):
            held.version, held.checked = None, -math.inf
        self._primary_context(time.monotonic())

    def _choose(
        self, connection: ssl.SSLObject, server_name: str | None, _context: ssl.SSLContext
    ) -> None:
        # OpenSSL calls this in every handshake, also without SNI.
        connection.context = self.context_for(server_name)

    def _usable(self, name: str, now: float) -> ssl.SSLContext | None:
        held = self._held.get(name)
        if held is None or now - held.checked >= self._settings.recheck:
            held = self._checked(self._source, name, held, now)
            if held is None:
                self._held.pop(name, None)
                return None
            self._held[name] = held
        self._held.move_to_end(name)
        if len(self._held) > self._settings.certificates:
            self._held.popitem(last=False)
        if held.context is not None and held.ends <= time.time():
            self._failed(name, held.version, "certificate not usable", "expired")
            held.context = None
        return held.context

    def _primary_context(self, now: float) -> ssl.SSLContext:
        if now - self._primary.checked >= self._settings.recheck:
            self._primary = (
                self._checked(self._files, _PRIMARY, self._primary, now) or self._primary
            )
            self._primary.checked = now
        # An expired one is shown all the same: there is no better one.
        assert self._primary.context is not None
        return self._primary.context

    def _checked(self, source: Source, name: str, held: _Held | None, now: float) -> _Held | None:
        """What there is now; None: nothing. A good one stays while its successor is broken."""
        version = source.version(name)
        if version is None:
            return None
        if held is None or version != held.version:
            try:
                held = _load(source, name, version)
            except (OSError, ValueError) as error:
                good = held is not None and held.context is not None
                event = "certificate kept" if good else "certificate not usable"
                self._failed(name, version, event, reason(error))
                held = _Held(version, held.context, held.ends) if held else _Held(version)
        held.checked = now
        return held

    def _failed(self, name: str, version: object, event: str, cause: str) -> None:
        if self._logged.get(name) != version:
            self._logged[name] = version
            log.error(event, name=name or str(self._files.chain), cause=cause)


def _load(source: Source, name: str, version: object) -> _Held:
    """Raises OSError, ssl.SSLError among them, and ValueError."""
    pair = source.find(name)
    if pair is None:
        raise FileNotFoundError(f"no certificate of {name}")
    _, ends = keys.certificate_facts(pair.chain)
    return _Held(version, certificate_context(pair), ends.timestamp())
