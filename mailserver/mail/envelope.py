"""The IMAP ENVELOPE of a message, ready for the wire (RFC 3501 §7.4.2)."""

from __future__ import annotations

from mailserver.mail.address_list import parse_address_list
from mailserver.mail.media import FieldValues
from mailserver.mail.nstring import NIL, nstring


def envelope(fields: FieldValues) -> bytes:
    """The parenthesised list of a header's unfolded fields by lower-case name.

    Of a field that came more than once the first counts; address fields are read as one list.
    """
    from_wire = _addresses(fields, b"from")
    sender_wire = _addresses(fields, b"sender")
    reply_wire = _addresses(fields, b"reply-to")
    # RFC 3501 §7.4.2: absent or empty Sender and Reply-To are set to From by the server
    return b"(%b %b %b %b %b %b %b %b %b %b)" % (
        _text(fields, b"date"),
        _text(fields, b"subject"),
        from_wire,
        from_wire if sender_wire == NIL else sender_wire,
        from_wire if reply_wire == NIL else reply_wire,
        _addresses(fields, b"to"),
        _addresses(fields, b"cc"),
        _addresses(fields, b"bcc"),
        _text(fields, b"in-reply-to"),
        _text(fields, b"message-id"),
    )


def _text(fields: FieldValues, name: bytes) -> bytes:
    # RFC 3501 §7.4.2: NIL where the header line is absent, an empty string where it is empty
    values = fields.get(name)
    return NIL if values is None else nstring(values[0])


def _addresses(fields: FieldValues, name: bytes) -> bytes:
    values = fields.get(name)
    if values is None:
        return NIL
    rows = parse_address_list(values[0] if len(values) == 1 else b", ".join(values))
    if not rows:
        return NIL
    wire = [b"(%b %b %b %b)" % tuple(map(nstring, row)) for row in rows]
    return b"(%b)" % b"".join(wire)
