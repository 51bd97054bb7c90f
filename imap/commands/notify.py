"""NOTIFY (RFC 5465): the command, and what is told to its client between commands.

What changed is told by one query for all mailboxes that changed, however many are watched.
"""

from bisect import bisect_right
from dataclasses import replace

from imap.changes.interest import Interest, Names, names_changed, status_items
from imap.changes.notifier import Notifier
from imap.commands import listing, metadata_changes
from imap.commands.context import tell_updates
from imap.commands.fetch import respond
from imap.commands.fetch_items import Items
from imap.commands.status import status_line
from imap.protocol import responses
from imap.protocol.fetch import Fetch
from imap.protocol.listing import List, ListReturn, encode_list
from imap.protocol.mailbox_name import ancestors
from imap.protocol.notify import (
    NOTIFICATIONOVERFLOW,
    Filter,
    Notify,
    NotifyEvent,
    badevent_code,
    encode_renamed,
)
from imap.protocol.responses import Condition
from imap.protocol.sequence import SequenceSet
from imap.session import Answer, Session
from mailserver.errors import StorageUnavailable
from mailserver.logs import logger
from mailserver.storage import mailboxes
from mailserver.storage.mailboxes import Mailbox

MOST_NEW = 1000  # messages whose items are told at once
MOST_MAILBOXES = 10_000  # of an account that is watched

# RFC 5465 §5.5: all attributes are told as they are.
_LIST = List("", ("*",), returns=ListReturn.SUBSCRIBED, extended=True)

log = logger("imap")


async def notify(session: Session, command: Notify) -> Answer:
    """RFC 5465 §3.1"""
    if any(group.unsupported for group in command.groups):
        return Answer.no("There are no such events here", badevent_code())
    interest = Interest(command.groups)
    account_id = session.user().id
    notifier = Notifier(interest, session.node.changes, account_id, session.wake)
    try:
        if interest.of_others:
            rows, subscribed = await _mailboxes(session)
            if len(rows) > MOST_MAILBOXES:
                notifier.close()
                return Answer.no("Too many mailboxes to watch", NOTIFICATIONOVERFLOW)
            notifier.know(rows, subscribed)
        for group in command.groups:
            await metadata_changes.watch(session, group.events)
        if session.selected is not None and command.groups:
            # RFC 5465 §3.1: what has accumulated is told, as by NOOP, whatever is told later.
            await session.selected.opened.refresh()
            await tell_updates(session, expunge=True, by_uid=True)
        if command.status:
            await _tell_status(session, notifier)
    except BaseException:
        notifier.close()
        raise
    session.stop_notifying()
    session.notifier = notifier
    return Answer.ok("NOTIFY completed")


async def push(session: Session, *, idling: bool) -> None:
    """Tell what is new, while no command runs or the client is `idling`."""
    await metadata_changes.tell(session)
    notifier = session.notifier
    if notifier is None:
        return
    group = notifier.interest.selected
    if group is not None and session.selected is not None and session.selected.access.readable:
        # RFC 5465 §6.1.2: SELECTED-DELAYED keeps sequence numbers until a command, or IDLE.
        await tell_selected(session, expunge=idling or group.filter is Filter.SELECTED)
    if notifier.ripe:
        await _tell_others(session, notifier)


def has_news(session: Session, *, idling: bool) -> bool:
    """True if `push` has something to tell."""
    notifier, selected = session.notifier, session.selected
    if session.annotations is not None and session.annotations.news.ripe:
        return True
    if notifier is None:
        return False
    if selected is not None and selected.opened.state.deleted:
        return True
    group = notifier.interest.selected
    if selected is None or group is None or not selected.access.readable:
        return notifier.ripe
    view = selected.view
    if idling or group.filter is Filter.SELECTED:
        return notifier.ripe or view.behind
    return notifier.ripe or view.position < view.state.end


# ── the selected mailbox ─────────────────────────────────────────────────────────────────────────


async def tell_selected(session: Session, *, expunge: bool, asked: bool = False) -> None:
    """Tell what changed in the selected mailbox, as far as it is wanted.

    `asked`: the changes are what a command had to tell, EXPUNGE or MOVE.
    """
    selected, notifier = session.mailbox(), session.notifier
    group = None if notifier is None else notifier.interest.selected
    if group is None and not asked:
        return  # RFC 5465 §3.1: not at the end of a command either
    view = selected.view
    last = view.uid(view.count) if view.count else 0
    flags = group is not None and NotifyEvent.FLAG_CHANGE in group.events
    # RFC 5465 §5.1: with the UID
    await tell_updates(session, expunge=expunge, by_uid=True, flags=flags)
    known = bisect_right(view.uids, last, 0, view.count)
    if group is None or not group.items or known == view.count:
        return
    if view.count - known > MOST_NEW:
        await overflow(session)
        return
    fetch = Fetch(SequenceSet(()), group.items)
    items = Items.of(session, fetch)
    try:
        await respond(session, [(known + 1, view.count)], items)
    except StorageUnavailable as error:
        log.warning("storage is away", cause=str(error))
        await overflow(session)


