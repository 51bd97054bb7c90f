"""What changed in the selected mailbox, as the untagged lines that tell it (RFC 3501 §7).

Pure. The order matters: the flags in use before they are seen, EXPUNGE before EXISTS, and numbers
always as of their line.
"""

from collections.abc import Iterator

from imap.mailboxes.flag_rights import needed
from imap.mailboxes.rendering import flags_bytes
from imap.protocol import responses
from imap.protocol.fetch import encode_fetch, encode_uid_fetch
from imap.protocol.flags import ANY_KEYWORD, SYSTEM_FLAGS
from imap.protocol.modseq import highestmodseq_code, vanished
from imap.protocol.responses import Condition
from imap.protocol.sequence import runs
from imap.session import Selected, Session
from mailserver.storage.keywords import KEYWORD_LIMIT

_AT_ONCE = 1000  # lines of one piece


def flags_in_use(selected: Selected) -> bytes:
    """`* FLAGS (…)` and `* OK [PERMANENTFLAGS (…)]`; from now on the client knows them."""
    keywords = selected.opened.state.keywords
    selected.keywords = len(keywords)
    flags = (*SYSTEM_FLAGS, *keywords)
    if selected.view.read_only:
        # RFC 3501 §6.3.2: EXAMINE; §7.1: an empty list, no flag can be changed permanently.
        permanent: tuple[str, ...] = ()
    else:
        offered = flags if len(keywords) >= KEYWORD_LIMIT else (*flags, ANY_KEYWORD)
        # RFC 4314 §5.2: only what the user has the right to change.
        permanent = tuple(flag for flag in offered if needed(flag) in selected.access.rights)
    code = responses.permanentflags_code(permanent)
    return responses.flags_line(flags) + responses.untagged(Condition.OK, "Flags permitted", code)


def update_lines(
    session: Session, *, expunge: bool, by_uid: bool, flags: bool = True
) -> Iterator[bytes]:
    """Bring the client's picture up to the state; gives whole lines, in pieces.

    `expunge`: EXPUNGE is allowed now. `by_uid`: FETCH tells the UID too, as after a UID command
    (RFC 3501 §6.4.8). `flags`: changes of flags are told. The picture has moved once the first
    piece was asked for, so all of them must be written.
    """
    selected = session.mailbox()
    view, state = selected.view, selected.opened.state
    by_uid = by_uid or session.rev2  # RFC 9051 §7.5.2: whatever the command was
    withheld = view.withholds
    updates = view.sync(expunge=expunge)
    if len(state.keywords) > selected.keywords:
        yield flags_in_use(selected)
    if updates.expunged and (session.qresync or session.uid_only):
        yield vanished(runs(updates.vanished))
    elif updates.expunged:
        yield b"".join(map(responses.expunge, updates.expunged))
    if updates.exists is not None:
        yield responses.exists(updates.exists) + recent_line(session, updates.recent)
    for start in range(0, len(updates.flags) if flags else 0, _AT_ONCE):
        yield b"".join(
            _fetch(session, selected, number, by_uid)
            for number in updates.flags[start : start + _AT_ONCE]
        )
    if session.qresync and (withheld or view.withholds):
        # RFC 7162 §3.2: a client that goes away now must come back for the expunge that waits.
        yield highest_modseq(selected)


def recent_line(session: Session, count: int) -> bytes:
    """`* 5 RECENT`; nothing for who speaks IMAP4rev2, which has no \\Recent (RFC 9051 §2.3.2)."""
    return b"" if session.rev2 else responses.recent(count)


def highest_modseq(selected: Selected) -> bytes:
    """`* OK [HIGHESTMODSEQ …]`: what the client was told up to."""
    code = highestmodseq_code(selected.view.modseq)
    return responses.untagged(Condition.OK, "Highest modification sequence", code)


def _fetch(session: Session, selected: Selected, number: int, by_uid: bool) -> bytes:
    entry = selected.view.entry(number)
    if entry is None:
        return b""
    flags = flags_bytes(selected.opened.state, entry.flags, selected.view.recent(entry.uid))
    pairs = b"FLAGS %b" % flags
    if session.uid_only:
        if session.condstore:
            pairs += b" MODSEQ (%d)" % entry.modseq
        return encode_uid_fetch(entry.uid, pairs)
    if session.condstore:
        # RFC 7162 §3.2.4: with the UID, whatever the command was.
        return encode_fetch(number, b"UID %d %b MODSEQ (%d)" % (entry.uid, pairs, entry.modseq))
    return encode_fetch(number, b"UID %d %b" % (entry.uid, pairs) if by_uid else pairs)
