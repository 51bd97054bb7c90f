"""The IMAP ENVELOPE of a message, ready for the wire (RFC 3501 §7.4.2)."""

from __future__ import annotations

from dataclasses import dataclass

from mailserver.mail.address_list import EnvelopeAddress, parse_address_list
from mailserver.mail.media import FieldValues
from mailserver.mail.nstring import NIL, nstring


@dataclass(slots=True)
class Envelope:
    """`wire` is the parenthesised list; the rows are what SORT and SEARCH keys come from."""

    wire: bytes
    from_: list[EnvelopeAddress]
    to: list[EnvelopeAddress]
    cc: list[EnvelopeAddress]


def envelope(fields: FieldValues) -> Envelope:
    """The envelope of a header's unfolded fields by lower-case name.

    Of a field that came more than once the first counts; address fields are read as one list.
    """
    from_, from_wire = _addresses(fields, b"from")
    to, to_wire = _addresses(fields, b"to")
    cc, cc_wire = _addresses(fields, b"cc")
    _, sender_wire = _addresses(fields, b"sender")
    _, reply_wire = _addresses(fields, b"reply-to")
    _, bcc_wire = _addresses(fields, b"bcc")
    # RFC 3501 §7.4.2: absent or empty Sender and Reply-To are set to From by the server
    wire = b"(%b %b %b %b %b %b %b %b %b %b)" % (
        _text(fields, b"date"),
        _text(fields, b"subject"),
        from_wire,
        from_wire if sender_wire == NIL else sender_wire,
        from_wire if reply_wire == NIL else reply_wire,
        to_wire,
        cc_wire,
        bcc_wire,
        _text(fields, b"in-reply-to"),
        _text(fields, b"message-id"),
    )
    return Envelope(wire, from_, to, cc)


def _text(fields: FieldValues, name: bytes) -> bytes:
    # RFC 3501 §7.4.2: NIL where the header line is absent, an empty string where it is empty
    values = fields.get(name)
    return NIL if values is None else nstring(values[0])


def _addresses(fields: FieldValues, name: bytes) -> tuple[list[EnvelopeAddress], bytes]:
    values = fields.get(name)
    if values is None:
        return [], NIL
    rows = parse_address_list(values[0] if len(values) == 1 else b", ".join(values))
    if not rows:
        return [], NIL
    wire = [b"(%b %b %b %b)" % tuple(map(nstring, row)) for row in rows]
    return rows, b"(%b)" % b"".join(wire)
