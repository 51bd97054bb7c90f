"""One client: who it is, what it has selected, and the way to write to it.

Commands (imap/commands/) are coroutines of a Session and a parsed command that give an Answer; the
dispatcher tells what changed meanwhile and then writes the tagged line. A command writes its own
untagged data with `write()`, which waits while the client does not read.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, Flag, auto
from typing import Protocol

from imap.access import Access
from imap.changes.annotations import Annotations
from imap.changes.notifier import Notifier
from imap.known_names import KnownNames
from imap.mailboxes.opened import OpenMailbox
from imap.mailboxes.registry import Mailboxes
from imap.mailboxes.view import View
from imap.messages.cache import MessageCache
from imap.protocol.events import Frame, LiteralRequested
from imap.protocol.responses import Condition
from imap.protocol.tokens import NOTHING_SAID
from imap.searching.contexts import Contexts
from mailserver.accounts import Account
from mailserver.node import Node


class Disconnected(Exception):
    """The client is gone or has not read for too long, or what it is being told cannot be ended.

    The command ends without an answer, and the connection with it.
    """


@dataclass(slots=True)
class Services:
    """What all sessions of this process share."""

    node: Node
    mailboxes: Mailboxes
    messages: MessageCache
    names: KnownNames
    sessions: int = 0  # open connections of all doors
    # One APPEND of several messages has them in memory at a time, until they are stored.
    appending: asyncio.Lock = field(default_factory=asyncio.Lock)


class State(Flag):
    """RFC 3501 §3; the logout state is the end of the connection."""

    NOT_AUTHENTICATED = auto()
    AUTHENTICATED = auto()
    SELECTED = auto()


class After(Enum):
    """What the connection does once a command is answered."""

    GO_ON = auto()
    START_TLS = auto()
    COMPRESS = auto()
    UNAUTHENTICATE = auto()
    CLOSE = auto()


@dataclass(slots=True)
class Answer:
    """The end of a command: `tag condition [code] text`."""

    condition: Condition
    text: str
    code: bytes | None = None
    after: After = After.GO_ON

    @classmethod
    def ok(cls, text: str, code: bytes | None = None) -> "Answer":
        return cls(Condition.OK, text, code)

    @classmethod
    def no(cls, text: str, code: bytes | None = None) -> "Answer":
        """The command was understood and could not be done; nothing of it was."""
        return cls(Condition.NO, text, code)

    @classmethod
    def bad(cls, text: str) -> "Answer":
        """The command makes no sense, or not in this state."""
        return cls(Condition.BAD, text)


class Channel(Protocol):
    """What the few commands need that go on talking with their client."""

    async def ask(self, challenge: bytes) -> bytes:
        """Write a line with CR LF; gives the client's next line, without its end.

        Raises ParseError when that is too long.
        """

    @property
    def ssl_object(self) -> ssl.SSLObject | None:
        """The TLS of the connection."""

    async def receive(self, write: Callable[[bytes], None]) -> Frame | LiteralRequested | Answer:
        """Take the announced literal of a message, piece by piece.

        Gives what follows: the whole command, the next such literal that is announced, or a
        refusal.
        """


@dataclass(slots=True)
class Selected:
    """The selected mailbox of a session (RFC 3501 §3.3)."""

    name: str
    opened: OpenMailbox
    view: View
    access: Access
    keywords: int = 0  # how many of the mailbox's keywords the client was told of by FLAGS
    contexts: Contexts | None = None  # results whose changes are told (RFC 5267)


@dataclass(slots=True)
class Session:
    """The state of one connection; `account` None: not authenticated."""

    services: Services
    write: Callable[[bytes], Awaitable[None]]
    peer: str  # address of the client, for logs and limits
    door: str = "imap"  # or imaps, in metrics
    secure: bool = False  # TLS is on
    compressed: bool = False  # RFC 4978
    failed_logins: int = 0
    account: Account | None = None
    selected: Selected | None = None
    utf8: bool = False  # mailbox names are UTF-8 both ways (RFC 6855, RFC 9051)
    enabled: frozenset[str] = frozenset()  # RFC 5161
    tag: bytes = b""  # of the command that runs
    said: Mapping[str, str] = field(
        default_factory=lambda: NOTHING_SAID
    )  # as `Request.said` of that command
    hidden: frozenset[str] = frozenset()  # capabilities it is not told of, in upper case
    notifier: Notifier | None = None  # what NOTIFY asked for (RFC 5465); None: it was never given
    annotations: Annotations | None = None  # if it hears of their changes (RFC 5464 §4.4)
    flush: Callable[[], None] = lambda: None  # what was written goes out now
    wake: Callable[[], None] = lambda: None  # there may be something to tell unasked

    @property
    def state(self) -> State:
        if self.account is None:
            return State.NOT_AUTHENTICATED
        return State.AUTHENTICATED if self.selected is None else State.SELECTED

    @property
    def condstore(self) -> bool:
        """The client knows of modseqs (RFC 7162 §3.1)."""
        return "CONDSTORE" in self.enabled

    @property
    def qresync(self) -> bool:
        """The client is told VANISHED in place of EXPUNGE (RFC 7162 §3.2.3)."""
        return "QRESYNC" in self.enabled

    @property
    def rev2(self) -> bool:
        """The client speaks IMAP4rev2 (RFC 9051)."""
        return "IMAP4REV2" in self.enabled

    @property
    def utf8_accept(self) -> bool:
        """The client has enabled what RFC 6855 adds to UTF-8 in names."""
        return "UTF8=ACCEPT" in self.enabled

    @property
    def uid_only(self) -> bool:
        """The client uses no sequence numbers, and is told none of messages (RFC 9586)."""
        return "UIDONLY" in self.enabled

    @property
    def listens(self) -> bool:
        """It may have to be told something while no command runs."""
        return self.notifier is not None or self.annotations is not None

    @property
    def node(self) -> Node:
        return self.services.node

    def user(self) -> Account:
        """The account of an authenticated session; the dispatcher has checked the state."""
        assert self.account is not None
        return self.account

    def mailbox(self) -> Selected:
        """The selected mailbox; the dispatcher has checked the state."""
        assert self.selected is not None
        return self.selected

    def stop_notifying(self) -> None:
        """Hear of no other mailboxes any more."""
        notifier, self.notifier = self.notifier, None
        if notifier is not None:
            notifier.close()

    def end(self) -> None:
        """Hear of nothing any more."""
        self.stop_notifying()
        annotations, self.annotations = self.annotations, None
        if annotations is not None:
            annotations.close()

    async def unselect(self) -> None:
        """Leave the selected mailbox, if there is one; nothing is expunged."""
        selected, self.selected = self.selected, None
        if selected is not None:
            selected.access.close()
            await selected.opened.leave(selected.view)
