"""Sessions in two processes and one mailbox, in any order: no client is told what cannot be.

Each session's lines go to a strict client model (`Picture`); the log and the rows of the database
are lists here, so that processes hear of each other as late as chance wants.
"""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from imap.mailboxes.columns import FLAGGED, SEEN
from imap.mailboxes.rendering import flags_bytes
from imap.mailboxes.state import MailboxState
from imap.mailboxes.view import View
from imap.protocol import responses
from imap.protocol.fetch import encode_fetch
from imap.session import Selected
from imap.updates import update_lines
from mailserver.mail import rights
from mailserver.storage.events import Event, Kind, State
from tests.support.imap_picture import Picture

WORD = 1 << 5
NAMES = {SEEN: b"\\Seen", FLAGGED: b"\\Flagged", WORD: b"word"}
Row = tuple[int, int, int, int]  # uid, message id, flags, modseq


@dataclass
class Stored:
    """What Postgres holds: the log, and rows that lag behind it."""

    log: list[Event] = field(default_factory=list)
    rows: dict[int, Row] = field(default_factory=dict)
    uid_next: int = 1
    folded: int = 1  # modseq

    @property
    def modseq(self) -> int:
        return self.log[-1].modseq if self.log else 1

    def fold(self) -> None:
        """Bring the rows up to the log."""
        for event in self.log:
            for uid in list(self.rows) if event.modseq > self.folded else ():
                if any(first <= uid <= last for first, last in event.ranges()):
                    self._fold(event, self.rows[uid])
        self.folded = self.modseq

    def _fold(self, event: Event, row: Row) -> None:
        uid, message, flags, _ = row
        if event.kind is Kind.EXPUNGE:
            del self.rows[uid]
        elif event.kind is Kind.FLAGS:
            flags = flags & ~event.clear_mask | event.set_mask
            self.rows[uid] = (uid, message, flags, event.modseq)


class Process:
    """One process's state, which knows the log up to somewhere."""

    def __init__(self, stored: Stored) -> None:
        self.stored = stored
        self.state = MailboxState(State(*(1, 1, 1, 1, 1, 1, 1), keywords=["word"]))

    def catch_up(self, *, again: int = 0) -> None:
        """Take what it does not know, and `again` so many events that it does."""
        known = sum(event.modseq <= self.state.modseq for event in self.stored.log)
        for event in self.stored.log[max(0, known - again) :]:
            first, last = event.runs[0], event.runs[-1]
            found = sorted(row for uid, row in self.stored.rows.items() if first <= uid <= last)
            self.state.apply(event, found if event.kind is Kind.APPEND else ())

    def write(self, kind: Kind, runs: list[int], set_mask: int = 0, clear_mask: int = 0) -> int:
        """What a row lock allows: the whole log is known, then there is one event more."""
        self.catch_up()
        event = Event(self.stored.modseq + 1, kind, runs, set_mask, clear_mask)
        self.stored.log.append(event)
        if kind is not Kind.APPEND:
            self.state.apply(event)
        return event.modseq


class Session:
    """A client, and the mailbox it has selected."""

    def __init__(self, process: Process, *, rev2: bool = False) -> None:
        process.catch_up()
        self.process = process
        self.view = View(process.state, read_only=False, takes_recent=not rev2)
        opened: Any = SimpleNamespace(state=process.state)
        access: Any = SimpleNamespace(rights=rights.ALL)
        selected = Selected("INBOX", opened, self.view, access, keywords=1)
        self.session: Any = SimpleNamespace(
            mailbox=lambda: selected, qresync=False, condstore=False, uid_only=False, rev2=rev2
        )
        self.picture = Picture(rev2=rev2)
        self.picture.hear(b"SELECT", responses.exists(self.view.count))
        self.fetch_new()

    def tell(self, verb: bytes, *, expunge: bool) -> None:
        by_uid = verb.startswith(b"UID ")
        pieces = update_lines(self.session, expunge=expunge, by_uid=by_uid)
        for line in b"".join(pieces).splitlines():
            self.picture.hear(verb, line)
        self.fetch_new()

    def fetch_new(self) -> None:
        """Ask for what is not known: then nothing can be told wrong without being noticed."""
        for number, uid in enumerate(self.picture.uids, 1):
            if uid is None:
                self.fetch(number)

    def fetch(self, number: int) -> None:
        entry = self.view.entry(number)
        assert entry is not None
        flags = flags_bytes(self.process.state, entry.flags, False)
        line = encode_fetch(number, b"UID %d FLAGS %b" % (entry.uid, flags))
        self.picture.hear(b"FETCH", line)


