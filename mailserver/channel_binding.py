"""Channel bindings (RFC 5056) of a TLS connection: what both of its ends see and nobody between.

Python's ssl offers neither of the two that TLS 1.3 has: `tls-exporter` (RFC 9266) and
`tls-server-end-point` (RFC 5929 §4). OpenSSL does, so its own connection, which CPython keeps
inside the object of ssl, is asked by way of ctypes.

Invariant: memory is read only where the neighbours of the pointer are what CPython puts there. An
interpreter that is built another way has no bindings, and -PLUS is not offered.
"""

import ctypes
import ssl
import sys
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes

_LABEL, _LENGTH = b"EXPORTER-Channel-Binding", 32  # RFC 9266 §2

# CPython, Modules/_ssl.c, PySSLSocket: PyObject_HEAD (two words), Socket, ssl, ctx, …
_WORDS, _SSL, _CONTEXT = 5, 3, 4


@cache
def supported() -> bool:
    """True where this interpreter lets OpenSSL be asked."""
    if sys.implementation.name != "cpython" or _library() is None:
        return False
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    connection = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)
    return _pointer(connection) is not None


def bindings(connection: ssl.SSLObject) -> dict[str, bytes]:
    """Type → data, of the server's end of a connection whose handshake is done."""
    library, pointer = _library(), _pointer(connection)
    if library is None or pointer is None:
        return {}
    found = {"tls-server-end-point": _certificate_hash(library, pointer)}
    # RFC 9266 §4.2: with TLS 1.2 it is unique only under conditions that not all clients meet;
    # they use tls-unique (RFC 5929 §3) there, which TLS 1.3 has not.
    if connection.version() == "TLSv1.3":
        found["tls-exporter"] = _exported(library, pointer)
    elif unique := connection.get_channel_binding("tls-unique"):
        found["tls-unique"] = unique
    return found


def _exported(library: ctypes.CDLL, pointer: int) -> bytes:
    out = ctypes.create_string_buffer(_LENGTH)
    done = library.SSL_export_keying_material(
        pointer, out, _LENGTH, _LABEL, len(_LABEL), None, 0, 0
    )
    if done != 1:
        raise ssl.SSLError("no keying material")
    return out.raw


def _certificate_hash(library: ctypes.CDLL, pointer: int) -> bytes:
    """The hash of the certificate that the server showed on this connection."""
    certificate = library.SSL_get_certificate(pointer)
    out = ctypes.create_string_buffer(library.i2d_X509(certificate, None))
    library.i2d_X509(certificate, ctypes.byref(ctypes.c_void_p(ctypes.addressof(out))))
    return end_point(out.raw)


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


def _pointer(connection: ssl.SSLObject) -> int | None:
    """Address of OpenSSL's connection inside Python's; None where it is not found."""
    inner = getattr(connection, "_sslobj", None)
    if inner is None or sys.getsizeof(inner) < _WORDS * ctypes.sizeof(ctypes.c_void_p):
        return None
    words = (ctypes.c_void_p * _WORDS).from_address(id(inner))
    return words[_SSL] if words[_CONTEXT] == id(connection.context) else None


@cache
def _library() -> ctypes.CDLL | None:
    """The OpenSSL that Python's ssl uses, no other of this process; None where it is hidden."""
    try:
        import _ssl

        library = ctypes.CDLL(_ssl.__file__)
        library.SSL_export_keying_material.argtypes = [
            ctypes.c_void_p,
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_int,
        ]
        library.SSL_get_certificate.argtypes = [ctypes.c_void_p]
        library.SSL_get_certificate.restype = ctypes.c_void_p
        library.i2d_X509.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    except (ImportError, AttributeError, OSError):
        return None
    return library
