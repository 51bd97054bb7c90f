"""IDLE (RFC 2177): what changes is told when it changes, until the client says DONE.

Nothing runs meanwhile: the mailbox calls, and what it has to say is written there and then.
"""

from collections.abc import Callable

from imap.session import Session
from imap.updates import update_lines


def watch(session: Session, tell: Callable[[], None]) -> Callable[[], None]:
    """Call `tell()` after changes of the selected mailbox; gives the function that ends it."""
    if session.selected is None:
        # RFC 2177 §3: allowed without a mailbox too; then there is nothing to tell.
        return _nothing
    selected = session.selected
    stops = selected.opened.idle(selected.view, tell), selected.access.idle(tell)

    def stop() -> None:
        for end in stops:
            end()

    return stop


def needs_search(session: Session) -> bool:
    """True if what is new has to be looked at for results (RFC 5267), which is a task's work."""
    return session.selected is not None and session.selected.contexts is not None


def news(session: Session) -> bytes | None:
    """What there is to tell now; None when the selected mailbox is gone."""
    selected = session.selected
    if selected is None:
        return b""
    if selected.opened.state.deleted:
        return None
    if not selected.access.readable:
        return b""
    return b"".join(update_lines(session, expunge=True, by_uid=False))


def _nothing() -> None:
    pass
