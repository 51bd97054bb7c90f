"""ESEARCH (RFC 7377): a search of several mailboxes, and its response for each of them."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from imap.protocol.esearch import Return, ReturnOption
from imap.protocol.mailbox_name import mailbox_token
from imap.protocol.search import Search, parse_search
from imap.protocol.tokens import Cursor


class Where(enum.Enum):
    """filter-mailboxes (RFC 5465 §6), as RFC 7377 §2.2 takes them"""

    SELECTED = b"SELECTED"
    INBOXES = b"INBOXES"
    PERSONAL = b"PERSONAL"
    SUBSCRIBED = b"SUBSCRIBED"
    SUBTREE = b"SUBTREE"
    SUBTREE_ONE = b"SUBTREE-ONE"
    """the mailbox and those directly below it"""
    MAILBOXES = b"MAILBOXES"


_NAMED = frozenset((Where.SUBTREE, Where.SUBTREE_ONE, Where.MAILBOXES))
_WHERE = {one.value: one for one in Where}


@dataclass(slots=True)
class Source:
    """Mailboxes that are searched; with `names` where these are named."""

    where: Where
    names: tuple[str, ...] = ()


SELECTED = Source(Where.SELECTED)


@dataclass(slots=True)
class Esearch:
    """ESEARCH, whose results are UIDs in every mailbox."""

    sources: tuple[Source, ...]
    search: Search

    @property
    def returned(self) -> Return:
        # RFC 4731 §3.1: ALL where nothing else is asked for.
        return self.search.returned or Return(frozenset((ReturnOption.ALL,)))

    @property
    def of_selected(self) -> bool:
        """True if nothing but the selected mailbox is searched."""
        return all(source == SELECTED for source in self.sources)


# esearch = "ESEARCH" [SP esearch-source-opts] [SP search-return-opts] SP search-program
def parse_esearch(cursor: Cursor) -> Esearch:
    # RFC 7377 §2.2: without sources the selected mailbox is meant.
    sources: tuple[Source, ...] = (SELECTED,)
    if cursor.text[cursor.position : cursor.position + 5].lstrip().upper() == b"IN (":
        cursor.space()
        cursor.word()
        cursor.space()
        sources = _parse_sources(cursor)
    return Esearch(sources, parse_search(cursor, True))


# esearch-source-opts = "IN" SP "(" source-mbox [SP "(" scope-options ")"] ")"
# source-mbox = filter-mailboxes *(SP filter-mailboxes)
def _parse_sources(cursor: Cursor) -> tuple[Source, ...]:
    # RFC 7377 §2.2: no scope-options are defined.
    return cursor.items(lambda: _parse_source(cursor))


def _parse_source(cursor: Cursor) -> Source:
    start = cursor.position
    where = _WHERE.get(cursor.word())
    if where is None:
        raise cursor.fail("unknown mailbox filter", start)
    if where not in _NAMED:
        return Source(where)
    cursor.space()
    # one-or-more-mailbox = mailbox / "(" mailbox *(SP mailbox) ")"
    several = cursor.at(b"(")
    return Source(where, cursor.items(cursor.mailbox) if several else (cursor.mailbox(),))


# search-correlator = SP "(" one-correlator *(SP one-correlator) ")"
# one-correlator = ("TAG" SP tag-string) / ("MAILBOX" SP astring) / ("UIDVALIDITY" SP nz-number)
def encode_found(
    tag: bytes, mailbox: str, uid_validity: int, told: Iterable[tuple[bytes, bytes]], *, utf8: bool
) -> bytes:
    """`* ESEARCH (TAG "tag1" MAILBOX folder1 UIDVALIDITY 1) UID ALL 4001,4003`."""
    name = mailbox_token(mailbox, utf8=utf8)
    head = b'* ESEARCH (TAG "%b" MAILBOX %b UIDVALIDITY %d) UID' % (tag, name, uid_validity)
    return b" ".join([head, *(b"%b %b" % pair for pair in told)]) + b"\r\n"
