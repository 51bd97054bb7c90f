"""What OpenSSL can and Python's `ssl` does not offer: groups of a key exchange, keys of tickets.

Reached by ctypes, in the very library that `ssl` has loaded. A Python that hides it, or is not
known to keep its contexts as we expect, says False and keeps OpenSSL's own choice.
"""

import ctypes
import importlib
import ssl
import sys
from collections.abc import Callable

TICKET_KEYS = 80  # bytes: a name of 16, keys of 32 for HMAC and of 32 for AES

# openssl/tls1.h and openssl/ssl.h: the commands behind SSL_CTX_set_tlsext_ticket_keys and
# SSL_CTX_set1_groups_list.
_SET_TICKET_KEYS = 59
_SET_GROUPS_LIST = 92

_Control = Callable[[ctypes.c_void_p, int, int, bytes], int]


def set_groups(context: ssl.SSLContext, groups: str) -> bool:
    """Allow these groups only, as "X25519:P-256"; False: not possible here."""
    return _control(context, _SET_GROUPS_LIST, 0, groups.encode())


def set_ticket_keys(context: ssl.SSLContext, keys: bytes) -> bool:
    """Write and read session tickets with `keys`, `TICKET_KEYS` bytes; False: not possible here."""
    assert len(keys) == TICKET_KEYS
    return _control(context, _SET_TICKET_KEYS, len(keys), keys)


def _control(context: ssl.SSLContext, command: int, number: int, value: bytes) -> bool:
    if _function is None:
        return False
    # Modules/_ssl.c: a PySSLContext is PyObject_HEAD, then SSL_CTX *ctx.
    pointer = ctypes.c_void_p.from_address(id(context) + object.__basicsize__)
    return _function(pointer, command, number, value) == 1


def _find() -> _Control | None:
    if sys.implementation.name != "cpython" or sys.version_info >= (3, 15):
        return None
    try:
        # By the extension's own file: another OpenSSL may be loaded, and is not the one in use.
        library = ctypes.CDLL(getattr(importlib.import_module("_ssl"), "__file__", None))
        function = library.SSL_CTX_ctrl
    except (OSError, AttributeError):
        return None
    function.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_char_p]
    function.restype = ctypes.c_long
    return function


_function = _find()
