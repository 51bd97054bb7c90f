"""What the doors read in the header of a message: trace fields, who it says it is from.

Invariants: pure; never raises on any bytes; linear in the header, of which no more than
`MAX_HEADER` octets are looked at: a message may be one header from its beginning to its end.
"""

from dataclasses import dataclass, field

from mailserver.mail.address_list import parse_address_list
from mailserver.mail.addresses import Address, AddressError, parse_address
from mailserver.mail.headers import end_of_header, values
from mailserver.mail.structure import MAX_HEADER
from mailserver.objects import Content

_DECIDING = frozenset((b"received", b"delivered-to", b"from", b"sender"))


@dataclass(slots=True)
class Header:
    """The header, and what of it decides."""

    raw: bytes
    hops: int = 0  # Received fields
    delivered_to: list[bytes] = field(default_factory=list)
    authors: list[bytes] = field(default_factory=list)  # bodies of the From fields
    senders: list[bytes] = field(default_factory=list)  # of the Sender fields


def read_header(content: Content) -> Header:
    """Look at each field once."""
    raw = content[: min(end_of_header(content), MAX_HEADER)]
    bodies, _ = values(raw, _DECIDING)
    return Header(
        raw,
        hops=len(bodies.get(b"received", ())),
        delivered_to=bodies.get(b"delivered-to", []),
        authors=bodies.get(b"from", []),
        senders=bodies.get(b"sender", []),
    )


def addresses(bodies: list[bytes]) -> list[Address] | None:
    """The addresses of fields with these bodies; None if one cannot be read as an address."""
    found = []
    for value in bodies:
        for row in parse_address_list(value):
            if row.host is None:  # the marks of a group
                continue
            try:
                author = Address((row.mailbox or b"").decode(), row.host.decode())
                author.key  # noqa: B018 (raises)
            except (UnicodeDecodeError, AddressError):
                return None
            found.append(author)
    return found


def names_any(bodies: list[bytes], keys: set[str]) -> bool:
    """True when one of the field bodies is an address with one of these keys."""
    for value in bodies:
        try:
            if parse_address(value.strip(b"<> \t"), smtputf8=True).key in keys:
                return True
        except AddressError:
            continue
    return False
