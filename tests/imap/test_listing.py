"""What LIST and LSUB tell, decided without a database; and the wire around it."""

import pytest

from imap.commands.listing import select, select_subscribed
from imap.protocol.command import parse_command
from imap.protocol.events import Frame, Limits
from imap.protocol.framer import Framer
from imap.protocol.list_pattern import ListPattern
from imap.protocol.listing import List, encode_list
from mailserver.storage.mailboxes import Mailbox
from tests.support.imap_client import Client

USES = {"Sent": "\\Sent", "foo/junk": "\\Junk"}


def mailboxes(*names: str) -> list[Mailbox]:
    return [
        Mailbox(number, 1, name, USES.get(name), 1, 1, 1, 0, 0, 0, 0)
        for number, name in enumerate(names, 1)
    ]


def listed(text: str, names: list[str], subscribed: set[str] | None = None) -> list[str]:
    """The LIST responses to a command, without what all have in common."""
    framer = Framer(Limits())
    framer.feed(b"a " + text.encode() + b"\r\n")
    frame = framer.next()
    assert isinstance(frame, Frame)
    command = parse_command(frame).command
    assert isinstance(command, List)
    patterns = [ListPattern(command.reference, pattern) for pattern in command.patterns]
    return [
        encode_list(one.name, one.attributes, child_info=one.child_info)
        .decode()
        .removeprefix("* LIST ")
        .replace(' "/"', "")
        .rstrip()
        for one in select(mailboxes(*names), subscribed or set(), patterns, command)
    ]


TREE = ["INBOX", "INBOX/old", "Sent", "foo", "foo/bar/baz", "foo/junk"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            'LIST "" %',
            [
                "(\\HasChildren) INBOX",
                "(\\HasNoChildren \\Sent) Sent",
                "(\\HasChildren) foo",
            ],
        ),
        # a name that is no mailbox, between two that are
        (
            "LIST foo/ %",
            ["(\\Noselect \\HasChildren) foo/bar", "(\\HasNoChildren \\Junk) foo/junk"],
        ),
        ('LIST "" foo/*z', ["(\\HasNoChildren) foo/bar/baz"]),
        ('LIST "" inbox', ["(\\HasChildren) INBOX"]),
        ('LIST "" Foo', []),
        ('LIST "" /foo', ["(\\HasChildren) foo"]),
        ('LIST "" (foo Sent Sent)', ["(\\HasNoChildren \\Sent) Sent", "(\\HasChildren) foo"]),
        ('LIST "" ""  RETURN (CHILDREN)', []),
        ('LIST "" foo/bar RETURN ()', ["(\\NonExistent \\HasChildren) foo/bar"]),
        (
            'LIST (SPECIAL-USE) "" *',
            ["(\\HasNoChildren \\Sent) Sent", "(\\HasNoChildren \\Junk) foo/junk"],
        ),
        ('LIST (SPECIAL-USE SUBSCRIBED) "" *', ["(\\HasNoChildren \\Subscribed \\Sent) Sent"]),
        (
            'LIST (SUBSCRIBED) "" *',
            [
                "(\\HasNoChildren \\Subscribed \\Sent) Sent",
                "(\\HasNoChildren \\Subscribed) foo/bar/baz",
                "(\\NonExistent \\HasNoChildren \\Subscribed) gone/deep",
            ],
        ),
        ('LIST (REMOTE) "" Sent', ["(\\HasNoChildren \\Sent) Sent"]),
        (
            'LIST "" Sent RETURN (SUBSCRIBED CHILDREN SPECIAL-USE)',
            ["(\\HasNoChildren \\Subscribed \\Sent) Sent"],
        ),
        # RFC 5258 §3.5 and its examples: superiors stand for names that are not told
        (
            'LIST (SUBSCRIBED RECURSIVEMATCH) "" %',
            [
                "(\\HasNoChildren \\Subscribed \\Sent) Sent",
                '(\\HasChildren) foo ("CHILDINFO" ("SUBSCRIBED"))',
                '(\\NonExistent \\HasNoChildren) gone ("CHILDINFO" ("SUBSCRIBED"))',
            ],
        ),
        (
            'LIST (SUBSCRIBED RECURSIVEMATCH) "" *',
            [
                "(\\HasNoChildren \\Subscribed \\Sent) Sent",
                "(\\HasNoChildren \\Subscribed) foo/bar/baz",
                "(\\NonExistent \\HasNoChildren \\Subscribed) gone/deep",
            ],
        ),
        (
            'LIST (RECURSIVEMATCH SPECIAL-USE) "" foo',
            ['(\\HasChildren) foo ("CHILDINFO" ("SPECIAL-USE"))'],
        ),
    ],
)
def test_list(text: str, told: list[str]) -> None:
    assert listed(text, TREE, {"Sent", "foo/bar/baz", "gone/deep"}) == told


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("*", [("INBOX", ()), ("foo/bar", ()), ("foo/bar/deep", ())]),
        ("%", [("INBOX", ()), ("foo", ("\\Noselect",))]),
        ("foo/%", [("foo/bar", ())]),
        ("foo", []),
        ("f%", [("foo", ("\\Noselect",))]),
    ],
)
def test_lsub(pattern: str, told: list[tuple[str, tuple[str, ...]]]) -> None:
    subscribed = ["INBOX", "foo/bar", "foo/bar/deep"]
    assert select_subscribed(subscribed, ListPattern("", pattern)) == told


async def test_list_status_follows_each_selectable_name(alice: Client) -> None:
    await alice.do("CREATE a/b/c")
    await alice.do("DELETE a/b")
    await alice.append("a", b"Subject: x\r\n\r\n")
    lines = await alice.do('LIST "" a* RETURN (STATUS (MESSAGES UNSEEN))')
    assert lines == [
        b'* LIST (\\HasChildren) "/" a',
        b"* STATUS a (MESSAGES 1 UNSEEN 1)",
        b'* LIST (\\NonExistent \\HasChildren) "/" a/b',
        b'* LIST (\\HasNoChildren) "/" a/b/c',
        b"* STATUS a/b/c (MESSAGES 0 UNSEEN 0)",
    ]


async def test_what_would_take_too_long_is_refused(alice: Client) -> None:
    many = " ".join(f"a%{n}" for n in range(33))
    assert (await alice.ask(f'LIST "" ({many})')).tagged.startswith(b"NO [LIMIT]")
    assert (await alice.ask(f'LIST "" {"%a" * 2000}')).tagged.startswith(b"NO [LIMIT]")
    assert (await alice.ask(f'LSUB "" {"%a" * 2000}')).tagged.startswith(b"NO [LIMIT]")
    assert await alice.do('LIST "" ""') == [b'* LIST (\\Noselect) "/" ""']
