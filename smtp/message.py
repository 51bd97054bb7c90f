"""What the doors read in the header of a message: trace fields, who it says it is from.

Invariants: pure; never raises on any bytes; linear in the header, of which no more than
`MAX_HEADER` octets are looked at: a message may be one header from its beginning to its end.
"""

from dataclasses import dataclass, field

from mailserver.mail.address_list import parse_address_list
from mailserver.mail.addresses import Address, AddressError, parse_address
from mailserver.mail.headers import end_of_header, field_value, fields
from mailserver.mail.structure import MAX_HEADER
from mailserver.objects import Content


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
    header = Header(content[: min(end_of_header(content), MAX_HEADER)])
    for name, raw in fields(header.raw):
        match name.lower():
            case b"received":
                header.hops += 1
            case b"delivered-to":
                header.delivered_to.append(field_value(raw))
            case b"from":
                header.authors.append(field_value(raw))
            case b"sender":
                header.senders.append(field_value(raw))
    return header


def addresses(values: list[bytes]) -> list[Address] | None:
    """The addresses of fields with these bodies; None if one cannot be read as an address."""
    found = []
    for value in values:
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


def names_any(values: list[bytes], keys: set[str]) -> bool:
    """True when one of the field bodies is an address with one of these keys."""
    for value in values:
        try:
            if parse_address(value.strip(b"<> \t"), smtputf8=True).key in keys:
                return True
        except AddressError:
            continue
    return False
