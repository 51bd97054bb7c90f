"""What an entity's Content-* fields say, read once: its type, how to decode it, how IMAP shows it.

Invariants: never raises; a `Media` is shared between messages and must not be changed.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from mailserver.mail.nstring import NIL, nstring, string
from mailserver.mail.parameters import (
    Parameters,
    join_continuations,
    parameter,
    parse_content_type,
    parse_disposition,
    parse_token,
)
from mailserver.mail.parts import Encoding

# Unfolded field bodies by lower-case name, in order of appearance.
FieldValues = dict[bytes, list[bytes]]
MediaType = tuple[bytes, bytes, Parameters]

# RFC 2045 §5.2: the default, also for what cannot be read
PLAIN: MediaType = (b"text", b"plain", [])
# RFC 2046 §5.1.5: the default inside multipart/digest
MESSAGE: MediaType = (b"message", b"rfc822", [])
OPAQUE: MediaType = (b"application", b"octet-stream", [])

# Entities that have no others of the fields that are read here are mostly alike.
_RARE = frozenset(
    b"content-id content-description content-md5 content-disposition content-language "
    b"content-location".split()
)
_SHORT = 80  # octets of a Content-Type that may repeat; boundaries and file names make it longer

_DEFAULT_CHARSET = (b"charset", b"us-ascii")
_ENCODINGS = {
    b"7bit": Encoding.IDENTITY,
    b"8bit": Encoding.IDENTITY,
    b"binary": Encoding.IDENTITY,
    b"quoted-printable": Encoding.QUOTED_PRINTABLE,
    b"base64": Encoding.BASE64,
}


@dataclass(slots=True)
class Media:
    """Types in lower case. `basic` and `extension` are IMAP wire format (RFC 3501 §9).

    Of a multipart `basic` is its subtype and `extension` is body-ext-mpart; of others they are
    body-fields up to the encoding and body-ext-1part. `extension` begins with its space.
    """

    maintype: bytes
    subtype: bytes
    parameters: Parameters
    encoding: Encoding
    name: str  # "text/plain"
    charset: str  # lower case, "" if none is named
    basic: bytes
    extension: bytes


def read_media(
    fields: FieldValues, *, default: MediaType = PLAIN, forced: MediaType | None = None
) -> Media:
    """The media of an entity's fields; `default` where Content-Type is absent.

    `forced` is taken for its type instead, whatever Content-Type says.
    """
    if forced is None and default is PLAIN and _RARE.isdisjoint(fields):
        kind, encoding = fields.get(b"content-type"), fields.get(b"content-transfer-encoding")
        if kind is None or len(kind[0]) <= _SHORT:
            return _common(kind[0] if kind else None, encoding[0] if encoding else None)
    return _read(fields, default, forced)


@functools.lru_cache(maxsize=512)
def _common(kind: bytes | None, encoding: bytes | None) -> Media:
    fields = {b"content-type": kind, b"content-transfer-encoding": encoding}
    return _read({name: [value] for name, value in fields.items() if value is not None}, PLAIN)


def _read(fields: FieldValues, default: MediaType, forced: MediaType | None = None) -> Media:
    maintype, subtype, parameters = forced or _media_type(fields, default)
    charset = parameter(parameters, b"charset") or b""
    token = _first_token(fields, b"content-transfer-encoding") or b"7bit"  # RFC 2045 §6.1
    if maintype == b"multipart":
        basic = string(subtype)
        extension = b" " + _parameters(parameters) + _extension(fields)
    else:
        shown = parameters
        if maintype == b"text" and not charset:
            shown = [*(pair for pair in parameters if pair[0] != b"charset"), _DEFAULT_CHARSET]
        basic = b"%b %b %b %b %b %b" % (
            string(maintype),
            string(subtype),
            _parameters(shown),
            _text(fields, b"content-id"),
            _text(fields, b"content-description"),
            string(token),
        )
        extension = b" " + _text(fields, b"content-md5") + _extension(fields)
    return Media(
        maintype,
        subtype,
        parameters,
        _ENCODINGS.get(token, Encoding.UNKNOWN),
        f"{_ascii(maintype)}/{_ascii(subtype)}",
        _ascii(charset.lower()),
        basic,
        extension,
    )


def _media_type(fields: FieldValues, default: MediaType) -> MediaType:
    values = fields.get(b"content-type")
    return default if values is None else parse_content_type(values[0]) or PLAIN


def _first_token(fields: FieldValues, name: bytes) -> bytes:
    values = fields.get(name)
    return b"" if values is None else parse_token(values[0])


def _ascii(raw: bytes) -> str:
    return raw.decode("ascii", "replace").replace("\ufffd", "?")


def _text(fields: FieldValues, name: bytes) -> bytes:
    values = fields.get(name)
    return NIL if values is None else nstring(values[0])


def _parameters(parameters: Parameters) -> bytes:
    if not parameters:
        return NIL
    joined = join_continuations(parameters)
    return b"(%b)" % b" ".join([string(name) + b" " + string(value) for name, value in joined])


def _extension(fields: FieldValues) -> bytes:
    """SP body-fld-dsp SP body-fld-lang SP body-fld-loc, common to both kinds."""
    disposition = fields.get(b"content-disposition")
    language = fields.get(b"content-language")
    if disposition is None and language is None and b"content-location" not in fields:
        return b" NIL NIL NIL"
    return b" %b %b %b" % (
        NIL if disposition is None else _disposition(disposition[0]),
        NIL if language is None else _language(language[0]),
        _text(fields, b"content-location"),
    )


def _disposition(value: bytes) -> bytes:
    kind, parameters = parse_disposition(value)
    return b"(%b %b)" % (string(kind), _parameters(parameters))


def _language(value: bytes) -> bytes:
    """body-fld-lang = nstring / "(" string *(SP string) ")"; RFC 3282 divides tags by commas."""
    tags = [tag for tag in (part.strip() for part in value.split(b",")) if tag]
    if len(tags) < 2:
        return nstring(tags[0] if tags else None)
    return b"(%b)" % b" ".join([string(tag) for tag in tags])
