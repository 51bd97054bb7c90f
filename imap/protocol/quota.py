"""GETQUOTA, GETQUOTAROOT, SETQUOTA and their responses (RFC 9208; RFC 2087 understands them)."""

from collections.abc import Iterable
from dataclasses import dataclass

from imap.protocol.errors import ParseError
from imap.protocol.mailbox_name import mailbox_token
from imap.protocol.strings import astring
from imap.protocol.tokens import Cursor

STORAGE = "STORAGE"  # RFC 9208 §5.1: units of 1,024 octets
MESSAGE = "MESSAGE"  # RFC 9208 §5.2


@dataclass(slots=True)
class GetQuota:
    """GETQUOTA of a quota root."""

    root: str


@dataclass(slots=True)
class GetQuotaRoot:
    """GETQUOTAROOT of a mailbox."""

    mailbox: str


@dataclass(slots=True)
class SetQuota:
    """SETQUOTA: limits by the resource's name in upper case; whatever is not named has none."""

    root: str
    limits: dict[str, int]


@dataclass(slots=True)
class Usage:
    """One resource of a quota root, in the resource's own units."""

    resource: str
    used: int
    limit: int


# RFC 9208 §7: getquota = "GETQUOTA" SP quota-root-name
def parse_getquota(cursor: Cursor) -> GetQuota:
    cursor.space()
    return GetQuota(_parse_root(cursor))


# RFC 9208 §7: getquotaroot = "GETQUOTAROOT" SP mailbox
def parse_getquotaroot(cursor: Cursor) -> GetQuotaRoot:
    cursor.space()
    return GetQuotaRoot(cursor.mailbox())


# RFC 9208 §7: setquota = "SETQUOTA" SP quota-root-name SP setquota-list
# setquota-list = "(" [setquota-resource *(SP setquota-resource)] ")"
def parse_setquota(cursor: Cursor) -> SetQuota:
    cursor.space()
    root = _parse_root(cursor)
    cursor.space()
    start = cursor.position
    limits = cursor.items(lambda: _parse_limit(cursor), empty=True)
    if len(dict(limits)) < len(limits):
        raise cursor.fail("a resource is named twice", start)
    return SetQuota(root, dict(limits))


# quota-root-name = astring
def _parse_root(cursor: Cursor) -> str:
    start = cursor.position
    try:
        return cursor.astring().decode()
    except UnicodeDecodeError:
        raise ParseError(start, "a quota root is UTF-8") from None


# setquota-resource = resource-name SP resource-limit;  resource-limit = number64
def _parse_limit(cursor: Cursor) -> tuple[str, int]:
    resource = cursor.atom().decode("ascii").upper()
    cursor.space()
    return resource, cursor.number64()


# quota-response = "QUOTA" SP quota-root-name SP quota-list
# quota-resource = resource-name SP resource-usage SP resource-limit
def encode_quota(root: str, usages: Iterable[Usage]) -> bytes:
    """`* QUOTA ann@example.net (STORAGE 10 512)`; no resources: nothing is limited."""
    words = " ".join(f"{one.resource} {one.used} {one.limit}" for one in usages)
    return b"* QUOTA %b (%b)\r\n" % (astring(root.encode()), words.encode("ascii"))


# quotaroot-response = "QUOTAROOT" SP mailbox *(SP quota-root-name)
def encode_quotaroot(mailbox: str, roots: Iterable[str], *, utf8: bool = False) -> bytes:
    """`* QUOTAROOT INBOX ann@example.net`."""
    words = [mailbox_token(mailbox, utf8=utf8), *(astring(root.encode()) for root in roots)]
    return b"* QUOTAROOT %b\r\n" % b" ".join(words)
