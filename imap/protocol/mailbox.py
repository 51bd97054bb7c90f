"""CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 3501 §6.3.3 to §6.3.7)."""

from dataclasses import dataclass

from imap.protocol.mailbox_name import SEPARATOR
from imap.protocol.tokens import Cursor

# RFC 6154 §2, RFC 8457 §4
SPECIAL_USES = (
    *("\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Important", "\\Junk", "\\Sent"),
    "\\Trash",
)
SPELLING = {use.upper(): use for use in SPECIAL_USES}


@dataclass(slots=True)
class Create:
    """CREATE of a name, without the separator that may end it.

    `special_use` are attributes asked for with USE (RFC 6154 §3): those of SPECIAL_USES are
    spelled as there; for one the server does not know it answers NO [USEATTR].
    """

    mailbox: str
    special_use: tuple[str, ...] = ()


@dataclass(slots=True)
class Delete:
    """DELETE"""

    mailbox: str


@dataclass(slots=True)
class Rename:
    """RENAME; of INBOX, it moves its messages (RFC 3501 §6.3.5)."""

    mailbox: str
    new_name: str


@dataclass(slots=True)
class Subscribe:
    """SUBSCRIBE: the name need not exist (RFC 3501 §6.3.6)."""

    mailbox: str


@dataclass(slots=True)
class Unsubscribe:
    """UNSUBSCRIBE"""

    mailbox: str


# create = "CREATE" SP mailbox [create-params];  RFC 4466 §6.1: create-params = SP "(" … ")"
def parse_create(cursor: Cursor) -> Create:
    name = _parse_mailbox(cursor)
    # RFC 3501 §6.3.3: a separator at the end says that names under this one will follow.
    name = name.removesuffix(SEPARATOR) or name
    if not cursor.more():
        return Create(name)
    # RFC 6154 §6: create-param =/ "USE" SP "(" [use-attr *(SP use-attr)] ")"
    cursor.expect(b"(")
    start = cursor.position
    if cursor.word() != b"USE":
        raise cursor.fail("unknown CREATE parameter", start)
    cursor.space()
    uses = cursor.items(lambda: _parse_use(cursor), empty=True)
    cursor.expect(b")")
    return Create(name, uses)


# use-attr = "\All" / "\Archive" / … / use-attr-ext;  use-attr-ext = "\" atom
def _parse_use(cursor: Cursor) -> str:
    cursor.expect(b"\\")
    use = "\\" + cursor.atom().decode("ascii")
    return SPELLING.get(use.upper(), use)


# delete = "DELETE" SP mailbox
def parse_delete(cursor: Cursor) -> Delete:
    return Delete(_parse_mailbox(cursor))


# rename = "RENAME" SP mailbox SP mailbox
def parse_rename(cursor: Cursor) -> Rename:
    name = _parse_mailbox(cursor)
    new_name = _parse_mailbox(cursor)
    # As in CREATE: RENAME makes the new name's superiors (RFC 3501 §6.3.5).
    return Rename(name, new_name.removesuffix(SEPARATOR) or new_name)


# subscribe = "SUBSCRIBE" SP mailbox
def parse_subscribe(cursor: Cursor) -> Subscribe:
    return Subscribe(_parse_mailbox(cursor))


# unsubscribe = "UNSUBSCRIBE" SP mailbox
def parse_unsubscribe(cursor: Cursor) -> Unsubscribe:
    return Unsubscribe(_parse_mailbox(cursor))


def _parse_mailbox(cursor: Cursor) -> str:
    cursor.space()
    return cursor.mailbox()
