"""STORE and UID STORE (RFC 3501 §6.4.6)."""

from collections.abc import Iterable

from imap.commands.fetch import Items, respond
from imap.flag_masks import divided
from imap.flag_rights import steps
from imap.named import expunged, named, size, uid_ranges
from imap.opened import Change, TooManyKeywords
from imap.place import no_permission
from imap.protocol import flags, responses
from imap.protocol.fetch import FetchAttribute
from imap.protocol.store import Store, StoreMode
from imap.session import Answer, Session

_CHANGES = {
    StoreMode.ADD: Change.ADD,
    StoreMode.REMOVE: Change.REMOVE,
    StoreMode.REPLACE: Change.REPLACE,
}


async def store(session: Session, command: Store) -> Answer:
    """One event of the mailbox, however many messages are named."""
    selected = session.mailbox()
    view = selected.view
    spans = named(view, command.sequence, by_uid=command.by_uid)
    if spans is None:
        return Answer.bad("No such message sequence number")
    if view.read_only:
        return Answer.no("The mailbox is selected read-only", responses.READ_ONLY)
    refusal = _refusal(command.flags)
    if refusal is not None:
        return refusal
    gone = expunged(view, spans)
    if gone and gone == size(spans):
        # RFC 2180 §4.2.2: nothing is left that could be changed.
        return Answer.no("The messages were expunged", responses.EXPUNGEISSUED)
    system, words = divided(command.flags)
    known = selected.opened.state.keywords
    changes = steps(selected.access.rights, _CHANGES[command.mode], system, words, known)
    if not changes:
        return no_permission()
    try:
        for step in changes:
            modseq = await selected.opened.store(uid_ranges(view, spans), *step)
            # RFC 3501 §6.4.6: .SILENT, the client assumes that what it wanted is so.
            view.told(modseq)
    except TooManyKeywords:
        return Answer.no("The mailbox can hold no more keywords", responses.LIMIT)
    if not command.silent:
        uid = [FetchAttribute.UID] if command.by_uid else []
        await respond(session, spans, Items(uid, flags=True))
    return Answer.ok("STORE completed", responses.EXPUNGEISSUED if gone else None)


def _refusal(named_flags: Iterable[str]) -> Answer | None:
    """The answer to flags that cannot be stored."""
    # RFC 3501 §2.3.2: \Recent can not be altered by the client; §9: a flag is not "\Recent".
    if flags.RECENT in named_flags:
        return Answer.bad("\\Recent cannot be stored")
    if not all(map(flags.is_settable, named_flags)):
        return Answer.no("Unknown system flag", responses.CANNOT)
    return None
