"""NOTIFY (RFC 5465): the command, its response code, and LIST with an old name."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from imap.protocol.fetch import FetchItem, parse_fetch_list
from imap.protocol.listing import encode_list
from imap.protocol.mailbox_name import mailbox_token
from imap.protocol.tokens import Cursor

NOTIFICATIONOVERFLOW = b"NOTIFICATIONOVERFLOW"  # RFC 5465 §5.8


class Filter(enum.Enum):
    """filter-mailboxes (RFC 5465 §6)"""

    SELECTED = b"SELECTED"
    SELECTED_DELAYED = b"SELECTED-DELAYED"
    INBOXES = b"INBOXES"
    PERSONAL = b"PERSONAL"
    SUBSCRIBED = b"SUBSCRIBED"
    SUBTREE = b"SUBTREE"
    MAILBOXES = b"MAILBOXES"


OF_SELECTED = frozenset((Filter.SELECTED, Filter.SELECTED_DELAYED))
_NAMED = frozenset((Filter.SUBTREE, Filter.MAILBOXES))


class NotifyEvent(enum.Enum):
    """The events that can be told (RFC 5465 §5)."""

    MESSAGE_NEW = b"MessageNew"
    MESSAGE_EXPUNGE = b"MessageExpunge"
    FLAG_CHANGE = b"FlagChange"
    MAILBOX_NAME = b"MailboxName"
    SUBSCRIPTION_CHANGE = b"SubscriptionChange"
    MAILBOX_METADATA_CHANGE = b"MailboxMetadataChange"
    SERVER_METADATA_CHANGE = b"ServerMetadataChange"


OF_MESSAGES = frozenset(
    (NotifyEvent.MESSAGE_NEW, NotifyEvent.MESSAGE_EXPUNGE, NotifyEvent.FLAG_CHANGE)
)
_COUNTS = frozenset((NotifyEvent.MESSAGE_NEW, NotifyEvent.MESSAGE_EXPUNGE))


@dataclass(slots=True)
class EventGroup:
    """Mailboxes and what is to be told of them; no `events`: NONE.

    `items` are what MessageNew tells of each new message. `unsupported`: an event was named that
    is not one of ours.
    """

    filter: Filter
    events: frozenset[NotifyEvent] = frozenset()
    mailboxes: tuple[str, ...] = ()
    items: tuple[FetchItem, ...] = ()
    unsupported: bool = False


@dataclass(slots=True)
class Notify:
    """NOTIFY SET, with STATUS if `status`; without any group NOTIFY NONE."""

    groups: tuple[EventGroup, ...] = ()
    status: bool = False


_FILTERS = {one.value: one for one in Filter}
_EVENTS = {event.value.upper(): event for event in NotifyEvent}


# notify = "NOTIFY" SP (notify-set / notify-none)
# notify-set = "SET" [status-indicator] SP event-groups;  status-indicator = SP "STATUS"
# notify-none = "NONE"
def parse_notify(cursor: Cursor) -> Notify:
    cursor.space()
    start = cursor.position
    word = cursor.word()
    if word == b"NONE":
        return Notify()
    if word != b"SET":
        raise cursor.fail("expected SET or NONE", start)
    cursor.space()
    status = not cursor.at(b"(")
    if status:
        start = cursor.position
        if cursor.word() != b"STATUS":
            raise cursor.fail("expected STATUS or an event group", start)
        cursor.space()
    groups = [_parse_group(cursor)]
    while cursor.more():
        groups.append(_parse_group(cursor))
    # RFC 5465 §6.1: only one of SELECTED and SELECTED-DELAYED, once.
    if sum(group.filter in OF_SELECTED for group in groups) > 1:
        raise cursor.fail("the selected mailbox is named twice", start)
    return Notify(tuple(groups), status)


# event-group = "(" filter-mailboxes SP events ")"
def _parse_group(cursor: Cursor) -> EventGroup:
    cursor.expect(b"(")
    cursor.spaces()
    start = cursor.position
    filter_ = _FILTERS.get(cursor.word())
    if filter_ is None:
        raise cursor.fail("unknown mailbox filter", start)
    group = EventGroup(filter_)
    cursor.space()
    if filter_ in _NAMED:
        # one-or-more-mailbox = mailbox / many-mailboxes
        several = cursor.at(b"(")
        group.mailboxes = cursor.items(cursor.mailbox) if several else (cursor.mailbox(),)
        cursor.space()
    start = cursor.position
    _parse_events(cursor, group)
    _check(cursor, group, start)
    cursor.spaces()
    cursor.expect(b")")
    return group


# events = ("(" event *(SP event) ")") / "NONE"
def _parse_events(cursor: Cursor, group: EventGroup) -> None:
    if cursor.at(b"("):
        named = [event for event in cursor.items(lambda: _parse_event(cursor, group)) if event]
        group.events = frozenset(named)
        return
    start = cursor.position
    if cursor.word() != b"NONE":
        raise cursor.fail("expected events or NONE", start)


# event = message-event / mailbox-event / user-event / event-ext;  event-ext = atom
# message-event = ("MessageNew" [SP "(" fetch-att *(SP fetch-att) ")"]) / …
def _parse_event(cursor: Cursor, group: EventGroup) -> NotifyEvent | None:
    event = _EVENTS.get(cursor.atom().upper())
    if event is None:
        group.unsupported = True
    elif event is NotifyEvent.MESSAGE_NEW:
        start = cursor.position
        if cursor.spaces() and cursor.at(b"("):
            if group.filter not in OF_SELECTED:
                raise cursor.fail("items are told of the selected mailbox only")
            group.items = parse_fetch_list(cursor)
        else:
            cursor.position = start
    return event


def _check(cursor: Cursor, group: EventGroup, start: int) -> None:
    """Which events go together (RFC 5465 §5, §6.1). Raises ParseError."""
    if group.unsupported:
        return  # RFC 5465 §3.1: that is a NO, and whether the rest is right is not asked
    if group.filter in OF_SELECTED and not group.events <= OF_MESSAGES:
        raise cursor.fail("the selected mailbox has events of messages only", start)
    if group.events & OF_MESSAGES and not group.events >= _COUNTS:
        raise cursor.fail("MessageNew and MessageExpunge go together", start)


def encode_notify(command: Notify) -> bytes:
    """`SET STATUS (SELECTED (MessageNew MessageExpunge)) (SUBTREE Lists NONE)`, without items."""
    if not command.groups:
        return b"NONE"
    words = [b"SET"] + [b"STATUS"] * command.status
    return b" ".join([*words, *map(_encode_group, command.groups)])


def _encode_group(group: EventGroup) -> bytes:
    words = [group.filter.value]
    if group.mailboxes:
        words.append(b"(%b)" % b" ".join(map(mailbox_token, group.mailboxes)))
    events = b" ".join(event.value for event in NotifyEvent if event in group.events)
    return b"(%b)" % b" ".join([*words, b"(%b)" % events if events else b"NONE"])


# unsupported-events-code = "BADEVENT" SP "(" event-name *(SP event-name) ")"
def badevent_code() -> bytes:
    """`BADEVENT (MessageNew …)`: the events that there are."""
    return b"BADEVENT (%b)" % b" ".join(event.value for event in NotifyEvent)


# oldname-extended-item = "OLDNAME" SP "(" mailbox ")"
def encode_renamed(mailbox: str, old: str, attributes: Iterable[str], *, utf8: bool) -> bytes:
    """`* LIST () "/" NewMailbox ("OLDNAME" (OldMailbox))`."""
    line = encode_list(mailbox, attributes, utf8=utf8).removesuffix(b"\r\n")
    return b'%b ("OLDNAME" (%b))\r\n' % (line, mailbox_token(old, utf8=utf8))
