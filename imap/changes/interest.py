"""What a client wants to be told of (RFC 5465), and what happened between two looks.

Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from imap.protocol.mailbox_name import INBOX, SEPARATOR
from imap.protocol.notify import OF_SELECTED, EventGroup, Filter, NotifyEvent
from imap.protocol.status import StatusItem
from mailserver.storage.mailboxes import Mailbox

_COUNTS = (StatusItem.MESSAGES, StatusItem.UIDNEXT, StatusItem.UIDVALIDITY)


@dataclass(slots=True)
class Interest:
    """The event groups of a NOTIFY SET; none: NOTIFY NONE."""

    groups: tuple[EventGroup, ...] = ()

    @property
    def selected(self) -> EventGroup | None:
        """What is to be told of the messages of the selected mailbox; None: nothing."""
        for group in self.groups:
            if group.filter in OF_SELECTED:
                return group if group.events else None
        return None

    @property
    def of_others(self) -> bool:
        """True if other mailboxes than the selected one are of interest."""
        return any(group.filter not in OF_SELECTED and group.events for group in self.groups)

    @property
    def of_server(self) -> bool:
        """True if changes of the server's annotations are of interest, whatever the mailboxes."""
        return any(NotifyEvent.SERVER_METADATA_CHANGE in group.events for group in self.groups)

    def events(self, name: str, subscribed: set[str]) -> frozenset[NotifyEvent]:
        """The events of a mailbox that is not selected, and those of names of any."""
        found: frozenset[NotifyEvent] = frozenset()
        for group in self.groups:
            if _meant(group, name, subscribed):
                if not group.events:
                    break  # NONE: what follows would tell of it after all
                found |= group.events
        return found


def _meant(group: EventGroup, name: str, subscribed: set[str]) -> bool:
    match group.filter:
        case Filter.PERSONAL:
            return True
        case Filter.INBOXES:
            # RFC 5465 §6.3: where mail is delivered by itself, which is one mailbox here.
            return name == INBOX
        case Filter.SUBSCRIBED:
            return name in subscribed
        case Filter.SUBTREE:
            return any(name == top or name.startswith(top + SEPARATOR) for top in group.mailboxes)
        case Filter.MAILBOXES:
            return name in group.mailboxes
    return False


def status_items(
    events: frozenset[NotifyEvent], *, condstore: bool, before: Mailbox | None, now: Mailbox
) -> tuple[StatusItem, ...]:
    """What STATUS has to tell of a mailbox that is not selected; nothing if nothing happened.

    `before` None: the client knows nothing of it (RFC 5465 §3.1, the STATUS indicator).
    """
    counted = NotifyEvent.MESSAGE_NEW in events  # and so MessageExpunge
    flags = NotifyEvent.FLAG_CHANGE in events
    if not counted:
        return ()
    # RFC 5465 §3.1: the STATUS indicator tells the modseq whoever asks for flags.
    first = before is None and flags
    modseq = (StatusItem.HIGHESTMODSEQ,) if condstore or first else ()
    unseen = (StatusItem.UNSEEN,) if flags else ()
    if before is None or (before.messages, before.uid_next) != (now.messages, now.uid_next):
        # RFC 5465 §5.2, §5.3
        return (*_COUNTS, *unseen, *modseq)
    # RFC 5465 §5.1: without modseqs only a change of \Seen can be told.
    changed = before.highest_modseq != now.highest_modseq if condstore else False
    if flags and (changed or before.unseen != now.unseen):
        return (StatusItem.UIDVALIDITY, *unseen, *modseq)
    return ()


@dataclass(slots=True)
class Names:
    """Names that events happened to; `renamed` by new name, each with the old one."""

    affected: list[str] = field(default_factory=list)  # of MailboxName
    renamed: dict[str, str] = field(default_factory=dict)
    subscribed: list[str] = field(default_factory=list)  # of SubscriptionChange


def names_changed(
    before: Mapping[int, Mailbox],
    now: Mapping[int, Mailbox],
    subscribed_before: set[str],
    subscribed: set[str],
) -> Names:
    """What happened to the names of an account."""
    moved = {
        now[one].name: row.name
        for one, row in before.items()
        if one in now and now[one].name != row.name
    }
    gone = [row.name for one, row in before.items() if one not in now]
    made = [row.name for one, row in now.items() if one not in before]
    # RFC 5465 §5.4: the direct parent of what was made or deleted is affected too.
    affected = {*gone, *made, *_parents((*gone, *made))}.difference(moved)
    return Names(
        sorted(affected),
        {new: old for new, old in sorted(moved.items()) if not _moved_along(new, old, moved)},
        sorted(subscribed_before ^ subscribed),
    )


def _parents(names: Iterable[str]) -> set[str]:
    return {name.rpartition(SEPARATOR)[0] for name in names if SEPARATOR in name}


def _moved_along(new: str, old: str, moved: Mapping[str, str]) -> bool:
    """RFC 5465 §5.4: no event for a child that was renamed with its parent."""
    above, _, last = new.rpartition(SEPARATOR)
    was_above, _, was_last = old.rpartition(SEPARATOR)
    return last == was_last and moved.get(above, "") == was_above != ""
