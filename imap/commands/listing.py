"""LIST with its extensions, and LSUB (RFC 3501 §6.3.8, §6.3.9; RFC 5258, 5819, 6154).

A name that has names below it but is no mailbox (any more) is listed as \\Noselect, which is what
DELETE leaves behind (RFC 3501 §6.3.4). What is listed is decided by pure functions.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from imap.commands.status import status_line
from imap.protocol import responses
from imap.protocol.acl import encode_myrights
from imap.protocol.list_pattern import ListPattern
from imap.protocol.listing import (
    List,
    ListReturn,
    ListSelection,
    Lsub,
    encode_list,
    encode_lsub,
    encode_root,
)
from imap.protocol.mailbox_name import ancestors
from imap.protocol.metadata import encode_metadata
from imap.protocol.status import StatusItem
from imap.session import Answer, Session
from imap.shared import Visible, visible
from mailserver.mail.rights import write_rights
from mailserver.storage import annotations, mailboxes
from mailserver.storage.mailboxes import Mailbox

_MOST_PATTERNS = 32
_LONGEST_PATTERN = 2000  # characters; names are shorter


@dataclass(slots=True)
class Listed:
    """One LIST response; `mailbox` None: a name that is no mailbox."""

    name: str
    attributes: list[str]
    child_info: tuple[str, ...] = ()
    mailbox: Mailbox | None = None


async def list_(session: Session, command: List) -> Answer:
    """RFC 3501 §6.3.8, RFC 5258 §3"""
    if not command.extended and command.patterns == ("",):
        await session.write(encode_root())
        return Answer.ok("LIST completed")
    patterns = _patterns(command.reference, command.patterns)
    if patterns is None:
        return Answer.no("Too much to look for", responses.LIMIT)
    recent = StatusItem.RECENT in (command.status or ()) and not session.rev2
    known, subscribed = await _names(session, recent=recent)
    chosen = select(known.rows, subscribed, patterns, command)
    values = await _annotations(session, chosen, command)
    for listed in chosen:
        line = encode_list(
            listed.name, listed.attributes, child_info=listed.child_info, utf8=session.utf8
        )
        if listed.mailbox is not None:
            line += await _about(session, listed.mailbox, known, command)
            if command.metadata and "r" in known.rights(listed.mailbox):
                # RFC 9590 §3: NIL for what has no value.
                found = values.get(listed.mailbox.id, {})
                pairs = [(name, found.get(name)) for name in command.metadata]
                line += encode_metadata(listed.name, pairs, utf8=session.utf8)
        await session.write(line)
    return Answer.ok("LIST completed")


async def _annotations(
    session: Session, chosen: Sequence[Listed], command: List
) -> dict[int, dict[str, bytes]]:
    """The annotations that RETURN (METADATA …) asks for, by mailbox and name."""
    if not command.metadata:
        return {}
    ids = [listed.mailbox.id for listed in chosen if listed.mailbox is not None]
    async with session.node.database.connection() as c:
        return await annotations.of_mailboxes(c, ids, session.user().id, command.metadata)


async def _about(session: Session, row: Mailbox, known: Visible, command: List) -> bytes:
    """What RETURN asks for of a mailbox beside its LIST response."""
    held = known.rights(row)
    told = b""
    if command.status is not None and "r" in held:
        # RFC 5819 §2: no STATUS for what cannot be selected.
        told += await status_line(session, row, command.status)
    if ListReturn.MYRIGHTS in command.returns:
        # RFC 8440 §3
        told += encode_myrights(row.name, write_rights(held), utf8=session.utf8)
    return told


async def lsub(session: Session, command: Lsub) -> Answer:
    """RFC 3501 §6.3.9"""
    if not command.pattern:
        await session.write(encode_root(b"LSUB"))
        return Answer.ok("LSUB completed")
    patterns = _patterns(command.reference, [command.pattern])
    if patterns is None:
        return Answer.no("Too much to look for", responses.LIMIT)
    async with session.node.database.connection() as c:
        subscribed = await mailboxes.subscriptions(c, session.user().id)
    for name, attributes in select_subscribed(subscribed, patterns[0]):
        await session.write(encode_lsub(name, attributes, utf8=session.utf8))
    return Answer.ok("LSUB completed")


def _patterns(reference: str, patterns: Sequence[str]) -> list[ListPattern] | None:
    """Ready patterns; None when matching them would take too long."""
    distinct = dict.fromkeys(patterns)
    longest = max(map(len, distinct)) + len(reference)
    if len(distinct) > _MOST_PATTERNS or longest > _LONGEST_PATTERN:
        return None
    return [ListPattern(reference, pattern) for pattern in distinct]


async def _names(session: Session, *, recent: bool) -> tuple[Visible, set[str]]:
    async with session.node.database.connection() as c:
        known = await visible(c, session, recent=recent)
        subscribed = await mailboxes.subscriptions(c, session.user().id)
    return known, set(subscribed)


def select(
    rows: Iterable[Mailbox], subscribed: set[str], patterns: Sequence[ListPattern], command: List
) -> list[Listed]:
    """What LIST tells, by name."""
    selection = command.selection
    existing = {row.name: row for row in rows}
    superior = {name for child in existing for name in ancestors(child)}
    names = existing.keys() | superior
    if ListSelection.SUBSCRIBED in selection:
        # RFC 5258 §3.1: subscribed names are told whether they exist or not.
        names |= subscribed
    met = {name for name in names if _meets(selection, name, subscribed, existing.get(name))}
    matching = {name for name in names if any(pattern.matches(name) for pattern in patterns)}
    told: dict[str, tuple[str, ...]] = dict.fromkeys(met & matching, ())
    if ListSelection.RECURSIVEMATCH in selection:
        told = _recursive(met, matching | _superiors_matching(met, patterns), selection)
    return [
        Listed(
            name,
            attributes(name, existing.get(name), superior, subscribed, command),
            child_info,
            existing.get(name),
        )
        for name, child_info in sorted(told.items())
    ]


def _meets(
    selection: ListSelection, name: str, subscribed: set[str], mailbox: Mailbox | None
) -> bool:
    """RFC 5258 §3.1: every selection option must be met. REMOTE: there are no remote mailboxes."""
    if ListSelection.SUBSCRIBED in selection and name not in subscribed:
        return False
    special = mailbox is not None and mailbox.special_use is not None
    return special or ListSelection.SPECIAL_USE not in selection


def _superiors_matching(met: Iterable[str], patterns: Sequence[ListPattern]) -> set[str]:
    names = {name for child in met for name in ancestors(child)}
    return {name for name in names if any(pattern.matches(name) for pattern in patterns)}


def _recursive(
    met: set[str], matching: set[str], selection: ListSelection
) -> dict[str, tuple[str, ...]]:
    """RFC 5258 §3.5: superiors of what meets the selection are told too, with CHILDINFO.

    One that does not meet it itself only if it stands for a name that is not told.
    """
    above = {name for child in met for name in ancestors(child)}
    above_untold = {name for child in met - matching for name in ancestors(child)}
    info = tuple(
        option.name.replace("_", "-")
        for option in (ListSelection.SUBSCRIBED, ListSelection.SPECIAL_USE)
        if option in selection and option.name
    )
    told = (met | above_untold) & matching
    return {name: info if name in above else () for name in told}


def attributes(
    name: str, mailbox: Mailbox | None, superior: set[str], subscribed: set[str], command: List
) -> list[str]:
    found = []
    if mailbox is None:
        # RFC 5258 §3.4: \NonExistent implies \Noselect; only who knows RFC 5258 knows it.
        found.append("\\NonExistent" if command.extended else "\\Noselect")
    # RFC 5258 §4: either of the two, never both.
    found.append("\\HasChildren" if name in superior else "\\HasNoChildren")
    wants_subscribed = (
        ListReturn.SUBSCRIBED in command.returns or ListSelection.SUBSCRIBED in command.selection
    )
    if wants_subscribed and name in subscribed:
        found.append("\\Subscribed")
    if mailbox is not None and mailbox.special_use is not None:
        # RFC 6154 §2: may be told without being asked for.
        found.append(mailbox.special_use)
    return found


def select_subscribed(
    subscribed: Iterable[str], pattern: ListPattern
) -> list[tuple[str, tuple[str, ...]]]:
    """What LSUB tells, by name: names and attributes."""
    names = set(subscribed)
    told: dict[str, tuple[str, ...]] = {name: () for name in names if pattern.matches(name)}
    if "%" in pattern.text:
        # RFC 3501 §6.3.9: `foo/bar` is subscribed and `foo` is not: LSUB "" % gives `foo`.
        above = {name for child in names - told.keys() for name in ancestors(child)}
        told |= {name: ("\\Noselect",) for name in above - names if pattern.matches(name)}
    return sorted(told.items())
