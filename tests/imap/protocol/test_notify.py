"""NOTIFY: the command and its responses."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.protocol.command import Command
from imap.protocol.errors import ParseError
from imap.protocol.fetch import BodyItem, FetchAttribute
from imap.protocol.notify import (
    OF_MESSAGES,
    OF_SELECTED,
    EventGroup,
    Filter,
    Notify,
    NotifyEvent,
    badevent_code,
    encode_notify,
    encode_renamed,
)

Parse = Callable[[bytes], Command]
COUNTS = frozenset((NotifyEvent.MESSAGE_NEW, NotifyEvent.MESSAGE_EXPUNGE))
OF_NAMES = frozenset(NotifyEvent) - OF_MESSAGES


def test_the_examples_of_the_rfc(parse: Parse) -> None:
    # RFC 5465 §3.1, with its errata 1804 and the events that §5 wants together
    command = parse(
        b"notify set status (selected (MessageNew (uid body.peek[header.fields (from to subject)])"
        b" MessageExpunge)) (subtree Lists (MessageNew MessageExpunge))"
    )
    assert isinstance(command, Notify)
    assert command.status
    selected, subtree = command.groups
    uid, header = selected.items
    assert uid is FetchAttribute.UID
    assert isinstance(header, BodyItem)
    assert header.peek
    assert (selected.filter, selected.events) == (Filter.SELECTED, COUNTS)
    assert subtree == EventGroup(Filter.SUBTREE, COUNTS, ("Lists",))
    # RFC 5465 §6
    assert parse(
        b"notify set (mailboxes INBOX (Messagenew messageExpunge)) (personal (SubscriptionChange))"
    ) == Notify(
        (
            EventGroup(Filter.MAILBOXES, COUNTS, ("INBOX",)),
            EventGroup(Filter.PERSONAL, frozenset((NotifyEvent.SUBSCRIPTION_CHANGE,))),
        )
    )
    assert parse(b"NOTIFY NONE") == Notify()
    assert parse(b"NOTIFY SET (selected-delayed NONE)") == Notify(
        (EventGroup(Filter.SELECTED_DELAYED),)
    )


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"SET", b"NONE x", b"SET STATUS", b"SET (personal)", b"SET (personal ())", b"FOO"),
        *(b"SET (nobody NONE)", b"SET (subtree NONE)", b"SET (mailboxes () NONE)", b"SET()"),
        b"SET (selected NONE) (selected-delayed NONE)",
        b"SET (personal (MessageNew))",
        b"SET (personal (MessageExpunge))",
        b"SET (personal (FlagChange))",
        b"SET (selected (MailboxName))",
        b"SET (personal (MessageNew (UID) MessageExpunge))",
        b"SET (selected (MessageNew () MessageExpunge))",
        b"SET (selected (MessageNew (FOO) MessageExpunge))",
        b"SET (personal NONE",
        b"SET (personal FOO)",
    ],
)
def test_what_is_no_notify(parse: Parse, text: bytes) -> None:
    with pytest.raises(ParseError):
        parse(b"NOTIFY " + text)


@pytest.mark.parametrize("event", [b"AnnotationChange", b"FooBar"])
def test_an_event_that_is_not_ours_is_no_fault_of_the_grammar(parse: Parse, event: bytes) -> None:
    command = parse(b"NOTIFY SET (personal (FlagChange %b))" % event)
    assert isinstance(command, Notify)
    assert command.groups[0].unsupported
    assert badevent_code() == (
        b"BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange"
        b" MailboxMetadataChange ServerMetadataChange)"
    )


def test_a_new_name_is_told_with_the_old_one() -> None:
    # RFC 5465 §5.4
    assert encode_renamed("NewMailbox", "OldMailbox", (), utf8=False) == (
        b'* LIST () "/" NewMailbox ("OLDNAME" (OldMailbox))\r\n'
    )


MESSAGE_EVENTS = st.sampled_from([frozenset(), COUNTS, OF_MESSAGES])
NAMES = st.lists(st.sampled_from(["Lists", "a b", "Ünïcode", "INBOX"]), min_size=1, max_size=3)


@st.composite
def groups(draw: st.DrawFn) -> EventGroup:
    filter_ = draw(st.sampled_from([one for one in Filter if one not in OF_SELECTED]))
    events = draw(MESSAGE_EVENTS) | draw(st.frozensets(st.sampled_from(sorted(OF_NAMES, key=str))))
    named = filter_ in (Filter.SUBTREE, Filter.MAILBOXES)
    return EventGroup(filter_, events, tuple(draw(NAMES)) if named else ())


@given(st.lists(groups(), min_size=1, max_size=4), st.booleans())
def test_a_notify_read_back_is_the_same(
    parse: Parse, chosen: list[EventGroup], status: bool
) -> None:
    command = Notify(tuple(chosen), status)
    assert parse(b"NOTIFY " + encode_notify(command)) == command
