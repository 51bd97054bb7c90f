"""Channel bindings (RFC 5056) of a TLS connection: what both of its ends see and nobody between."""

import ssl
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from mailserver import openssl

_LABEL, _LENGTH = b"EXPORTER-Channel-Binding", 32  # RFC 9266 §2


@cache
def supported() -> bool:
    """True where this interpreter lets OpenSSL be asked; else -PLUS is not offered."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    return openssl.reachable(context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True))


def bindings(connection: ssl.SSLObject) -> dict[str, bytes]:
    """Type → data, of the server's end of a connection whose handshake is done."""
    found = {}
    if certificate := openssl.own_certificate(connection):
        found["tls-server-end-point"] = end_point(certificate)
    # RFC 9266 §4.2: with TLS 1.2 it is unique only under conditions that not all clients meet;
    # they use tls-unique (RFC 5929 §3) there, which TLS 1.3 has not.
    if connection.version() == "TLSv1.3":
        if exported := openssl.exported(connection, _LABEL, _LENGTH):
            found["tls-exporter"] = exported
    elif unique := connection.get_channel_binding("tls-unique"):
        found["tls-unique"] = unique
    return found


def end_point(certificate: bytes) -> bytes:
    """`tls-server-end-point` of a certificate in DER."""
    shown = x509.load_der_x509_certificate(certificate)
    try:
        algorithm = shown.signature_hash_algorithm
    except ValueError:  # of a kind that cryptography does not know
        algorithm = None
    # RFC 5929 §4.1: MD5 and SHA-1 become SHA-256. Signatures without a hash of their own
    # (Ed25519) are left open there; SHA-256 is what others take.
    if algorithm is None or algorithm.name in ("md5", "sha1"):
        algorithm = hashes.SHA256()
    digest = hashes.Hash(algorithm)
    digest.update(certificate)
    return digest.finalize()
