"""Which command may be given in which state, who carries it out, and what is told after it.

Whatever a command does, its client gets one tagged answer: errors end here. What changed in the
selected mailbox is told between the command's own data and that answer.
"""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from imap.commands import (
    acl,
    append,
    authentication,
    context,
    copy,
    expunge,
    fetch,
    listing,
    mailbox,
    metadata,
    multisearch,
    notify,
    quota,
    replace,
    resync,
    search,
    select,
    session,
    sort,
    store,
    thread,
)
from imap.commands import status as status_
from imap.commands.list_line import tell_normalised
from imap.mailboxes.opened import MailboxDeleted
from imap.place import no_permission
from imap.protocol import responses
from imap.protocol.acl import DeleteAcl, GetAcl, ListRights, MyRights, SetAcl
from imap.protocol.append import Append
from imap.protocol.command import Command, Request
from imap.protocol.compression import Compress
from imap.protocol.context import CancelUpdate
from imap.protocol.copy import Copy, Move
from imap.protocol.errors import ParseError
from imap.protocol.fetch import Fetch
from imap.protocol.listing import List, Lsub
from imap.protocol.mailbox import Create, Delete, Rename, Subscribe, Unsubscribe
from imap.protocol.metadata import GetMetadata, SetMetadata
from imap.protocol.multisearch import Esearch
from imap.protocol.notify import Notify
from imap.protocol.quota import GetQuota, GetQuotaRoot, SetQuota
from imap.protocol.replace import Replace
from imap.protocol.responses import Condition
from imap.protocol.search import Search, names_numbers
from imap.protocol.select import Check, Close, Expunge, Select, Unselect
from imap.protocol.session import (
    Authenticate,
    Capability,
    Enable,
    Id,
    Idle,
    Login,
    Logout,
    Namespace,
    Noop,
    StartTls,
    Unauthenticate,
)
from imap.protocol.sort import Sort
from imap.protocol.status import Status
from imap.protocol.store import Store
from imap.protocol.thread import Threading
from imap.session import Answer, Channel, Disconnected, Session, State
from imap.uid_only import refused_by_number
from mailserver import metrics
from mailserver.errors import MailError, StorageUnavailable
from mailserver.logs import logger

log = logger("imap")

_FRESH = State.NOT_AUTHENTICATED
_SELECTED = State.SELECTED
_LOGGED_IN = State.AUTHENTICATED | State.SELECTED
_ANY = _FRESH | _LOGGED_IN

Handler = Callable[[Session, Any], Awaitable[Answer]]
Talker = Callable[[Session, Any, Channel], Awaitable[Answer]]


class Rule(NamedTuple):
    """States that allow a command, and its handler; one that `talks` is given the Channel."""

    states: State
    handler: Handler | None = None
    talks: Talker | None = None


# RFC 3501 §6: command-any, command-nonauth, command-auth, command-select
TABLE: dict[type[Command], Rule] = {
    Capability: Rule(_ANY, session.capability),
    Noop: Rule(_ANY, session.noop),
    Logout: Rule(_ANY, session.logout),
    Id: Rule(_ANY, session.id_),
    StartTls: Rule(_FRESH, session.starttls),
    Login: Rule(_FRESH, authentication.login),
    Authenticate: Rule(_FRESH, talks=authentication.authenticate),
    Unauthenticate: Rule(_LOGGED_IN, session.unauthenticate),
    Enable: Rule(_LOGGED_IN, session.enable),
    Compress: Rule(_LOGGED_IN, session.compress),
    Namespace: Rule(_LOGGED_IN, session.namespace),
    Select: Rule(_LOGGED_IN, select.select),
    Create: Rule(_LOGGED_IN, mailbox.create),
    Delete: Rule(_LOGGED_IN, mailbox.delete),
    Rename: Rule(_LOGGED_IN, mailbox.rename),
    Subscribe: Rule(_LOGGED_IN, mailbox.subscribe),
    Unsubscribe: Rule(_LOGGED_IN, mailbox.unsubscribe),
    List: Rule(_LOGGED_IN, listing.list_),
    Lsub: Rule(_LOGGED_IN, listing.lsub),
    Status: Rule(_LOGGED_IN, status_.status),
    Append: Rule(_LOGGED_IN, talks=append.append),
    SetAcl: Rule(_LOGGED_IN, acl.setacl),
    DeleteAcl: Rule(_LOGGED_IN, acl.deleteacl),
    GetAcl: Rule(_LOGGED_IN, acl.getacl),
    ListRights: Rule(_LOGGED_IN, acl.listrights),
    MyRights: Rule(_LOGGED_IN, acl.myrights),
    GetQuota: Rule(_LOGGED_IN, quota.getquota),
    GetQuotaRoot: Rule(_LOGGED_IN, quota.getquotaroot),
    SetQuota: Rule(_LOGGED_IN, quota.setquota),
    GetMetadata: Rule(_LOGGED_IN, metadata.getmetadata),
    SetMetadata: Rule(_LOGGED_IN, metadata.setmetadata),
    Notify: Rule(_LOGGED_IN, notify.notify),
    Esearch: Rule(_LOGGED_IN, multisearch.esearch),
    Idle: Rule(_LOGGED_IN),  # no coroutine runs while a client idles: the conversation does it
    Check: Rule(_SELECTED, select.check),
    Close: Rule(_SELECTED, select.close),
    Unselect: Rule(_SELECTED, select.unselect),
    Expunge: Rule(_SELECTED, expunge.expunge),
    CancelUpdate: Rule(_SELECTED, context.cancelupdate),
    Search: Rule(_SELECTED, search.search),
    Sort: Rule(_SELECTED, sort.sort),
    Threading: Rule(_SELECTED, thread.thread),
    Fetch: Rule(_SELECTED, fetch.fetch),
    Store: Rule(_SELECTED, store.store),
    Copy: Rule(_SELECTED, copy.copy),
    Move: Rule(_SELECTED, copy.move),
    Replace: Rule(_SELECTED, talks=replace.replace),
}

