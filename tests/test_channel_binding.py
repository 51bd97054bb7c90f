"""Channel bindings of real TLS connections, on the transports that the server runs on."""

import asyncio
import hashlib
import ssl
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import trustme
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from mailserver import channel_binding, openssl
from mailserver.channel_binding import bindings, end_point


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


AUTHORITY = trustme.CA()


def server_context(name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(name).configure_cert(context)
    return context


async def ends(version: ssl.TLSVersion) -> tuple[Any, Any]:
    """Both ends of one connection; its server picks the certificate by the client's SNI."""
    door, chosen = server_context("door.test"), server_context("chosen.test")

    def choose(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = chosen

    door.sni_callback = choose
    client_context = ssl.create_default_context()
    AUTHORITY.configure_trust(client_context)
    client_context.maximum_version = version
    accepted: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set_result(writer.get_extra_info("ssl_object"))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=door)
    port = server.sockets[0].getsockname()[1]
    _, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=client_context, server_hostname="chosen.test"
    )
    found = await accepted, writer.get_extra_info("ssl_object")
    writer.close()
    server.close()
    return found


def test_this_interpreter_has_them() -> None:
    assert channel_binding.supported()


async def test_both_ends_of_tls_1_3_export_the_same_and_other_connections_do_not() -> None:
    server, client = await ends(ssl.TLSVersion.TLSv1_3)
    other, _ = await ends(ssl.TLSVersion.TLSv1_3)
    assert server.version() == "TLSv1.3"
    exported = bindings(server)["tls-exporter"]
    assert len(exported) == 32
    # a client has shown no certificate, and so has no end point
    assert bindings(client) == {"tls-exporter": exported}
    assert exported != bindings(other)["tls-exporter"]
    assert sorted(bindings(server)) == ["tls-exporter", "tls-server-end-point"]


async def test_tls_1_2_has_its_own() -> None:
    server, client = await ends(ssl.TLSVersion.TLSv1_2)
    assert sorted(bindings(server)) == ["tls-server-end-point", "tls-unique"]
    assert bindings(server)["tls-unique"] == client.get_channel_binding("tls-unique")


async def test_the_end_point_is_the_certificate_that_this_client_saw() -> None:
    server, client = await ends(ssl.TLSVersion.TLSv1_3)
    shown = client.getpeercert(binary_form=True)
    # trustme signs with SHA-256
    assert bindings(server)["tls-server-end-point"] == hashlib.sha256(shown).digest()


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [(hashes.SHA256(), "sha256"), (hashes.SHA384(), "sha384"), (None, "sha256")],
)
def test_the_hash_is_that_of_the_signature(
    algorithm: hashes.SHA256 | hashes.SHA384 | None, expected: str
) -> None:
    key = ec.generate_private_key(ec.SECP256R1()) if algorithm else None
    signing: Any = key or ed25519.Ed25519PrivateKey.generate()
    now = AUTHORITY_CERTIFICATE.not_valid_before_utc
    name = x509.Name([])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(signing.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(AUTHORITY_CERTIFICATE.not_valid_after_utc)
        .sign(signing, algorithm)
        .public_bytes(Encoding.DER)
    )
    assert end_point(made) == hashlib.new(expected, made).digest()


AUTHORITY_CERTIFICATE = x509.load_pem_x509_certificate(AUTHORITY.cert_pem.bytes())


def test_an_object_that_is_none_of_ssl_has_none() -> None:
    class Strange:
        _sslobj = object()
        context = None

    stranger: Any = Strange()
    assert not openssl.reachable(stranger)
    assert openssl.own_certificate(stranger) is None
    assert openssl.exported(stranger, b"EXPORTER-x", 32) is None
