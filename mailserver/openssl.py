"""What OpenSSL can and Python's `ssl` does not offer: groups of a key exchange, keys of tickets,
keying material of a connection and the certificate that was shown on it.

Reached by ctypes, in the very library that `ssl` has loaded. A Python that hides it, or is not
known to keep its objects as we expect, says False or None and keeps OpenSSL's own choice.
"""

import ctypes
import importlib
import ssl
import sys

TICKET_KEYS = 80  # bytes: a name of 16, keys of 32 for HMAC and of 32 for AES

# openssl/tls1.h and openssl/ssl.h: the commands behind SSL_CTX_set_tlsext_ticket_keys and
# SSL_CTX_set1_groups_list.
_SET_TICKET_KEYS = 59
_SET_GROUPS_LIST = 92

# Modules/_ssl.c: a PySSLSocket is PyObject_HEAD, PyObject *Socket, SSL *ssl, PySSLContext *ctx.
_WORDS, _SSL, _CONTEXT = 5, 3, 4


def set_groups(context: ssl.SSLContext, groups: str) -> bool:
    """Allow these groups only, as "X25519:P-256"; False: not possible here."""
    return _control(context, _SET_GROUPS_LIST, 0, groups.encode())


def set_ticket_keys(context: ssl.SSLContext, keys: bytes) -> bool:
    """Write and read session tickets with `keys`, `TICKET_KEYS` bytes; False: not possible here."""
    assert len(keys) == TICKET_KEYS
    return _control(context, _SET_TICKET_KEYS, len(keys), keys)


def reachable(connection: ssl.SSLObject) -> bool:
    """True where the connections of this Python can be asked."""
    return _library is not None and _pointer(connection) is not None


def exported(connection: ssl.SSLObject, label: bytes, length: int) -> bytes | None:
    """`length` bytes of keying material (RFC 5705) without a context; None: not possible here."""
    pointer = _pointer(connection)
    if _library is None or pointer is None:
        return None
    out = ctypes.create_string_buffer(length)
    arguments = (pointer, out, length, label, len(label), None, 0, 0)
    return out.raw if _library.SSL_export_keying_material(*arguments) == 1 else None


def own_certificate(connection: ssl.SSLObject) -> bytes | None:
    """The certificate that our end has shown, in DER; None: not possible here, or none."""
    pointer = _pointer(connection)
    if _library is None or pointer is None:
        return None
    certificate = _library.SSL_get_certificate(pointer)
    if certificate is None:
        return None
    out = ctypes.create_string_buffer(_library.i2d_X509(certificate, None))
    _library.i2d_X509(certificate, ctypes.byref(ctypes.c_void_p(ctypes.addressof(out))))
    return out.raw


def _control(context: ssl.SSLContext, command: int, number: int, value: bytes) -> bool:
    if _library is None:
        return False
    # Modules/_ssl.c: a PySSLContext is PyObject_HEAD, then SSL_CTX *ctx.
    pointer = ctypes.c_void_p.from_address(id(context) + object.__basicsize__)
    done: int = _library.SSL_CTX_ctrl(pointer, command, number, value)
    return done == 1


def _pointer(connection: ssl.SSLObject) -> int | None:
    """Address of OpenSSL's connection; None unless its neighbour is what CPython puts there."""
    inner = getattr(connection, "_sslobj", None)
    if inner is None or sys.getsizeof(inner) < _WORDS * ctypes.sizeof(ctypes.c_void_p):
        return None
    words = (ctypes.c_void_p * _WORDS).from_address(id(inner))
    return words[_SSL] if words[_CONTEXT] == id(connection.context) else None


def _find() -> ctypes.CDLL | None:
    if sys.implementation.name != "cpython" or sys.version_info >= (3, 15):
        return None
    pointer, number, size = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t
    text = ctypes.c_char_p
    try:
        # By the extension's own file: another OpenSSL may be loaded, and is not the one in use.
        library = ctypes.CDLL(getattr(importlib.import_module("_ssl"), "__file__", None))
        library.SSL_CTX_ctrl.argtypes = [pointer, number, ctypes.c_long, text]
        library.SSL_CTX_ctrl.restype = ctypes.c_long
        export = library.SSL_export_keying_material
        export.argtypes = [pointer, text, size, text, size, text, size, number]
        library.SSL_get_certificate.argtypes = [pointer]
        library.SSL_get_certificate.restype = pointer
        library.i2d_X509.argtypes = [pointer, pointer]
    except (OSError, AttributeError):
        return None
    return library


_library = _find()
