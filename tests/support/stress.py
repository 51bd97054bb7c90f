"""Clients that do anything at any time in the same mailboxes, and believe nothing unchecked.

Each has a strict `Picture`; all share a `Ledger` of where every message must be at the end.
"""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.support.imap_client import Client, Reply
from tests.support.imap_picture import Picture

MAILBOXES = ("INBOX", "Archive", "Drafts")
FLAGS = (b"\\Seen", b"\\Flagged", b"\\Answered", b"\\Draft", b"red", b"blue")
MOST = 60  # messages of a mailbox, beyond which more is taken away than comes

_COPYUID = re.compile(rb"\[COPYUID (\d+) ([\d:,]+) ([\d:,]+)\]")
_APPENDUID = re.compile(rb"\[APPENDUID (\d+) (\d+)\]")
_GONE = b"NO [EXPUNGEISSUED]"
_ANSWERS = 30.0  # seconds

Place = tuple[str, int]  # mailbox and UID


@dataclass(slots=True)
class Ledger:
    """Which message was put where, what was moved away, and what may be expunged."""

    placed: dict[Place, str] = field(default_factory=dict)  # its word
    moved: set[Place] = field(default_factory=set)
    deleted: set[Place] = field(default_factory=set)  # had \Deleted, at least for a while
    # Copied before its own place was entered: two answers may come in any order.
    copied: list[tuple[Place, Place]] = field(default_factory=list)

    def put(self, place: Place, word: str) -> None:
        assert place not in self.placed, (place, word)  # RFC 3501 §2.3.1.1: never used again
        self.placed[place] = word

    def settle(self) -> None:
        """Give each copy the word of what it was copied from."""
        waiting = self.copied
        while waiting:
            left: list[tuple[Place, Place]] = []
            for source, target in waiting:
                if source not in self.placed:
                    left.append((source, target))
                    continue
                self.put(target, self.placed[source])
                if source in self.deleted:
                    self.deleted.add(target)  # RFC 3501 §6.4.7: flags are copied, too
            assert len(left) < len(waiting), left  # copied from what nobody put there
            waiting = left
        self.copied = []

    def check(self, there: dict[Place, str]) -> None:
        """Nothing is lost, doubled or changed; `there`: all messages at the end, by word."""
        self.settle()
        for place, word in there.items():
            assert self.placed.get(place) == word, (place, word)
        assert not self.moved & there.keys()
        lost = self.placed.keys() - there.keys() - self.moved - self.deleted
        assert not lost


