"""From a frame to a command: one function, one table.

Any frame gives a `Request` or raises ParseError, which carries the tag if there was one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from imap.protocol.acl import (
    DeleteAcl,
    GetAcl,
    ListRights,
    MyRights,
    SetAcl,
    parse_deleteacl,
    parse_getacl,
    parse_listrights,
    parse_myrights,
    parse_setacl,
)
from imap.protocol.append import Append, parse_append
from imap.protocol.compression import Compress, parse_compress
from imap.protocol.context import CancelUpdate, parse_cancelupdate
from imap.protocol.copy import Copy, Move, parse_copy, parse_move
from imap.protocol.errors import ParseError
from imap.protocol.events import Frame
from imap.protocol.fetch import Fetch, parse_fetch
from imap.protocol.listing import List, Lsub, parse_list, parse_lsub
from imap.protocol.mailbox import (
    Create,
    Delete,
    Rename,
    Subscribe,
    Unsubscribe,
    parse_create,
    parse_delete,
    parse_rename,
    parse_subscribe,
    parse_unsubscribe,
)
from imap.protocol.metadata import (
    GetMetadata,
    SetMetadata,
    parse_getmetadata,
    parse_setmetadata,
)
from imap.protocol.multisearch import Esearch, parse_esearch
from imap.protocol.notify import Notify, parse_notify
from imap.protocol.quota import (
    GetQuota,
    GetQuotaRoot,
    SetQuota,
    parse_getquota,
    parse_getquotaroot,
    parse_setquota,
)
from imap.protocol.replace import Replace, parse_replace
from imap.protocol.search import Search, parse_search
from imap.protocol.select import (
    Check,
    Close,
    Expunge,
    Select,
    Unselect,
    parse_examine,
    parse_select,
    parse_uid_expunge,
)
from imap.protocol.session import (
    Authenticate,
    Capability,
    Enable,
    Id,
    Idle,
    Login,
    Logout,
    Namespace,
    Noop,
    StartTls,
    Unauthenticate,
    parse_authenticate,
    parse_enable,
    parse_id,
    parse_login,
)
from imap.protocol.sort import Sort, parse_sort
from imap.protocol.status import Status, parse_status
from imap.protocol.store import Store, parse_store
from imap.protocol.thread import Threading, parse_thread
from imap.protocol.tokens import NOTHING_SAID, Cursor

Command = (
    Append
    | Authenticate
    | CancelUpdate
    | Capability
    | Check
    | Close
    | Compress
    | Copy
    | Create
    | Delete
    | DeleteAcl
    | Enable
    | Esearch
    | Expunge
    | Fetch
    | GetAcl
    | GetMetadata
    | GetQuota
    | GetQuotaRoot
    | Id
    | Idle
    | List
    | ListRights
    | Login
    | Logout
    | Lsub
    | Move
    | MyRights
    | Namespace
    | Noop
    | Notify
    | Rename
    | Replace
    | Search
    | Select
    | Sort
    | SetAcl
    | SetMetadata
    | SetQuota
    | StartTls
    | Status
    | Store
    | Subscribe
    | Unauthenticate
    | Threading
    | Unselect
    | Unsubscribe
)


@dataclass(slots=True)
class Request:
    """A command with the tag that its answer has to carry.

    `said`: mailbox names of it that the client wrote in another form than Unicode's NFC, as it
    wrote them, by what they were made.
    """

    tag: bytes
    command: Command
    said: Mapping[str, str] = field(default_factory=lambda: NOTHING_SAID)


_BARE: dict[bytes, Callable[[], Command]] = {
    b"CAPABILITY": Capability,
    b"CHECK": Check,
    b"CLOSE": Close,
    b"EXPUNGE": Expunge,
    b"IDLE": Idle,
    b"LOGOUT": Logout,
    b"NAMESPACE": Namespace,
    b"NOOP": Noop,
    b"STARTTLS": StartTls,
    b"UNAUTHENTICATE": Unauthenticate,
    b"UNSELECT": Unselect,
}
_PARSERS: dict[bytes, Callable[[Cursor], Command]] = {
    b"APPEND": parse_append,
    b"AUTHENTICATE": parse_authenticate,
    b"CANCELUPDATE": parse_cancelupdate,
    b"COMPRESS": parse_compress,
    b"CREATE": parse_create,
    b"DELETE": parse_delete,
    b"DELETEACL": parse_deleteacl,
    b"ENABLE": parse_enable,
    b"ESEARCH": parse_esearch,
    b"EXAMINE": parse_examine,
    b"GETACL": parse_getacl,
    b"GETMETADATA": parse_getmetadata,
    b"GETQUOTA": parse_getquota,
    b"GETQUOTAROOT": parse_getquotaroot,
    b"ID": parse_id,
    b"LIST": parse_list,
    b"LISTRIGHTS": parse_listrights,
    b"LOGIN": parse_login,
    b"LSUB": parse_lsub,
    b"MYRIGHTS": parse_myrights,
    b"NOTIFY": parse_notify,
    b"RENAME": parse_rename,
    b"SELECT": parse_select,
    b"SETACL": parse_setacl,
    b"SETMETADATA": parse_setmetadata,
    b"SETQUOTA": parse_setquota,
    b"STATUS": parse_status,
    b"SUBSCRIBE": parse_subscribe,
    b"UNSUBSCRIBE": parse_unsubscribe,
}
# The second argument is True behind UID.
_BY_NUMBER: dict[bytes, Callable[[Cursor, bool], Command]] = {
    b"COPY": parse_copy,
    b"FETCH": parse_fetch,
    b"MOVE": parse_move,
    b"REPLACE": parse_replace,
    b"SEARCH": parse_search,
    b"SORT": parse_sort,
    b"STORE": parse_store,
    b"THREAD": parse_thread,
}
# uid = "UID" SP (copy / fetch / search / store), RFC 6851 §5: / move, RFC 4315 §4: / expunge,
#       RFC 5256 §5: / sort / thread, RFC 8508 §5: / replace
_BY_UID = {**_BY_NUMBER, b"EXPUNGE": parse_uid_expunge}


# command = tag SP (command-any / command-auth / command-nonauth / command-select) CRLF
def parse_command(frame: Frame, *, utf8: bool = False) -> Request:
    """The command in a frame, whatever state the session is in. Raises ParseError.

    `utf8`: the client has enabled UTF8=ACCEPT or IMAP4rev2, its mailbox names are UTF-8.
    """
    cursor = Cursor(frame, utf8=utf8)
    tag = None
    try:
        tag = cursor.tag()
        cursor.space()
        command = _parse_verb(cursor)
        cursor.end()
    except ParseError as error:
        error.tag = tag
        raise
    return Request(tag, command, cursor.said)


def _parse_verb(cursor: Cursor) -> Command:
    start = cursor.position
    verb = cursor.atom().upper()
    by_number = _BY_NUMBER.get(verb)
    if by_number is not None:
        return by_number(cursor, False)
    if verb == b"UID":
        cursor.space()
        start = cursor.position
        by_uid = _BY_UID.get(cursor.atom().upper())
        if by_uid is not None:
            return by_uid(cursor, True)
        raise cursor.fail("unknown UID command", start)
    parse = _PARSERS.get(verb)
    if parse is not None:
        return parse(cursor)
    bare = _BARE.get(verb)
    if bare is not None:
        return bare()
    raise cursor.fail("unknown command", start)
