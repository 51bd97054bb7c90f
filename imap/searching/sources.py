"""Which mailboxes ESEARCH looks into (RFC 7377 §2.2). Pure."""

from collections.abc import Callable, Collection, Iterable

from imap.protocol.mailbox_name import INBOX, SEPARATOR
from imap.protocol.multisearch import Source, Where
from imap.protocol.namespace import is_others


def is_meant(name: str, sources: Iterable[Source], subscribed: Collection[str]) -> bool:
    """True if a mailbox of this name is one of the sources, but for the selected one."""
    return any(_MEANT[source.where](name, source.names, subscribed) for source in sources)


def _below(name: str, tops: Iterable[str]) -> bool:
    return any(name == top or name.startswith(top + SEPARATOR) for top in tops)


def _directly_below(name: str, tops: Collection[str]) -> bool:
    return name in tops or name.rpartition(SEPARATOR)[0] in tops


_MEANT: dict[Where, Callable[[str, tuple[str, ...], Collection[str]], bool]] = {
    Where.SELECTED: lambda name, names, subscribed: False,
    # RFC 5465 §6.3: where mail is delivered by itself, which is one mailbox here.
    Where.INBOXES: lambda name, names, subscribed: name == INBOX,
    Where.PERSONAL: lambda name, names, subscribed: not is_others(name),
    Where.SUBSCRIBED: lambda name, names, subscribed: name in subscribed,
    Where.SUBTREE: lambda name, names, subscribed: _below(name, names),
    Where.SUBTREE_ONE: lambda name, names, subscribed: _directly_below(name, names),
    Where.MAILBOXES: lambda name, names, subscribed: name in names,
}
