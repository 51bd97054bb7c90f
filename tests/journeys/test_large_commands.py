"""IMAP commands as long, as deep and as many-membered as a client can make them, at a live server.

Each is answered, what is too much is refused before it is read, and the same worker goes on.
"""

from collections.abc import Iterator

import psutil
import pytest

from tests.support.letters import BOB, Letter, reading
from tests.support.server import Server, running
from tests.support.wire import Wire, at_imap

LIMIT = 1 << 20  # bytes of a message: a setting of this server
LINE = 64 * 1024  # bytes of a line, without its end
MOST_RANGES = b"1:2," * (LINE // 4 - 100)
MILLION = b"1:2," * 1_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One worker, so that it is known who has to survive, and three letters for bob."""
    limit = {"MAILSERVER__IMAP__MAX_LITERAL": str(LIMIT)}
    folder = tmp_path_factory.mktemp("large") / "var"
    with running(folder, workers=1, roles=("imap",), **limit) as started:
        with reading(started, BOB) as client:
            for _ in range(3):
                assert client.append("INBOX", "", "", Letter(BOB, BOB).content)[0] == "OK"
        yield started
        assert started.stop() == 0
        assert not any("Traceback" in line for line in started.output)


@pytest.fixture
def bob(server: Server) -> Iterator[Wire]:
    """A client that has selected its INBOX; the worker is the same one afterwards."""
    [before] = server.workers()
    with at_imap(server, login=True) as wire:
        yield wire
    assert server.workers() == [before]
    assert before.status() != psutil.STATUS_ZOMBIE


def answered(wire: Wire, command: bytes, wanted: bytes) -> None:
    """The answer to a command with tag `a`, and what is said after it is answered too."""
    wire.send(command)
    answer = wire.until(rb"a |\* BAD ")
    assert answer.startswith(wanted), answer
    wire.send(b"z NOOP\r\n")
    assert wire.until(b"z OK ")


# ── lines and literals ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("length", "wanted"), [(LINE, b"a OK "), (LINE + 1, b"a BAD ")])
def test_a_line_has_64_kibibytes(bob: Wire, length: int, wanted: bytes) -> None:
    before, after = b'a SEARCH SUBJECT "', b'"'
    answered(bob, (before.ljust(length - 1, b"x") + after) + b"\r\n", wanted)


REFUSED = {
    "message": b"a APPEND INBOX {%d}\r\n" % (LIMIT + 1),
    "message that may hold NUL": b"a APPEND INBOX ~{%d}\r\n" % (LIMIT + 1),
    "second message": b"a APPEND INBOX {2+}\r\nx\n {%d}\r\n" % (LIMIT + 1),
    "text of a message": b"a APPEND INBOX CATENATE (TEXT {%d}\r\n" % (LIMIT + 1),
    "message in place of another": b"a REPLACE 1 INBOX {%d}\r\n" % (LIMIT + 1),
    "name": b"a CREATE {%d}\r\n" % (LINE + 1),
    "annotation": b"a SETMETADATA INBOX (/private/comment {%d}\r\n" % LIMIT,
    "needle": b"a SEARCH BODY {%d}\r\n" % LIMIT,
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_literal_over_its_limit_is_refused_before_it_is_sent(bob: Wire, name: str) -> None:
    answered(bob, REFUSED[name], b"a NO ")


def test_a_literal_that_comes_unasked_is_read_off_and_no_command(bob: Wire) -> None:
    inside = b"a LOGOUT\r\n" * (LIMIT // 10 + 1)
    answered(bob, b"a APPEND INBOX {%d+}\r\n%b\r\n" % (len(inside), inside), b"a NO [TOOBIG] ")


def test_who_announces_more_than_can_be_read_off_is_left(bob: Wire) -> None:
    bob.send(b"a APPEND INBOX {%d+}\r\n" % (100 * LIMIT))
    assert bob.until(b"a NO ")
    assert bob.until(rb"\* BYE ")


def test_literals_of_one_command_are_counted_together(bob: Wire) -> None:
    needle = b"SUBJECT {60000+}\r\n" + b"x" * 60_000 + b" "
    answered(bob, b"a SEARCH " + needle * 20 + b"ALL\r\n", b"a NO [TOOBIG] ")


@pytest.mark.parametrize("size", [b"8193", b"100000", b"999999999"])
def test_before_login_little_is_taken(server: Server, size: bytes) -> None:
    for announced in (b"{%b}", b"{%b+}"):
        with at_imap(server, login=False) as wire:
            wire.send(b"a LOGIN " + announced % size + b"\r\n")
            assert wire.until(rb"a (NO|BAD) ")


# ── lists and programs ──────────────────────────────────────────────────────────────────────

LISTS = (
    b"APPEND INBOX %b",
    b"APPEND INBOX CATENATE %b",
    b"COMPRESS %b",
    b"FETCH 1 %b",
    b"FETCH 1 BODY[HEADER.FIELDS %b]",
    b"FETCH 1 FLAGS %b",
    b"GETMETADATA %b INBOX",
    b"GETMETADATA INBOX %b",
    b"ID %b",
    b'LIST %b "" *',
    b'LIST "" %b',
    b'LIST "" * RETURN %b',
    b"NOTIFY SET %b",
    b"NOTIFY SET (SELECTED %b)",
    b"SEARCH %b",
    b"SEARCH RETURN %b ALL",
    b"SELECT INBOX %b",
    b"SELECT INBOX (QRESYNC %b)",
    b"SETMETADATA INBOX %b",
    b"SETQUOTA INBOX %b",
    b"SORT %b UTF-8 ALL",
    b"SORT (DATE) UTF-8 %b",
    b"STATUS INBOX %b",
    b"STORE 1 %b FLAGS (x)",
    b"STORE 1 FLAGS %b",
    b"THREAD REFERENCES UTF-8 %b",
    b"UID FETCH 1 %b",
)


@pytest.mark.parametrize("command", LISTS, ids=lambda command: command.decode())
def test_a_thousand_nested_lists_are_no_command(bob: Wire, command: bytes) -> None:
    for inside in (b"ALL", b""):
        for closed in (b")" * 1000, b""):
            answered(bob, b"a " + command % (b"(" * 1000 + inside + closed) + b"\r\n", b"a BAD ")


DEEP = {
    "parentheses": b"(" * 100 + b"ALL" + b")" * 100,
    "NOT": b"NOT " * 100 + b"ALL",
    "OR": b"OR SEEN " * 100 + b"ALL",
    "OR to the left": b"OR " * 100 + b"ALL" + b" SEEN" * 100,
    "all of them": b"NOT (OR SEEN " * 33 + b"ALL" + b")" * 33,
}


@pytest.mark.parametrize("verb", [b"SEARCH", b"SORT (ARRIVAL) UTF-8", b"THREAD REFERENCES UTF-8"])
@pytest.mark.parametrize("name", DEEP)
def test_a_program_of_a_hundred_levels_is_carried_out(bob: Wire, verb: bytes, name: str) -> None:
    answered(bob, b"a %b %b\r\n" % (verb, DEEP[name]), b"a OK ")


# ── sets ────────────────────────────────────────────────────────────────────────────────────

SETS = (
    b"FETCH %b FLAGS",
    b"FETCH %b BODY.PEEK[]",
    b"UID FETCH %b FLAGS",
    b"STORE %b +FLAGS (\\Seen)",
    b"UID STORE %b FLAGS ()",
    b"SEARCH %b",
    b"SEARCH NOT UID %b",
    b"SORT (ARRIVAL) UTF-8 UID %b",
    b"THREAD REFERENCES UTF-8 %b",
    b"COPY %b Sent",
    b"UID EXPUNGE %b",
    b"SELECT INBOX (QRESYNC (1 1 %b))",
)


@pytest.mark.parametrize("command", SETS, ids=lambda command: command.decode())
def test_a_line_full_of_ranges_is_a_set_and_a_million_are_too_many(
    bob: Wire, command: bytes
) -> None:
    bob.send(b"e ENABLE QRESYNC\r\n")
    assert bob.until(b"e OK ")
    answered(bob, b"a %b\r\n" % (command % (MOST_RANGES + b"1")), b"a OK ")
    answered(bob, b"a %b\r\n" % (command % (MILLION + b"1")), b"a BAD ")
