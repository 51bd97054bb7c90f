"""Unsolicited METADATA responses: for who has enabled them, or named their events to NOTIFY."""

from collections.abc import Collection

from imap.changes.annotations import SERVER, Annotations, changes
from imap.protocol.metadata import encode_entries
from imap.protocol.notify import NotifyEvent
from imap.session import Session
from mailserver.errors import StorageUnavailable
from mailserver.logs import logger
from mailserver.storage import annotations, mailboxes

MAILBOXES, SERVERS = "METADATA", "METADATA-SERVER"
EXTENSIONS = frozenset((MAILBOXES, SERVERS))
"""What ENABLE turns on (RFC 5464 §4.4)."""

EVENTS = frozenset((NotifyEvent.MAILBOX_METADATA_CHANGE, NotifyEvent.SERVER_METADATA_CHANGE))

log = logger("imap")


async def watch(session: Session, wanted: Collection[object]) -> None:
    """Hear of changes from now on, if one of `wanted` asks for that; raises StorageUnavailable."""
    if session.annotations is not None or (EXTENSIONS | EVENTS).isdisjoint(wanted):
        return
    user = session.user()
    found = Annotations(session.node.annotation_changes, user, session.wake)
    try:
        # After it listens, so that no change falls between.
        async with session.node.database.connection() as c:
            found.known = await annotations.digests(c, user.id, user.organization_id)
    except BaseException:
        found.close()
        raise
    session.annotations = found


async def tell(session: Session) -> None:
    """Name the entries that changed since the last time; RFC 5464 §4.4: never their values."""
    known = session.annotations
    if known is None or not known.news.ripe:
        return
    known.news.take()
    user = session.user()
    try:
        async with session.node.database.connection() as c:
            now = await annotations.digests(c, user.id, user.organization_id)
            changed = changes(known.known, now)
            rows = await mailboxes.of_ids(c, [one for one in changed if one != SERVER])
    except StorageUnavailable as error:
        log.warning("storage is away", cause=str(error))
        known.news.retry()
        return
    known.known = now
    names = {SERVER: ""} | {row.id: row.name for row in rows}
    for one, entries in changed.items():
        # A mailbox without a name here is gone, and its annotations with it.
        if one in names and _wanted(session, names[one]):
            await session.write(encode_entries(names[one], entries, utf8=session.utf8))


def _wanted(session: Session, mailbox: str) -> bool:
    notifier = session.notifier
    if notifier is None:
        return MAILBOXES in session.enabled or (not mailbox and SERVERS in session.enabled)
    if not mailbox:
        return notifier.interest.of_server
    events = notifier.interest.events(mailbox, notifier.subscribed)
    return NotifyEvent.MAILBOX_METADATA_CHANGE in events