async def overflow(session: Session) -> None:
    """RFC 5465 §5.8: tell that no more is told, as after NOTIFY NONE."""
    session.stop_notifying()
    session.notifier = Notifier(Interest(), session.node.changes, session.user().id, session.wake)
    log.info("notifications overflow", peer=session.peer, account=session.user().address)
    line = responses.untagged(Condition.OK, "Too much to tell, notify again", NOTIFICATIONOVERFLOW)
    await session.write(line)


# ── other mailboxes ──────────────────────────────────────────────────────────────────────────────


async def _mailboxes(session: Session) -> tuple[list[Mailbox], set[str]]:
    async with session.node.database.connection() as c:
        rows = await mailboxes.listing(c, session.user().id)
        return rows, set(await mailboxes.subscriptions(c, session.user().id))


async def _tell_status(session: Session, notifier: Notifier) -> None:
    for row in notifier.rows.values():
        await _tell_row(session, notifier, None, row)


async def _tell_others(session: Session, notifier: Notifier) -> None:
    names, ids = notifier.take()
    try:
        if names:
            rows, subscribed = await _mailboxes(session)
        else:
            async with session.node.database.connection() as c:
                rows = await mailboxes.of_ids(c, ids)
    except StorageUnavailable as error:
        log.warning("storage is away", cause=str(error))
        notifier.put_back(names, ids)
        return
    before = notifier.rows
    if names:
        known = notifier.subscribed
        notifier.know(rows, subscribed)
        changed = names_changed(before, notifier.rows, known, subscribed)
        await _tell_names(session, notifier, changed)
    for row in rows:
        # A mailbox that was just made is empty, as far as its client knows.
        await _tell_row(session, notifier, before.get(row.id) or _empty(row), row)
    notifier.rows |= {row.id: row for row in rows}


async def _tell_row(
    session: Session, notifier: Notifier, before: Mailbox | None, row: Mailbox
) -> None:
    """STATUS of a mailbox, if it has changed for the client."""
    selected = session.selected
    if selected is not None and selected.opened.state.id == row.id:
        return  # RFC 5465 §6: only SELECTED and SELECTED-DELAYED speak of it
    events = notifier.interest.events(row.name, notifier.subscribed)
    items = status_items(events, condstore=session.condstore, before=before, now=row)
    if items:
        await session.write(await status_line(session, row, items))


def _empty(row: Mailbox) -> Mailbox:
    return replace(row, uid_next=1, messages=0, unseen=0)


async def _tell_names(session: Session, notifier: Notifier, names: Names) -> None:
    """LIST of the names that something happened to (RFC 5465 §5.4, §5.5)."""
    existing = {row.name: row for row in notifier.rows.values()}
    superior = {name for child in existing for name in ancestors(child)}
    subscribed = notifier.subscribed

    def wants(name: str, event: NotifyEvent) -> bool:
        return event in notifier.interest.events(name, subscribed)

    def attributes(name: str) -> list[str]:
        return listing.attributes(name, existing.get(name), superior, subscribed, _LIST)

    told = {name for name in names.affected if wants(name, NotifyEvent.MAILBOX_NAME)}
    told |= _subscriptions(notifier.interest, names, subscribed)
    for new, old in names.renamed.items():
        if wants(new, NotifyEvent.MAILBOX_NAME) or wants(old, NotifyEvent.MAILBOX_NAME):
            told.discard(new)
            await session.write(encode_renamed(new, old, attributes(new), utf8=session.utf8))
    for name in sorted(told):
        await session.write(encode_list(name, attributes(name), utf8=session.utf8))


def _subscriptions(interest: Interest, names: Names, subscribed: set[str]) -> set[str]:
    """Names whose subscription is to be told; SUBSCRIBED means those too that it meant before."""
    were = subscribed | set(names.subscribed)
    event = NotifyEvent.SUBSCRIPTION_CHANGE
    return {name for name in names.subscribed if event in interest.events(name, were)}
