"""Access control: SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS (RFC 4314), with responses."""

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass

from imap.protocol.mailbox_name import mailbox_token
from imap.protocol.strings import astring
from imap.protocol.tokens import Cursor

_LONGEST_IDENTIFIER = 1000  # bytes; addresses are shorter
_RIGHTS = re.compile(r"[a-z0-9]*")


class AclMode(enum.Enum):
    """What SETACL does with the rights it names (RFC 4314 §3.1)."""

    ADD = "+"
    REMOVE = "-"
    REPLACE = ""


@dataclass(slots=True)
class Identifier:
    """Whom an entry is about; `negative`: it takes rights away."""

    name: str
    negative: bool = False

    def __str__(self) -> str:
        return f"-{self.name}" if self.negative else self.name


@dataclass(slots=True)
class SetAcl:
    """SETACL; `rights` are letters as the client gave them."""

    mailbox: str
    identifier: Identifier
    mode: AclMode
    rights: str


@dataclass(slots=True)
class DeleteAcl:
    """DELETEACL"""

    mailbox: str
    identifier: Identifier


@dataclass(slots=True)
class GetAcl:
    """GETACL"""

    mailbox: str


@dataclass(slots=True)
class ListRights:
    """LISTRIGHTS"""

    mailbox: str
    identifier: Identifier


@dataclass(slots=True)
class MyRights:
    """MYRIGHTS"""

    mailbox: str


# RFC 4314 §7: setacl = "SETACL" SP mailbox SP identifier SP mod-rights
# mod-rights = astring; "+" or "-" before the rights
def parse_setacl(cursor: Cursor) -> SetAcl:
    mailbox = _parse_mailbox(cursor)
    identifier = _parse_identifier(cursor)
    cursor.space()
    start = cursor.position
    text = cursor.astring().decode("latin-1")
    mode = AclMode(text[0]) if text[:1] in ("+", "-") else AclMode.REPLACE
    rights = text[len(mode.value) :]
    if not _RIGHTS.fullmatch(rights):
        # RFC 4314 §7: rights = 1*right-char;  right-char = LOWER-ALPHA / DIGIT
        raise cursor.fail("rights are small letters", start)
    return SetAcl(mailbox, identifier, mode, rights)


# deleteacl = "DELETEACL" SP mailbox SP identifier
def parse_deleteacl(cursor: Cursor) -> DeleteAcl:
    mailbox = _parse_mailbox(cursor)
    return DeleteAcl(mailbox, _parse_identifier(cursor))


# getacl = "GETACL" SP mailbox
def parse_getacl(cursor: Cursor) -> GetAcl:
    return GetAcl(_parse_mailbox(cursor))


# listrights = "LISTRIGHTS" SP mailbox SP identifier
def parse_listrights(cursor: Cursor) -> ListRights:
    mailbox = _parse_mailbox(cursor)
    return ListRights(mailbox, _parse_identifier(cursor))


# myrights = "MYRIGHTS" SP mailbox
def parse_myrights(cursor: Cursor) -> MyRights:
    return MyRights(_parse_mailbox(cursor))


def _parse_mailbox(cursor: Cursor) -> str:
    cursor.space()
    return cursor.mailbox()


# identifier = astring
def _parse_identifier(cursor: Cursor) -> Identifier:
    cursor.space()
    start = cursor.position
    value = cursor.astring()
    try:
        name = value.decode()
    except UnicodeDecodeError:
        raise cursor.fail("an identifier is UTF-8", start) from None
    if len(value) > _LONGEST_IDENTIFIER or not name.isprintable():
        raise cursor.fail("this is no identifier", start)
    # RFC 4314 §2: an identifier that begins with "-" takes rights away.
    negative = name.startswith("-")
    return Identifier(name[negative:], negative)


# acl-data = "ACL" SP mailbox *(SP identifier SP rights)
def encode_acl(
    mailbox: str, entries: Iterable[tuple[Identifier, str]], *, utf8: bool = False
) -> bytes:
    """`* ACL INBOX ann@example.net lrswi -anyone w`."""
    words = [mailbox_token(mailbox, utf8=utf8)]
    for identifier, rights in entries:
        words += (_identifier(identifier), _rights(rights))
    return b"* ACL %b\r\n" % b" ".join(words)


# listrights-data = "LISTRIGHTS" SP mailbox SP identifier SP rights *(SP rights)
def encode_listrights(
    mailbox: str,
    identifier: Identifier,
    required: str,
    optional: Iterable[str],
    *,
    utf8: bool = False,
) -> bytes:
    """`* LISTRIGHTS ~/Mail/saved smith la r swicdkxte`: always there, then what goes together."""
    words = [mailbox_token(mailbox, utf8=utf8), _identifier(identifier)]
    words += map(_rights, (required, *optional))
    return b"* LISTRIGHTS %b\r\n" % b" ".join(words)


# myrights-data = "MYRIGHTS" SP mailbox SP rights
def encode_myrights(mailbox: str, rights: str, *, utf8: bool = False) -> bytes:
    """`* MYRIGHTS INBOX rwiptsldaex`."""
    return b"* MYRIGHTS %b %b\r\n" % (mailbox_token(mailbox, utf8=utf8), _rights(rights))


def _identifier(identifier: Identifier) -> bytes:
    return astring(str(identifier).encode())


def _rights(rights: str) -> bytes:
    # Rights are an astring: none of them is an empty string.
    return astring(rights.encode("ascii"))