@dataclass(slots=True)
class Actor:
    """One client, which does what its dice say."""

    name: str
    client: Client
    ledger: Ledger
    dice: random.Random
    mailbox: str = ""  # selected
    picture: Picture = field(default_factory=Picture)
    commands: int = 0
    validities: dict[str, bytes] = field(default_factory=dict)

    async def act(self) -> None:
        """Anything that is allowed now."""
        if not self.mailbox:
            await self.select()
            return
        deeds: dict[Callable[[], Awaitable[None]], int] = {
            self.noop: 4,
            self.fetch: 6,
            self.store: 8,
            self.search: 3,
            self.status: 2,
            self.append: 6 if self.picture.exists < MOST else 1,
            self.copy: 3 if self.picture.exists < MOST else 0,
            self.move: 3,
            self.delete: 2 if self.picture.exists < MOST else 6,
            self.idle: 3,
            self.close: 1,
            self.select: 1,
        }
        [deed] = self.dice.choices(list(deeds), list(deeds.values()))
        await deed()

    # ── talking ─────────────────────────────────────────────────────────────────────────────

    async def ask(self, verb: bytes, text: bytes = b"", *, may_be_gone: bool = False) -> Reply:
        """A command, every line of its answer checked."""
        tag = b"c%d" % self.commands
        self.commands += 1
        self.client.send(tag + b" " + verb + text + b"\r\n")
        reply = await self._answer(tag, verb)
        assert reply.ok or (may_be_gone and reply.tagged.startswith(_GONE)), (verb, text, reply)
        return reply

    async def _answer(self, tag: bytes, verb: bytes) -> Reply:
        lines = []
        while True:
            line = await self.client.line(_ANSWERS)
            if line.startswith(tag + b" "):
                return Reply(lines, line[len(tag) + 1 :])
            self.picture.hear(verb, line)
            lines.append(line)

    def some(self) -> range:
        """A few places next to each other, of those that exist."""
        start = self.dice.randrange(self.picture.exists)
        return range(start, min(self.picture.exists, start + self.dice.randint(1, 4)))

    def named(self, places: range) -> tuple[bytes, bytes]:
        """ "UID " or nothing, and a set that names the places."""
        first, last = (self.picture.uids[place] for place in (places[0], places[-1]))
        if first is not None and last is not None and self.dice.random() < 0.5:
            return b"UID ", b"%d:%d" % (first, last)
        return b"", b"%d:%d" % (places[0] + 1, places[-1] + 1)

    # ── what it does ────────────────────────────────────────────────────────────────────────

    async def select(self) -> None:
        name = self.dice.choice(MAILBOXES)
        self.picture, self.mailbox = Picture(), ""
        await self.ask(b"SELECT", b" " + name.encode())
        self.mailbox = name
        assert self.picture.uid_validity
        known = self.validities.setdefault(name, self.picture.uid_validity)
        assert known == self.picture.uid_validity

    async def noop(self) -> None:
        await self.ask(b"NOOP")

    async def fetch(self) -> None:
        if not self.picture.exists:
            return
        by_uid, names = self.named(self.some())
        items = self.dice.choice(
            (b"FLAGS", b"(UID FLAGS)", b"(UID BODY.PEEK[])", b"(FLAGS ENVELOPE)", b"BODY[TEXT]")
        )
        await self.ask(by_uid + b"FETCH", b" " + names + b" " + items, may_be_gone=True)

    async def store(self) -> None:
        if not self.picture.exists:
            return
        places = self.some()
        by_uid, names = self.named(places)
        mode, silent = self.dice.choice(("", "+", "-")), self.dice.choice(("", ".SILENT"))
        flags = frozenset(self.dice.sample(FLAGS, self.dice.randint(1, 2)))
        if silent:
            self.picture.will_store(places, mode, flags)
        item = f" {mode}FLAGS{silent} (".encode() + b" ".join(flags) + b")"
        await self.ask(by_uid + b"STORE", b" " + names + item, may_be_gone=True)

    async def search(self) -> None:
        verb = self.dice.choice((b"SEARCH", b"UID SEARCH"))
        key = self.dice.choice((b"ALL", b"UNSEEN", b"KEYWORD red", b"SUBJECT w", b"DELETED"))
        await self.ask(verb, b" " + key)

    async def status(self) -> None:
        others = [name for name in MAILBOXES if name != self.mailbox]
        name = self.dice.choice(others).encode()
        await self.ask(b"STATUS", b" " + name + b" (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)")

    async def append(self) -> None:
        name, word = self.dice.choice(MAILBOXES), f"w{self.name}x{self.commands}"
        body = b"x" * self.dice.choice((10, 2_000, 20_000))
        message = b"From: <a@b.test>\r\nSubject: %b\r\n\r\n%b\r\n" % (word.encode(), body)
        text = b" %b (\\Seen) {%d+}\r\n%b" % (name.encode(), len(message), message)
        reply = await self.ask(b"APPEND", text)
        found = _APPENDUID.search(reply.tagged)
        assert found is not None, reply
        self._valid(name, found[1])
        self.ledger.put((name, int(found[2])), word)

    async def copy(self) -> None:
        await self._transfer(b"COPY")

    async def move(self) -> None:
        await self._transfer(b"MOVE")

    async def _transfer(self, verb: bytes) -> None:
        if not self.picture.exists:
            return
        by_uid, names = self.named(self.some())
        target = self.dice.choice([name for name in MAILBOXES if name != self.mailbox])
        text = b" " + names + b" " + target.encode()
        reply = await self.ask(by_uid + verb, text, may_be_gone=True)
        for found in map(_COPYUID.search, [*reply.lines, reply.tagged]):
            if found is None:
                continue
            self._valid(target, found[1])
            for source, new in zip(_uids(found[2]), _uids(found[3]), strict=True):
                place = self.mailbox, source
                self.ledger.copied.append((place, (target, new)))
                if verb == b"MOVE":
                    assert place not in self.ledger.moved, place
                    self.ledger.moved.add(place)

    async def delete(self) -> None:
        """Messages that are flagged \\Deleted, told of, and removed in one of the ways."""
        if not self.picture.exists:
            return
        by_uid, names = self.named(self.some())
        item = b" +FLAGS (\\Deleted)"
        # Whoever expunges may do so before this is answered.
        told = await self.ask(
            b"UID FETCH" if by_uid else b"FETCH", b" " + names + b" UID", may_be_gone=True
        )
        uids = [int(uid) for line in told.lines for uid in re.findall(rb"\bUID (\d+)", line)]
        self.ledger.deleted |= {(self.mailbox, uid) for uid in uids}
        if not uids:
            return
        await self.ask(
            b"UID STORE", b" %b%b" % (b",".join(b"%d" % u for u in uids), item), may_be_gone=True
        )
        if self.dice.random() < 0.5:
            await self.ask(b"EXPUNGE")
        else:
            await self.ask(b"UID EXPUNGE", b" " + b",".join(b"%d" % uid for uid in uids))

    async def idle(self) -> None:
        tag = b"c%d" % self.commands
        self.commands += 1
        self.client.send(tag + b" IDLE\r\n")
        assert (await self.client.line(_ANSWERS)).startswith(b"+ ")
        await asyncio.sleep(self.dice.random() * 0.3)
        self.client.send(b"DONE\r\n")
        reply = await self._answer(tag, b"IDLE")
        assert reply.ok, reply

    async def close(self) -> None:
        """RFC 3501 §6.4.2: what is \\Deleted goes, and nothing is told of it."""
        await self.ask(b"CLOSE")
        self.picture, self.mailbox = Picture(), ""

    def _valid(self, mailbox: str, uid_validity: bytes) -> None:
        assert self.validities.setdefault(mailbox, uid_validity) == uid_validity


def _uids(text: bytes) -> list[int]:
    """A UID set, in its order."""
    uids: list[int] = []
    for part in text.split(b","):
        first, _, last = part.partition(b":")
        uids += range(int(first), int(last or first) + 1)
    return uids
