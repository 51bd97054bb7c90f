"""OpenDKIM, by its library: a verifier that shares no line with the one that signs.

Its command, opendkim-testmsg, asks the machine's own resolver; the library reads keys from a file,
into which we write what the test's DNS answers.
"""

import ctypes
from ctypes import POINTER, byref, c_bool, c_char_p, c_int, c_size_t, c_void_p
from enum import IntEnum
from pathlib import Path

from tests.support.programs import absent

# libopendkim/dkim.h
_SETOPT = 1
_QUERYMETHOD, _QUERYINFO = 6, 7
_QUERY_FILE = 1


class Verdict(IntEnum):
    """DKIM_STAT, as far as a test meets it."""

    OK = 0
    BAD_SIGNATURE = 1
    NO_SIGNATURE = 2
    NO_KEY = 3
    CANNOT_VERIFY = 4


def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libopendkim.so.11")
    except OSError:
        absent("libopendkim (opendkim-tools) is not installed")
    library.dkim_init.argtypes = [c_void_p, c_void_p]
    library.dkim_init.restype = c_void_p
    library.dkim_options.argtypes = [c_void_p, c_int, c_int, c_void_p, c_size_t]
    library.dkim_verify.argtypes = [c_void_p, c_char_p, c_void_p, POINTER(c_int)]
    library.dkim_verify.restype = c_void_p
    library.dkim_chunk.argtypes = [c_void_p, c_char_p, c_size_t]
    library.dkim_eom.argtypes = [c_void_p, POINTER(c_bool)]
    library.dkim_free.argtypes = [c_void_p]
    library.dkim_close.argtypes = [c_void_p]
    return library


def verify(message: bytes, keys: dict[str, str], folder: Path) -> Verdict:
    """What OpenDKIM says of `message` (CR LF line ends); `keys`: TXT records by their name."""
    library = _library()
    file = folder / "dkim-keys"
    file.write_text("".join(f"{name} {record}\n" for name, record in keys.items()))
    handle = library.dkim_init(None, None)
    method = c_int(_QUERY_FILE)
    path = str(file).encode()
    size = ctypes.sizeof(method)
    assert library.dkim_options(handle, _SETOPT, _QUERYMETHOD, byref(method), size) == 0
    assert library.dkim_options(handle, _SETOPT, _QUERYINFO, path, len(path) + 1) == 0
    status = c_int()
    dkim = library.dkim_verify(handle, b"test", None, byref(status))
    assert status.value == 0
    try:
        library.dkim_chunk(dkim, message, len(message))
        library.dkim_chunk(dkim, None, 0)
        return Verdict(library.dkim_eom(dkim, None))
    finally:
        library.dkim_free(dkim)
        library.dkim_close(handle)
