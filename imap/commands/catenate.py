"""The bytes that a URL in CATENATE names (RFC 4469 §3), of messages of the same account."""

from collections.abc import AsyncIterator

from imap.messages import contents
from imap.messages.sections import Range, clip, finish, is_made, locate
from imap.protocol.errors import ParseError
from imap.protocol.fetch import BodyItem
from imap.protocol.section import Section
from imap.protocol.url import MessageUrl, parse_url
from imap.session import Session
from mailserver.mail.parts import PartTable
from mailserver.objects import ObjectMissing
from mailserver.storage import mailboxes
from mailserver.storage.blobs import BlobMissing
from mailserver.storage.messages import MessageRow

_PIECE = 1 << 20  # bytes


class BadUrl(Exception):
    """The URL is none of a message of this account; `str` of it says why."""


async def referred(session: Session, url: bytes) -> tuple[int, AsyncIterator[bytes]]:
    """How many bytes the URL names, and these in pieces.

    Raises BadUrl, here or while the pieces are read: the message may be expunged meanwhile.
    """
    try:
        named = parse_url(url)
    except ParseError as error:
        raise BadUrl(error.text) from None
    if not _is_ours(session, named):
        raise BadUrl("not a message of this account")
    row = await _message(session, named)
    section = named.section or Section()
    span = locate(section, PartTable.decode(row.parts), len(row.prefix))
    if span is None:
        raise BadUrl("no such part")
    if is_made(section):
        made = finish(
            BodyItem(section), b"".join([piece async for piece in _pieces(session, row, span)])
        )
        start, end = _clipped((0, len(made)), named)
        return end - start, _once(made[start:end])
    start, end = _clipped(span, named)
    return end - start, _pieces(session, row, (start, end))


def _is_ours(session: Session, url: MessageUrl) -> bool:
    """Whether the URL names this server and this account, as far as it names any."""
    host, user = session.node.settings.hostname, session.user().address
    return (url.host is None or url.host.lower() == host.lower()) and (
        url.user is None or url.user.lower() == user.lower()
    )


def _clipped(span: Range, url: MessageUrl) -> Range:
    if url.partial is None:
        return span
    origin, count = url.partial
    return clip(span, (origin, span[1] - span[0] if count is None else count))


async def _message(session: Session, url: MessageUrl) -> MessageRow:
    """The message that a URL names. Raises BadUrl."""
    if url.mailbox is None:
        # RFC 4469 §3: such a URL is relative to the selected mailbox.
        if session.selected is None:
            raise BadUrl("no mailbox is selected")
        opened = session.selected.opened
    else:
        async with session.node.database.connection() as c:
            row = await mailboxes.find(c, session.user().id, url.mailbox)
        if row is None:
            raise BadUrl("no such mailbox")
        opened = await session.services.mailboxes.open(row.id)
    await opened.refresh()
    if url.uid_validity not in (None, opened.state.uid_validity):
        raise BadUrl("another UIDVALIDITY")
    index = opened.state.columns.find(url.uid)
    if index is None:
        raise BadUrl("no such message")
    message_id = opened.state.columns.message_ids[index]
    found = await session.services.messages.read([message_id])
    if message_id not in found:
        raise BadUrl("no such message")
    return found[message_id]


async def _pieces(session: Session, row: MessageRow, span: Range) -> AsyncIterator[bytes]:
    start, end = span
    try:
        for place in range(start, end, _PIECE):
            yield await contents.read(session.node.blobs, row, (place, min(place + _PIECE, end)))
    except (BlobMissing, ObjectMissing):
        raise BadUrl("no such message") from None


async def _once(whole: bytes) -> AsyncIterator[bytes]:
    yield whole
