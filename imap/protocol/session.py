"""The commands about the connection itself: RFC 3501 §6.1 and §6.2, ENABLE, ID, IDLE, NAMESPACE.

Values that hold a password do not show it when printed.
"""

import binascii
from dataclasses import dataclass, field

from imap.protocol.errors import ParseError
from imap.protocol.strings import nstring, quoted
from imap.protocol.tokens import Cursor

# RFC 2971 §3.3
_MAX_ID_FIELDS = 30
_MAX_ID_NAME = 30
_MAX_ID_VALUE = 1024


@dataclass(slots=True)
class Capability:
    """CAPABILITY"""


@dataclass(slots=True)
class Noop:
    """NOOP"""


@dataclass(slots=True)
class Logout:
    """LOGOUT"""


@dataclass(slots=True)
class StartTls:
    """STARTTLS: what is buffered behind it is thrown away (`Framer.take_buffered`)."""


@dataclass(slots=True)
class Authenticate:
    """AUTHENTICATE; `initial_response` decoded (RFC 4959), None if the client sent none."""

    mechanism: str
    initial_response: bytes | None = field(default=None, repr=False)


@dataclass(slots=True)
class Login:
    """LOGIN: bytes as the client sent them, UTF-8 from most."""

    user: bytes
    password: bytes = field(repr=False)


@dataclass(slots=True)
class Unauthenticate:
    """UNAUTHENTICATE (RFC 8437)"""


@dataclass(slots=True)
class Enable:
    """ENABLE (RFC 5161); names in upper case, unknown ones are to be ignored."""

    capabilities: tuple[str, ...]


@dataclass(slots=True)
class Id:
    """ID (RFC 2971): the client's fields in its order, names in lower case; empty for NIL."""

    fields: tuple[tuple[bytes, bytes | None], ...]


@dataclass(slots=True)
class Namespace:
    """NAMESPACE (RFC 2342)"""


@dataclass(slots=True)
class Idle:
    """IDLE (RFC 2177): ends with a line for which `is_done` is true."""


# authenticate = "AUTHENTICATE" SP auth-type [SP initial-resp] *(CRLF base64)
# RFC 4959 §7: initial-resp = (base64 / "=")
def parse_authenticate(cursor: Cursor) -> Authenticate:
    cursor.space()
    mechanism = cursor.atom().decode("ascii").upper()
    if not cursor.more():
        return Authenticate(mechanism)
    start = cursor.position
    # RFC 4959 §3: "=" is an initial response of no bytes.
    response = cursor.atom()
    try:
        return Authenticate(mechanism, b"" if response == b"=" else decode_base64(response))
    except ParseError as error:
        raise error.moved(start) from None


def parse_authenticate_response(line: bytes) -> bytes | None:
    """What the client answers to a challenge, decoded; None if it cancels with `*`.

    Raises ParseError: the exchange then ends with BAD (RFC 3501 §6.2.2).
    """
    line = line.rstrip(b" ")
    return None if line == b"*" else decode_base64(line)


# base64 = *(4base64-char) [base64-terminal]
def decode_base64(text: bytes) -> bytes:
    """Strict base64, padding and all. Raises ParseError."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        raise ParseError(0, "invalid base64") from None


# login = "LOGIN" SP userid SP password;  userid = astring;  password = astring
def parse_login(cursor: Cursor) -> Login:
    cursor.space()
    user = cursor.astring()
    cursor.space()
    return Login(user, cursor.astring())


# RFC 5161 §4: enable = "ENABLE" 1*(SP capability);  capability = atom
def parse_enable(cursor: Cursor) -> Enable:
    cursor.space()
    names = [cursor.atom()]
    while cursor.more():
        names.append(cursor.atom())
    return Enable(tuple(name.decode("ascii").upper() for name in names))


# RFC 2971 §4: id = "ID" SP id-params-list
# id-params-list = "(" #(string SP nstring) ")" / nil
def parse_id(cursor: Cursor) -> Id:
    cursor.space()
    start = cursor.position
    if not cursor.at(b"("):
        if cursor.nstring() is not None:
            raise cursor.fail("expected a list or NIL", start)
        return Id(())
    fields = cursor.items(lambda: _parse_id_field(cursor), empty=True)
    if len(fields) > _MAX_ID_FIELDS:
        raise cursor.fail("too many ID fields", start)
    return Id(fields)


def _parse_id_field(cursor: Cursor) -> tuple[bytes, bytes | None]:
    start = cursor.position
    name = cursor.string().lower()
    cursor.space()
    value = cursor.nstring()
    if len(name) > _MAX_ID_NAME or len(value or b"") > _MAX_ID_VALUE:
        raise cursor.fail("ID field is too long", start)
    return name, value


def is_done(line: bytes) -> bool:
    """True for the line that ends IDLE (RFC 2177 §4: "DONE", in any case)."""
    return line.rstrip(b" ").upper() == b"DONE"


# RFC 2971 §4: id-response = "ID" SP id-params-list
def encode_id(fields: dict[str, str | None]) -> bytes:
    """`* ID ("name" "mailserver")`."""
    pairs = (
        b"%b %b" % (quoted(name.encode()), nstring(None if value is None else value.encode()))
        for name, value in fields.items()
    )
    return b"* ID (%b)\r\n" % b" ".join(pairs) if fields else b"* ID NIL\r\n"
