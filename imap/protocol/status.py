"""STATUS (RFC 3501 §6.3.10), the command and its response."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from imap.protocol.mailbox_name import mailbox_token
from imap.protocol.tokens import Cursor


class StatusItem(enum.Enum):
    """What may be asked of a mailbox; the value is its name on the wire, both ways."""

    MESSAGES = b"MESSAGES"
    RECENT = b"RECENT"
    UIDNEXT = b"UIDNEXT"
    UIDVALIDITY = b"UIDVALIDITY"
    UNSEEN = b"UNSEEN"
    HIGHESTMODSEQ = b"HIGHESTMODSEQ"  # RFC 7162 §3.1.7
    APPENDLIMIT = b"APPENDLIMIT"  # RFC 7889 §4
    SIZE = b"SIZE"  # RFC 8438 §3
    DELETED = b"DELETED"  # RFC 9051 §6.3.11, RFC 9208 §4.1.4
    DELETED_STORAGE = b"DELETED-STORAGE"  # RFC 9208 §4.1.4
    MAILBOXID = b"MAILBOXID"  # RFC 8474 §4.3


@dataclass(slots=True)
class Status:
    """STATUS"""

    mailbox: str
    items: tuple[StatusItem, ...]


_ITEMS = {item.value: item for item in StatusItem}


# status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")"
def parse_status(cursor: Cursor) -> Status:
    cursor.space()
    mailbox = cursor.mailbox()
    cursor.space()
    return Status(mailbox, parse_status_items(cursor))


def parse_status_items(cursor: Cursor) -> tuple[StatusItem, ...]:
    """ "(" status-att *(SP status-att) ")", also in LIST … RETURN (STATUS …) (RFC 5819)."""
    return cursor.items(lambda: _parse_item(cursor))


# status-att = "MESSAGES" / "RECENT" / "UIDNEXT" / "UIDVALIDITY" / "UNSEEN" / "HIGHESTMODSEQ"
def _parse_item(cursor: Cursor) -> StatusItem:
    start = cursor.position
    item = _ITEMS.get(cursor.word())
    if item is None:
        raise cursor.fail("unknown STATUS item", start)
    return item


# mailbox-data =/ "STATUS" SP mailbox SP "(" [status-att-list] ")"
def encode_status(
    mailbox: str, values: Iterable[tuple[StatusItem, int | bytes]], *, utf8: bool = False
) -> bytes:
    """`* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)`; values that are bytes are ready-made."""
    pairs = b" ".join(
        b"%b %b" % (item.value, value if isinstance(value, bytes) else b"%d" % value)
        for item, value in values
    )
    return b"* STATUS %b (%b)\r\n" % (mailbox_token(mailbox, utf8=utf8), pairs)
