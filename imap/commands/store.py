"""STORE and UID STORE (RFC 3501 §6.4.6)."""

from collections.abc import Iterable

from imap import message_limit
from imap.commands.fetch import respond
from imap.commands.fetch_items import Items, modseq_items
from imap.mailboxes.flag_masks import divided
from imap.mailboxes.flag_rights import may_store, permitted_mask
from imap.mailboxes.named import Span, expunged, named, size, uid_ranges
from imap.mailboxes.view import View
from imap.mailboxes.writing import NEWEST, Change, Storing, TooManyKeywords
from imap.place import no_permission
from imap.protocol import flags, responses
from imap.protocol.fetch import FetchAttribute
from imap.protocol.modseq import modified_code
from imap.protocol.sequence import runs
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
    spans, lowest = message_limit.taken(session, spans)
    gone = expunged(view, spans)
    if gone and gone == size(spans):
        # RFC 2180 §4.2.2: nothing is left that could be changed.
        return Answer.no("The messages were expunged", responses.EXPUNGEISSUED)
    system, words = divided(command.flags)
    change, rights = _CHANGES[command.mode], selected.access.rights
    if not may_store(rights, change, system, words):
        return no_permission()
    since = NEWEST if command.unchanged_since is None else command.unchanged_since
    try:
        stored = await selected.opened.store(
            Storing(
                *(uid_ranges(view, spans), change, system, words if "w" in rights else ()),
                since=since,
                within=permitted_mask(rights),
            )
        )
    except TooManyKeywords:
        return Answer.no("The mailbox can hold no more keywords", responses.LIMIT)
    # RFC 3501 §6.4.6: .SILENT, the client assumes that what it wanted is so.
    view.told(stored.modseq)
    modified = list(zip(stored.modified[::2], stored.modified[1::2], strict=True))
    done, failed = _divided(view, spans, modified)
    if session.condstore:
        # RFC 7162 §3.1.3, §3.2.4: the new modseq is told also if SILENT, always with the UID.
        await respond(session, done, Items(modseq_items(session), flags=not command.silent))
        # §3.1.3, Example 10: so that the client need not ask what it did not know.
        await respond(session, failed, Items(modseq_items(session), flags=True))
    elif not command.silent:
        uid = [FetchAttribute.UID] if command.by_uid and not session.uid_only else []
        await respond(session, done, Items(uid, flags=True))
    if failed:
        answer = _modified(modified if command.by_uid else failed, some_gone=gone > 0)
    else:
        answer = Answer.ok("STORE completed", responses.EXPUNGEISSUED if gone else None)
    return await message_limit.limited(session, answer, lowest)


def _divided(
    view: View, spans: list[Span], modified: Iterable[Span]
) -> tuple[list[Span], list[Span]]:
    """(spans of messages that were stored, spans of those with UIDs in `modified`)."""
    failed = set(view.numbers_of(modified))
    if not failed:
        return spans, []
    numbers = (number for first, last in spans for number in range(first, last + 1))
    return runs([number for number in numbers if number not in failed]), runs(sorted(failed))


def _modified(numbers: Iterable[Span], *, some_gone: bool) -> Answer:
    code = modified_code(numbers)
    if some_gone:
        # RFC 7162 §3.1.3, Example 11
        return Answer.no("Some of the messages no longer exist", code)
    return Answer.ok("Conditional STORE failed", code)


def _refusal(named_flags: Iterable[str]) -> Answer | None:
    """The answer to flags that cannot be stored."""
    # RFC 3501 §2.3.2: \Recent can not be altered by the client; §9: a flag is not "\Recent".
    if flags.RECENT in named_flags:
        return Answer.bad("\\Recent cannot be stored")
    if not all(map(flags.is_settable, named_flags)):
        return Answer.no("Unknown system flag", responses.CANNOT)
    return None
