"""A message with binary parts made one that DATA and IMAP can carry (RFC 3030 §3, RFC 3501 §4.3.1).

Invariants: no information is lost: what base64 gives back is the part's octets. Multiparts and
messages inside are never encoded, only what they hold is (RFC 2045 §6.4). Pure and linear; a mapped
message is never copied whole.
"""

import binascii
import mmap
from collections.abc import Callable, Iterator

from mailserver.mail.headers import fields
from mailserver.mail.parameters import parse_content_type, parse_token
from mailserver.mail.parts import Encoding, Kind
from mailserver.mail.structure import Entity, scan

_ENCODING = b"content-transfer-encoding"
_LINE = 57  # octets that make the 76 characters of a line, RFC 2045 §6.8
_BLOCK = 1024 * _LINE  # octets looked at together


class Unencodable(Exception):
    """NUL stands where no encoding may hide it: in a header, say, or in what is signed."""


def without_binary(message: bytes | mmap.mmap) -> Iterator[bytes]:
    """The message in pieces, each part that says "binary" in base64."""
    root, _ = scan(message)
    return _pieces(message, root, 0, len(message), _says_binary)


def without_nul(message: bytes | mmap.mmap) -> Iterator[bytes]:
    """The message in pieces, each part that has a NUL in base64; no piece has one.

    Raises Unencodable, also while the pieces are read.
    """
    root, _ = scan(message)
    for entity in _entities(root):
        if _is_signed(entity) and message.find(b"\0", entity.start, entity.end) >= 0:
            # RFC 1847 §2.1: what is signed is opaque; encoded it would be another message.
            raise Unencodable("in signed content")

    def holds_nul(entity: Entity) -> bool:
        octets = entity.media.encoding is Encoding.IDENTITY and _is_opaque(entity)
        return octets and message.find(b"\0", entity.body, entity.end) >= 0

    for piece in _pieces(message, root, 0, len(message), holds_nul):
        if b"\0" in piece:
            raise Unencodable("outside of what can be encoded")
        yield piece


def _entities(entity: Entity) -> Iterator[Entity]:
    yield entity
    for child in entity.children:
        yield from _entities(child)


def _is_signed(entity: Entity) -> bool:
    return entity.kind is Kind.MULTIPART and entity.media.subtype == b"signed"


def _pieces(
    message: bytes | mmap.mmap, entity: Entity, at: int, end: int, binary: Callable[[Entity], bool]
) -> Iterator[bytes]:
    """The octets from `at`, where the entity begins or what divides it from another, to `end`.

    What is `binary` is encoded, or holds what is.
    """
    if binary(entity):
        opaque = _is_opaque(entity)
        yield message[at : entity.start]
        header = message[entity.start : entity.body]
        yield _relabelled(header, b"base64" if opaque else b"8bit", whole=not entity.depth)
        at = entity.body
        if opaque:
            yield from _base64(message, entity.body, entity.end)
            at = entity.end
    for child in entity.children:
        yield from _pieces(message, child, at, child.end, binary)
        at = child.end
    for start in range(at, end, _BLOCK):
        yield message[start : min(start + _BLOCK, end)]


def _is_opaque(entity: Entity) -> bool:
    """Whether it may be encoded, by what it says it is, however it was read."""
    said = entity.fields.get(b"content-type")
    media = parse_content_type(said[0]) if said else None
    # RFC 2046 §5.2: other kinds of message/* may not be encoded either.
    composite = (b"message", b"multipart")
    return not entity.children and (media or (entity.media.maintype,))[0] not in composite


def _says_binary(entity: Entity) -> bool:
    return any(parse_token(value) == b"binary" for value in entity.fields.get(_ENCODING, ()))


def _relabelled(header: bytes, encoding: bytes, *, whole: bool) -> bytes:
    """The header with this encoding; that of a `whole` message says that it is MIME."""
    kept = []
    at = 0
    names = {b""}
    for name, raw in fields(header):
        at += len(raw)
        names.add(name.lower())
        if name.lower() == _ENCODING:
            raw = b"Content-Transfer-Encoding: %b\r\n" % encoding
        kept.append(raw)
    if _ENCODING not in names:
        # In front, so that no last line without an end gets a line too many.
        kept.insert(0, b"Content-Transfer-Encoding: %b\r\n" % encoding)
        if whole and b"mime-version" not in names:
            kept.insert(0, b"MIME-Version: 1.0\r\n")
    return b"".join([*kept, header[at:]])


def _base64(message: bytes | mmap.mmap, start: int, end: int) -> Iterator[bytes]:
    for at in range(start, end, _BLOCK):
        block = memoryview(message[at : min(at + _BLOCK, end)])
        lines = [block[line : line + _LINE] for line in range(0, len(block), _LINE)]
        yield b"".join([binascii.b2a_base64(line, newline=False) + b"\r\n" for line in lines])
