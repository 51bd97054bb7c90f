"""LIST with its extensions, and LSUB: the commands and their responses.

RFC 3501 §6.3.8 and §6.3.9, RFC 5258 (LIST-EXTENDED), RFC 5819 (LIST-STATUS), RFC 6154
(SPECIAL-USE), RFC 8440 (MYRIGHTS), RFC 9590 (METADATA).
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from imap.protocol.mailbox_name import SEPARATOR, mailbox_token
from imap.protocol.metadata import parse_entries
from imap.protocol.status import StatusItem, parse_status_items
from imap.protocol.tokens import Cursor

T = TypeVar("T")


class ListSelection(enum.Flag):
    """Which mailboxes are meant (RFC 5258 §3.1)."""

    NONE = 0
    SUBSCRIBED = enum.auto()
    REMOTE = enum.auto()
    RECURSIVEMATCH = enum.auto()
    SPECIAL_USE = enum.auto()


class ListReturn(enum.Flag):
    """What else is to be told of them (RFC 5258 §3.2)."""

    NONE = 0
    SUBSCRIBED = enum.auto()
    CHILDREN = enum.auto()
    SPECIAL_USE = enum.auto()
    MYRIGHTS = enum.auto()  # RFC 8440


@dataclass(slots=True)
class List:
    """LIST. `patterns` are decoded, not yet joined with `reference` (`list_pattern.ListPattern`).

    An empty pattern asks for the separator and the root of the reference (RFC 3501 §6.3.8).
    `extended` is True if any syntax of RFC 5258 was used: several patterns, selection or return
    options; then an empty pattern is not special (RFC 5258 §3). `status` are the items of RETURN
    (STATUS …), None without it; `metadata` are the entries of RETURN (METADATA …).
    """

    reference: str
    patterns: tuple[str, ...]
    selection: ListSelection = ListSelection.NONE
    returns: ListReturn = ListReturn.NONE
    status: tuple[StatusItem, ...] | None = None
    metadata: tuple[str, ...] = ()
    extended: bool = False


@dataclass(slots=True)
class Lsub:
    """LSUB"""

    reference: str
    pattern: str


_SELECTIONS = {
    b"SUBSCRIBED": ListSelection.SUBSCRIBED,
    b"REMOTE": ListSelection.REMOTE,
    b"RECURSIVEMATCH": ListSelection.RECURSIVEMATCH,
    b"SPECIAL-USE": ListSelection.SPECIAL_USE,
}
_RETURNS = {
    b"SUBSCRIBED": ListReturn.SUBSCRIBED,
    b"CHILDREN": ListReturn.CHILDREN,
    b"SPECIAL-USE": ListReturn.SPECIAL_USE,
    b"MYRIGHTS": ListReturn.MYRIGHTS,
}


# RFC 5258 §6: list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]
def parse_list(cursor: Cursor) -> List:
    cursor.space()
    start = cursor.position
    selection = ListSelection.NONE
    selected = cursor.at(b"(")
    if selected:
        selection = _parse_selection(cursor)
        cursor.space()
    reference = cursor.mailbox()
    cursor.space()
    # mbox-or-pat = list-mailbox / patterns;  patterns = "(" list-mailbox *(SP list-mailbox) ")"
    several = cursor.at(b"(")
    patterns = cursor.items(cursor.list_mailbox) if several else (cursor.list_mailbox(),)
    command = List(reference, patterns, selection, extended=selected or several)
    if cursor.more():
        command.extended = True
        _parse_returns(cursor, command)
    if ListSelection.RECURSIVEMATCH in selection and not (
        selection & (ListSelection.SUBSCRIBED | ListSelection.SPECIAL_USE)
    ):
        # RFC 5258 §3.1: RECURSIVEMATCH alone, or with REMOTE alone, is a BAD.
        raise cursor.fail("RECURSIVEMATCH needs another selection option", start)
    return command


# list-select-opts = "(" [list-select-option *(SP list-select-option)] ")"
def _parse_selection(cursor: Cursor) -> ListSelection:
    selection = ListSelection.NONE
    for option in cursor.items(lambda: _parse_option(cursor, _SELECTIONS), empty=True):
        selection |= option
    return selection


# list-return-opts = "RETURN" SP "(" [return-option *(SP return-option)] ")"
def _parse_returns(cursor: Cursor, command: List) -> None:
    start = cursor.position
    if cursor.word() != b"RETURN":
        raise cursor.fail("expected RETURN", start)
    cursor.space()
    cursor.items(lambda: _parse_return(cursor, command), empty=True)


# RFC 5819 §4: status-option = "STATUS" SP "(" status-att *(SP status-att) ")"
# RFC 9590 §4: return-option =/ "METADATA" SP entries
def _parse_return(cursor: Cursor, command: List) -> None:
    start = cursor.position
    option = cursor.word()
    if option == b"STATUS":
        cursor.space()
        command.status = parse_status_items(cursor)
    elif option == b"METADATA":
        cursor.space()
        command.metadata = parse_entries(cursor)
    else:
        cursor.position = start
        command.returns |= _parse_option(cursor, _RETURNS)


def _parse_option(cursor: Cursor, known: dict[bytes, T]) -> T:
    start = cursor.position
    option = known.get(cursor.word())
    if option is None:
        # RFC 5258 §3: an unrecognized option is answered with BAD.
        raise cursor.fail("unknown LIST option", start)
    return option


# lsub = "LSUB" SP mailbox SP list-mailbox
def parse_lsub(cursor: Cursor) -> Lsub:
    cursor.space()
    reference = cursor.mailbox()
    cursor.space()
    return Lsub(reference, cursor.list_mailbox())


# mailbox-list = "(" [mbx-list-flags] ")" SP (DQUOTE QUOTED-CHAR DQUOTE / nil) SP mailbox
#                [SP mbox-list-extended]
def encode_list(
    mailbox: str,
    attributes: Iterable[str] = (),
    *,
    child_info: Iterable[str] = (),
    utf8: bool = False,
) -> bytes:
    """`* LIST (\\HasNoChildren \\Drafts) "/" Drafts`.

    `child_info` are the selection options that a child matched, for RECURSIVEMATCH (RFC 5258
    §3.5): `("CHILDINFO" ("SUBSCRIBED"))`.
    """
    line = _encode(b"LIST", mailbox, attributes, utf8)
    options = " ".join(f'"{option}"' for option in child_info).encode("ascii")
    return b'%b ("CHILDINFO" (%b))\r\n' % (line, options) if options else line + b"\r\n"


def encode_lsub(mailbox: str, attributes: Iterable[str] = (), *, utf8: bool = False) -> bytes:
    """`* LSUB () "/" Sent`."""
    return _encode(b"LSUB", mailbox, attributes, utf8) + b"\r\n"


def encode_root(word: bytes = b"LIST") -> bytes:
    """`* LIST (\\Noselect) "/" ""`: the answer to an empty pattern (RFC 3501 §6.3.8)."""
    return b'* %b (\\Noselect) "%b" ""\r\n' % (word, SEPARATOR.encode("ascii"))


def _encode(word: bytes, mailbox: str, attributes: Iterable[str], utf8: bool) -> bytes:
    flags = " ".join(attributes).encode("ascii")
    name = mailbox_token(mailbox, utf8=utf8)
    return b'* %b (%b) "%b" %b' % (word, flags, SEPARATOR.encode("ascii"), name)
