"""Which certificate a TLS client is shown: the primary one, or that of the name it asked for.

Invariants: a certificate that cannot be loaded never disturbs another; its names get the primary
one, and it is logged once. A handshake sees the certificates of its moment; sessions keep theirs.

Certificates of further names are pairs DATA_DIR/tls/NAME/fullchain.pem and privkey.pem. They are
loaded when a client first asks for NAME; a new NAME is seen at once, a changed pair at `reload`.
"""

import errno
import os
import re
import ssl
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mailserver import keys
from mailserver.errors import SettingsError
from mailserver.logs import logger
from mailserver.settings import Settings

MAX_CONTEXTS = 10_000  # loaded at the same time; the name not asked for the longest goes first
_RENEW = timedelta(days=30)  # a self-signed certificate that ends sooner is made again
# RFC 9325 §4.2: forward secrecy and AEAD only. TLS 1.3 suites are OpenSSL's own, all of them good.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
# RFC 6066 §3: HostName is ASCII. This also keeps what a client sends from leaving the directory.
_HOST_NAME = re.compile(
    r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*"
)

log = logger("certificates")


def prepare(settings: Settings) -> None:
    """Make the self-signed primary certificate where the settings name none.

    Called once, before workers start. An existing one is kept unless it ends within 30 days or
    was made for another host name.
    """
    if settings.tls.certificate:
        return
    certificate, key = primary_files(settings)
    names = list(dict.fromkeys([settings.hostname, "localhost", "127.0.0.1"]))
    now = datetime.now(UTC)
    if key.exists() and _still_good(certificate, names, now):
        return
    made = keys.self_signed(names, now=now)
    certificate.parent.mkdir(parents=True, exist_ok=True)
    # The key first: a crash between the two leaves a pair that does not match, made again below.
    _write(key, made.private_key, mode=0o600)
    _write(certificate, made.certificate, mode=0o644)
    log.info("self-signed certificate made", names=",".join(names), file=str(certificate))


def primary_files(settings: Settings) -> tuple[Path, Path]:
    """Where the primary certificate chain and its key are."""
    if settings.tls.certificate:
        certificate = Path(settings.tls.certificate)
        return certificate, Path(settings.tls.key) if settings.tls.key else certificate
    directory = settings.data / "tls"
    return directory / "self-signed.pem", directory / "self-signed.key"


class Certificates:
    """The TLS contexts of one process."""

    def __init__(self, settings: Settings) -> None:
        """Load the primary certificate; SettingsError when it cannot be."""
        self._files = primary_files(settings)
        self._directory = settings.data / "tls"
        self._contexts: OrderedDict[str, ssl.SSLContext] = OrderedDict()
        self._broken: set[str] = set()
        try:
            self._primary = _load(*self._files)
            self._door = _load(*self._files)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(f"tls.certificate: {self._files[0]}: {_reason(error)}") from None
        self._door.sni_callback = self._choose

    @property
    def server_context(self) -> ssl.SSLContext:
        """The context to listen with, for ever the same one: each handshake picks its own."""
        return self._door

    def context_for(self, server_name: str | None) -> ssl.SSLContext:
        """The context for the name a client asks for (SNI, RFC 6066 §3); the primary for others."""
        name = (server_name or "").lower().rstrip(".")
        context = self._contexts.get(name)
        if context is not None:
            self._contexts.move_to_end(name)
            return context
        if len(name) > 253 or not _HOST_NAME.fullmatch(name) or name in self._broken:
            return self._primary
        return self._load_name(name) or self._primary

    def reload(self) -> None:
        """Read all certificates again; a primary that cannot be loaded leaves the old one."""
        self._contexts.clear()
        self._broken.clear()
        try:
            self._primary = _load(*self._files)
        except (OSError, ssl.SSLError) as error:
            log.error("certificate kept", file=str(self._files[0]), cause=_reason(error))

    def _choose(
        self, connection: ssl.SSLObject, server_name: str | None, _context: ssl.SSLContext
    ) -> None:
        # OpenSSL calls this for every handshake, also without SNI: so `reload` needs no new door.
        connection.context = self.context_for(server_name)

    def _load_name(self, name: str) -> ssl.SSLContext | None:
        chain = self._directory / name / "fullchain.pem"
        if not chain.exists():
            return None
        try:
            context = _load(chain, chain.with_name("privkey.pem"))
        except (OSError, ssl.SSLError) as error:
            self._broken.add(name)
            log.error("certificate not usable", name=name, cause=_reason(error))
            return None
        self._contexts[name] = context
        if len(self._contexts) > MAX_CONTEXTS:
            self._contexts.popitem(last=False)
        return context


def _load(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    # RFC 9325 §3.3, §3.4: no compression; session tickets stay on, as OpenSSL has them.
    context.options |= (
        ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    )
    # A key with a passphrase would make OpenSSL ask on the terminal: nobody may be there.
    context.load_cert_chain(certificate, key, password=_no_passphrase)
    return context


def _no_passphrase() -> str:
    raise PermissionError(errno.EACCES, "the private key has a passphrase")


def _still_good(certificate: Path, names: list[str], now: datetime) -> bool:
    try:
        _load(certificate, certificate.with_suffix(".key"))
        found, ends = keys.certificate_facts(certificate.read_bytes())
    except (OSError, ssl.SSLError, ValueError):
        return False
    return found == frozenset(names) and ends - now > _RENEW


def _write(path: Path, content: bytes, *, mode: int) -> None:
    """Replace a file whole: a reader sees the old bytes or the new ones."""
    partial = path.with_name(path.name + ".new")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _reason(error: OSError) -> str:
    """What is wrong, in the library's words, without its file and line."""
    if isinstance(error, ssl.SSLError):
        return error.reason or str(error)
    return error.strerror or str(error)
