"""TLS handshakes in memory, and certificates to make them with."""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from mailserver import keys
from mailserver.certificates import Certificates


def client_context(**limits: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for name, version in limits.items():
        setattr(context, name, version)
    return context


def handshake(
    server: ssl.SSLContext,
    client: ssl.SSLContext | None = None,
    name: str | None = None,
    session: ssl.SSLSession | None = None,
) -> ssl.SSLObject:
    """The client's side after a whole handshake and one byte each way, without a socket."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = (client or client_context()).wrap_bio(
        to_client, to_server, server_hostname=name, session=session
    )
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    steps: list[Callable[[], object]] = [
        theirs.do_handshake,
        ours.do_handshake,
        lambda: ours.write(b"x"),
        lambda: theirs.read(1),
    ]
    rounds = 0
    while steps:
        rounds += 1
        assert rounds < 50
        for step in tuple(steps):
            try:
                step()
                steps.remove(step)
            except ssl.SSLWantReadError:
                continue
    return theirs


def shown(certificates: Certificates, name: str | None) -> str:
    """The first name of the certificate that a client asking for `name` sees."""
    der = handshake(certificates.server_context("mx"), name=name).getpeercert(binary_form=True)
    assert der is not None
    certificate = x509.load_der_x509_certificate(der)
    san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return str(next(iter(san)).value)


def write_pair(directory: Path, name: str, *, now: datetime | None = None) -> None:
    """A certificate for `name`, valid from `now`, and its key, where an operator puts them."""
    made = keys.self_signed([name], now=now or datetime.now(UTC))
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "fullchain.pem").write_bytes(made.certificate)
    (directory / "privkey.pem").write_bytes(made.private_key)