VERBS = {command: command.__name__.upper() for command in TABLE} | {Threading: "THREAD"}
_BY_NUMBER = (Fetch, Search, Sort, Store, Threading)
# RFC 4314 §4: what a command on the selected mailbox takes; those that are not here take `r`.
_RIGHTS: dict[type[Command], str] = {
    Check: "",
    Close: "",
    Unselect: "",
    Expunge: "re",
    Move: "rte",
    Replace: "rte",  # RFC 8508 §3: as STORE of \Deleted and EXPUNGE
}


def refused_in_state(session: Session, command: Command) -> Answer | None:
    """The answer to a command that this state does not allow; None if it does."""
    if session.state in TABLE[type(command)].states:
        return None
    if session.account is None:
        return Answer.bad("Log in first")
    if TABLE[type(command)].states is _FRESH:
        return Answer.bad("Logged in already")
    return Answer.bad("Select a mailbox first")


def may_expunge(command: Command) -> bool:
    """True if EXPUNGE may be told while the command is answered.

    RFC 3501 §7.4.1: not during FETCH, STORE and SEARCH; §6.4.8 and §5.5: their UID forms name no
    sequence numbers, they may; RFC 7162 §3.2.10.2: but for a UID SEARCH that does name some.
    """
    if isinstance(command, Esearch):
        return not names_numbers(command.search.key)
    if not isinstance(command, _BY_NUMBER):
        return True
    return command.by_uid and not (isinstance(command, Search) and names_numbers(command.key))


async def execute(session: Session, request: Request, channel: Channel) -> Answer:
    """Carry a command out and write everything but its tagged answer.

    Raises Disconnected.
    """
    command = request.command
    session.tag, session.said = request.tag, request.said
    answer = (
        refused_in_state(session, command)
        or resync.refused_without_enable(session, command)
        or refused_by_number(session, command)
    )
    if answer is None:
        answer = await _carried_out(session, command, channel)
        if answer.condition is not Condition.BAD:
            await tell(session, command)
    count(VERBS[type(command)], answer)
    return answer


def count(verb: str, answer: Answer) -> None:
    """One command more in the metrics."""
    metrics.IMAP_COMMANDS.labels(verb, answer.condition.name).inc()


async def _carried_out(session: Session, command: Command, channel: Channel) -> Answer:
    rule = TABLE[type(command)]
    try:
        if refusal := await _denied(session, command):
            return refusal
        await resync.note(session, command)
        if rule.talks is not None:
            answer = await rule.talks(session, command, channel)
        else:
            assert rule.handler is not None
            answer = await rule.handler(session, command)
        if session.rev2 and session.said and answer.condition is Condition.OK:
            await tell_normalised(session, command)
        return answer
    except ParseError as error:
        return Answer.bad(error.text)
    except MailboxDeleted:
        return Answer.no("The mailbox is gone", responses.NONEXISTENT)
    except StorageUnavailable as error:
        log.warning("storage is away", command=VERBS[type(command)], cause=str(error))
        return Answer.no("Not possible now, try again later", responses.UNAVAILABLE)
    except MailError as error:
        log.warning("command failed", command=VERBS[type(command)], cause=str(error))
        return Answer.no(error.text, responses.UNAVAILABLE if error.temporary else responses.CANNOT)
    except Disconnected:
        raise
    except Exception as error:  # a bug of one command; the session goes on
        log.error("command failed", command=VERBS[type(command)], peer=session.peer, exc_info=error)
        return Answer.no("Internal error, it was logged", responses.SERVERBUG)


async def _denied(session: Session, command: Command) -> Answer | None:
    """The answer to a command on the selected mailbox that the user has no right to (any more)."""
    selected = session.selected
    if selected is None or TABLE[type(command)].states is not _SELECTED:
        return None
    if selected.access.stale:
        await selected.access.refresh()
    if selected.access.may(_RIGHTS.get(type(command), "r")):
        return None
    return no_permission()


async def tell(session: Session, command: Command) -> None:
    """Write what changed in the selected mailbox (RFC 3501 §7: a server may at any command)."""
    selected = session.selected
    if selected is None:
        return
    try:
        await selected.access.refresh()
        if not selected.access.readable:
            return
        await selected.opened.refresh()
    except MailboxDeleted:
        return  # the conversation ends, see `lost_mailbox`
    except StorageUnavailable as error:
        log.warning("storage is away", cause=str(error))
    if session.notifier is not None:
        asked = isinstance(command, Expunge | Move | Replace)
        await notify.tell_selected(session, expunge=may_expunge(command), asked=asked)
        selected.opened.tidy()
        return
    by_uid = getattr(command, "by_uid", False) or getattr(command, "uids", None) is not None
    await context.tell_updates(session, expunge=may_expunge(command), by_uid=by_uid)
    selected.opened.tidy()


def lost_mailbox(session: Session) -> bool:
    """True when the selected mailbox is gone: the session cannot go on.

    RFC 2180 §3.3 leaves the ways open; the client is told BYE, so that it cannot take a mailbox
    of the same name made anew for the old one.
    """
    return session.selected is not None and session.selected.opened.state.deleted