WHO = st.integers(0, 3)
WHICH = st.integers(0, 30)


class Views(RuleBasedStateMachine):
    """Four sessions, two in each process."""

    rev2 = False

    def __init__(self) -> None:
        super().__init__()
        self.stored = Stored()
        self.processes = [Process(self.stored), Process(self.stored)]
        self.append(process=0, count=4)
        self.sessions = [self.session(self.processes[number % 2]) for number in range(4)]

    def session(self, process: Process) -> Session:
        return Session(process, rev2=self.rev2)

    def place(self, session: Session, which: int) -> int | None:
        """A message that the client believes in, by its place."""
        return which % session.picture.exists if session.picture.exists else None

    @rule(process=st.integers(0, 1), count=st.integers(1, 3))
    def append(self, process: int, count: int) -> None:
        first, last = self.stored.uid_next, self.stored.uid_next + count - 1
        self.stored.uid_next = last + 1
        modseq = self.processes[process].write(Kind.APPEND, [first, last])
        for uid in range(first, last + 1):
            self.stored.rows[uid] = (uid, 100 + uid, 0, modseq)

    @rule(process=st.integers(0, 1), which=WHICH, length=st.integers(1, 3))
    def expunge(self, process: int, which: int, length: int) -> None:
        one = self.processes[process]
        one.catch_up()
        uids = one.state.columns.uids
        if uids:
            start = which % len(uids)
            gone = uids[start : start + length]
            one.write(Kind.EXPUNGE, [gone[0], gone[-1]])

    @rule(
        who=WHO,
        which=WHICH,
        mask=st.sampled_from(list(NAMES)),
        silent=st.booleans(),
        adds=st.booleans(),
    )
    def store(self, who: int, which: int, mask: int, silent: bool, adds: bool) -> None:
        session = self.sessions[who]
        place = self.place(session, which)
        if place is None:
            return
        session.process.catch_up()
        uid = session.view.uid(place + 1)
        if session.process.state.columns.find(uid) is None:
            return  # expunged meanwhile: STORE says so
        if silent:
            names = frozenset({NAMES[mask]})
            session.picture.will_store(range(place, place + 1), "+" if adds else "-", names)
        masks = (mask, 0) if adds else (0, mask)
        session.view.told(session.process.write(Kind.FLAGS, [uid, uid], *masks))
        if not silent:
            session.fetch(place + 1)
        session.tell(b"STORE", expunge=False)

    @rule(who=WHO, which=WHICH)
    def fetch(self, who: int, which: int) -> None:
        session = self.sessions[who]
        place = self.place(session, which)
        if place is not None:
            session.fetch(place + 1)
            session.tell(b"FETCH", expunge=False)

    @rule(who=WHO, verb=st.sampled_from([b"NOOP", b"IDLE", b"UID FETCH", b"UID STORE"]))
    def hear_everything(self, who: int, verb: bytes) -> None:
        self.sessions[who].tell(verb, expunge=True)

    @rule(who=WHO)
    def select_anew(self, who: int) -> None:
        self.sessions[who] = self.session(self.sessions[who].process)

    @rule(process=st.integers(0, 1), again=st.integers(0, 2))
    def notified(self, process: int, again: int) -> None:
        self.processes[process].catch_up(again=again)

    @rule()
    def fold(self) -> None:
        self.stored.fold()

    @invariant()
    def clients_believe_what_their_views_say(self) -> None:
        for session in self.sessions:
            assert session.picture.exists == session.view.count
            for number, uid in enumerate(session.picture.uids, 1):
                assert uid == session.view.uid(number)
        for process in self.processes:  # as `tidy` does
            views = [one.view for one in self.sessions if one.process is process]
            process.state.forget(
                [view.position for view in views], settled=all(view.settled for view in views)
            )

    def teardown(self) -> None:
        """All catch up, and all see the same."""
        self.stored.fold()
        truth = sorted(self.stored.rows.values())
        for session in self.sessions:
            session.process.catch_up()
            session.tell(b"NOOP", expunge=True)
            picture = session.picture
            assert picture.exists == len(truth)
            for place, (uid, _, mask, _) in enumerate(truth):
                assert picture.uids[place] == uid
                flags = frozenset(name for bit, name in NAMES.items() if mask & bit)
                assert picture.flags[place] == flags


TestViews = Views.TestCase
TestViews.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


class Rev2Views(Views):
    """The same in IMAP4rev2: without RECENT, and UIDs in every FETCH."""

    rev2 = True


TestRev2Views = Rev2Views.TestCase
TestRev2Views.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
