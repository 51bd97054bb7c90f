"""The primary certificate: the one for `hostname`, and for every client that asks for no other."""

import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mailserver import keys
from mailserver.certificates.contexts import certificate_context
from mailserver.certificates.source import Pair
from mailserver.logs import logger
from mailserver.settings import Settings

_RENEW = timedelta(days=30)  # a self-signed certificate that ends sooner is made again

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


def _still_good(certificate: Path, names: list[str], now: datetime) -> bool:
    try:
        chain = certificate.read_bytes()
        certificate_context(Pair(chain, certificate.with_suffix(".key").read_bytes()))
        found, ends = keys.certificate_facts(chain)
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
