"""TLS contexts: the one a door listens with, and those that only hold a certificate.

A handshake begins in the door's context, which decides versions, groups and tickets; certificate
and ciphers are those of the context that is chosen for the name (SSL_set_SSL_CTX).
"""

import errno
import os
import ssl

from mailserver import openssl
from mailserver.certificates.source import Pair

# RFC 9325 §4.2: forward secrecy and AEAD only. TLS 1.3 suites are OpenSSL's own, all of them good.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
# RFC 9325 §4.4. OpenSSL would take FFDHE and P-521 too if a client wants them: one handshake with
# 8192 bits holds up all sessions of a process for a tenth of a second (CVE-2002-20001).
_GROUPS = "X25519:P-256:P-384"
_ONE_GROUP = "prime256v1"  # what every client has, where only one can be set


def server_context() -> ssl.SSLContext:
    """A server's context, without a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    if not openssl.set_groups(context, _GROUPS):
        context.set_ecdh_curve(_ONE_GROUP)
    # RFC 9325 §3.3, §3.5: no compression, no renegotiation.
    context.options |= (
        ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    )
    return context


def certificate_context(pair: Pair) -> ssl.SSLContext:
    """A context that holds `pair`; about 1.1 ms, 20 KB. Raises OSError, ssl.SSLError too."""
    context = server_context()
    # Python's ssl reads files only. This one has no name, so the key is on no disk.
    descriptor = os.memfd_create("certificate")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(pair.chain + b"\n" + pair.key)
        # A key with a passphrase would make OpenSSL ask on the terminal: nobody may be there.
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=_no_passphrase)
    finally:
        os.close(descriptor)
    return context


def reason(error: Exception) -> str:
    """What is wrong, in the library's words, without its file and line."""
    if isinstance(error, ssl.SSLError):
        return error.reason or str(error)
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _no_passphrase() -> str:
    raise PermissionError(errno.EACCES, "the private key has a passphrase")
