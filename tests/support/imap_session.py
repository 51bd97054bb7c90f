"""A session of the IMAP door without its socket: commands go in as bytes, lines come out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from imap.dispatch import execute
from imap.known_names import KnownNames
from imap.mailboxes.registry import Mailboxes
from imap.messages.cache import MessageCache
from imap.protocol.command import parse_command
from imap.protocol.events import Frame, Limits, LiteralRequested
from imap.protocol.framer import Framer
from imap.protocol.responses import tagged
from imap.session import Answer, Services, Session
from mailserver.accounts import Account
from mailserver.ingest import Arrival, Placement
from mailserver.node import Node
from mailserver.storage import mailboxes
from tests.support.node import ALICE

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
PREFIX = b"Return-Path: <ann@elsewhere.test>\r\nDelivered-To: alice@example.test\r\n"

_LITERAL = re.compile(rb"\{(\d+)\}\r\n\Z")


class Silent:
    """The Channel of commands that ask their client nothing."""

    async def ask(self, challenge: bytes) -> bytes:
        raise AssertionError(challenge)

    async def receive(self, write: object) -> Frame | Answer:
        raise AssertionError(write)


def services(node: Node) -> Services:
    """What the sessions of one process share."""
    return Services(
        node,
        Mailboxes(node.database, node.changes),
        MessageCache(node.database, node.settings.imap.cache_bytes),
        KnownNames(node.changes, node.rights_changes, node.listener),
    )


@dataclass
class Client:
    """A logged-in session; `do()` is one command from its line to its tagged answer."""

    session: Session
    account: Account
    written: list[bytes] = field(default_factory=list)  # as the session wrote it, piece by piece

    @classmethod
    async def login(cls, shared: Services, address: str = ALICE) -> "Client":
        account = await shared.node.accounts.find(address)
        assert account is not None
        pieces: list[bytes] = []

        async def write(data: bytes) -> None:
            pieces.append(data)

        return cls(Session(shared, write, "test", secure=True, account=account), account, pieces)

    async def raw(self, line: bytes) -> bytes:
        """All that the server says to `line`, which may hold literals."""
        framer = Framer(Limits(message=1 << 20, literal=1 << 20, command=1 << 21))
        framer.feed(b"a " + line + b"\r\n")
        event = framer.next()
        while isinstance(event, LiteralRequested):
            framer.accept()
            event = framer.next()
        assert isinstance(event, Frame), event
        request = parse_command(event)
        self.written.clear()
        answer = await execute(self.session, request, Silent())
        self.written.append(tagged(request.tag, answer.condition, answer.text, answer.code))
        return b"".join(self.written)

    async def do(self, line: bytes) -> list[bytes]:
        """The lines of the answer, each with its literals and without its last CR LF."""
        return list(lines(await self.raw(line)))

    async def ok(self, line: bytes) -> list[bytes]:
        """The untagged lines of a command that must succeed."""
        *untagged, answer = await self.do(line)
        assert answer.startswith(b"a OK"), answer
        return untagged

    async def deliver(
        self,
        content: bytes,
        name: str = "INBOX",
        *,
        prefix: bytes = PREFIX,
        date: datetime = NOW,
        flags: int = 0,
        keywords: tuple[str, ...] = (),
    ) -> int:
        """Place a message in a mailbox; gives its UID."""
        node = self.session.node
        async with node.database.connection() as c:
            mailbox = await mailboxes.find(c, self.account.id, name)
        assert mailbox is not None
        placement = Placement(
            *(self.account.id, self.account.organization_id, mailbox.id, prefix, date),
            flags=flags,
            keywords=keywords,
        )
        receipt = await node.ingest.accept(Arrival(content, [placement]))
        return receipt.placed[0].uid


def lines(data: bytes) -> Iterator[bytes]:
    """Responses, each with its literals and without its last CR LF."""
    start = position = 0
    while position < len(data):
        position = data.index(b"\r\n", position) + 2
        announced = _LITERAL.search(data, start, position)
        if announced is not None:
            position += int(announced[1])
            continue
        yield data[start : position - 2]
        start = position


def item(line: bytes, label: bytes) -> bytes | None:
    """The string of an item in a FETCH response; None for NIL."""
    _, found, rest = line.partition(label + b" ")
    assert found, line[:200]
    if rest.startswith(b"NIL"):
        return None
    announced = re.match(rb"\{(\d+)\}\r\n", rest)
    assert announced is not None, rest[:80]
    value = rest[announced.end() : announced.end() + int(announced[1])]
    assert len(value) == int(announced[1])
    return value


def message(
    subject: str = "greetings",
    *,
    sender: str = "Ann <ann@elsewhere.test>",
    body: str = "Good morning.\r\n",
    date: str = "Tue, 24 Nov 2026 04:00:00 +0000",
    extra: str = "",
) -> bytes:
    """A small well-formed message."""
    return (
        f"From: {sender}\r\nTo: alice@example.test\r\nSubject: {subject}\r\nDate: {date}\r\n"
        f"Message-ID: <{abs(hash(subject))}@elsewhere.test>\r\n{extra}\r\n{body}"
    ).encode()
