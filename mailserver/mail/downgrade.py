"""A message with binary parts made one that DATA can carry (RFC 3030 §3, RFC 2045 §6).

Invariants: no information is lost: what base64 gives back is the part's octets. Multiparts and
messages inside are never encoded, only what they hold is (RFC 2045 §6.4). Pure and linear; a mapped
message is never copied whole.
"""

import binascii
import mmap
from collections.abc import Iterator

from mailserver.mail.headers import fields
from mailserver.mail.parameters import parse_token
from mailserver.mail.structure import Entity, scan

_ENCODING = b"content-transfer-encoding"
_LINE = 57  # octets that make the 76 characters of a line, RFC 2045 §6.8
_BLOCK = 1024 * _LINE  # octets looked at together


def without_binary(message: bytes | mmap.mmap) -> Iterator[bytes]:
    """The message in pieces, each part that says "binary" in base64."""
    root, _ = scan(message)
    return _pieces(message, root, 0, len(message))


def _pieces(message: bytes | mmap.mmap, entity: Entity, at: int, end: int) -> Iterator[bytes]:
    """The octets from `at`, where the entity begins or what divides it from another, to `end`."""
    binary = _says_binary(entity)
    # RFC 2046 §5.2: other kinds of message/* may not be encoded either.
    opaque = not entity.children and entity.media.maintype not in (b"message", b"multipart")
    if binary:
        yield message[at : entity.start]
        yield _relabelled(message[entity.start : entity.body], b"base64" if opaque else b"8bit")
        at = entity.body
    if binary and opaque:
        yield from _base64(message, entity.body, entity.end)
        at = entity.end
    for child in entity.children:
        yield from _pieces(message, child, at, child.end)
        at = child.end
    for start in range(at, end, _BLOCK):
        yield message[start : min(start + _BLOCK, end)]


def _says_binary(entity: Entity) -> bool:
    return any(parse_token(value) == b"binary" for value in entity.fields.get(_ENCODING, ()))


def _relabelled(header: bytes, encoding: bytes) -> bytes:
    kept = []
    at = 0
    for name, raw in fields(header):
        at += len(raw)
        if name.lower() == _ENCODING:
            raw = b"Content-Transfer-Encoding: %b\r\n" % encoding
        kept.append(raw)
    return b"".join([*kept, header[at:]])


def _base64(message: bytes | mmap.mmap, start: int, end: int) -> Iterator[bytes]:
    for at in range(start, end, _BLOCK):
        block = memoryview(message[at : min(at + _BLOCK, end)])
        lines = [block[line : line + _LINE] for line in range(0, len(block), _LINE)]
        yield b"".join([binascii.b2a_base64(line, newline=False) + b"\r\n" for line in lines])
