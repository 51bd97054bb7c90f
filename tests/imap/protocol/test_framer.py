"""The framer: the same events however the bytes come, and nothing kept that is over a limit."""

import random
import tracemalloc
from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imap.protocol.events import (
    Event,
    Frame,
    Limits,
    Line,
    LiteralChunk,
    LiteralRequested,
    LiteralTooLarge,
    Overlong,
    Streamed,
)
from imap.protocol.framer import Framer

Decision = Callable[[Framer, LiteralRequested], None]


def collect(framer: Framer, asked: LiteralRequested) -> None:
    framer.accept(sink=not asked.fits)


def stream_messages(framer: Framer, asked: LiteralRequested) -> None:
    framer.accept(sink=asked.message or not asked.fits)


def refuse(framer: Framer, asked: LiteralRequested) -> None:
    framer.refuse()


def run(framer: Framer, pieces: Iterable[bytes], decide: Decision = collect) -> list[Event]:
    """All events, with the chunks of a streamed literal joined."""
    events: list[Event] = []
    for piece in pieces:
        framer.feed(piece)
        while (event := framer.next()) is not None:
            if isinstance(event, LiteralRequested):
                decide(framer, event)
            last = events[-1] if events else None
            match last, event:
                case LiteralChunk(begun, remaining), LiteralChunk(more, left) if remaining:
                    events[-1] = LiteralChunk(begun + more, left)
                case _:
                    events.append(event)
    return events


def frames(events: list[Event]) -> list[Event]:
    return [event for event in events if not isinstance(event, LiteralRequested)]


def small() -> Limits:
    return Limits(line=40, literal=12, message=30, command=400, drain=50)


def test_a_line_is_a_frame() -> None:
    assert run(Framer(small()), [b"a1 NOOP\r\na2 IDLE\r\n"]) == [
        Frame(b"a1 NOOP"),
        Frame(b"a2 IDLE"),
    ]


def test_a_bare_line_feed_ends_a_line_too() -> None:
    assert run(Framer(small()), [b"a1 NOOP\na2 LOGIN {3}\nabc x\n"])[::2] == [
        Frame(b"a1 NOOP"),
        Frame(b"a2 LOGIN {3}\n x", (b"abc",)),
    ]


def test_a_literal_is_asked_for_and_never_looked_into() -> None:
    events = run(Framer(small()), [b"a1 LOGIN {12}\r\n\na2 LOGOUT\r\n {3+}\r\n{9}\r\n"])
    assert events == [
        LiteralRequested(b"a1", 12, False, False, False, True, b"a1 LOGIN {12}\n"),
        LiteralRequested(b"a1", 3, True, False, False, True, b" {3+}\n"),
        Frame(b"a1 LOGIN {12}\n {3+}\n", (b"\na2 LOGOUT\r\n", b"{9}")),
    ]


def test_literal8_is_told_apart() -> None:
    framer = Framer(small())
    framer.feed(b"a APPEND x ~{3}\r\n\0\0\0\r\n")
    asked = framer.next()
    assert asked == LiteralRequested(b"a", 3, False, True, True, True, b"a APPEND x ~{3}\n")
    framer.accept()
    assert framer.next() == Frame(b"a APPEND x ~{3}\n", (b"\0\0\0",))


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"a APPEND INBOX {5}", True),
        (b"a append INBOX (\\Seen) {5}", True),
        (b"a APPEND {5}", False),
        (b"a APPEND  {5}", False),
        (b'a APPEND "x y" {5}', True),
        (b"a REPLACE 4 {5}", False),
        (b"a REPLACE 4 x {5}", True),
        (b"a UID REPLACE 4 {5}", False),
        (b"a UID REPLACE 4 x {5}", True),
        (b"a APPENDIX x {5}", False),
        (b"APPEND APPENDED {5}", False),
        (b"a LOGIN {5}", False),
    ],
)
def test_a_message_is_told_from_a_string(head: bytes, message: bool) -> None:
    framer = Framer(small())
    framer.feed(head + b"\r\n")
    asked = framer.next()
    assert isinstance(asked, LiteralRequested)
    assert asked.message is message


def test_the_second_literal_of_an_append_is_the_message() -> None:
    framer = Framer(small())
    framer.feed(b"a APPEND {5}\r\nINBOX {20}\r\n")
    assert isinstance(framer.next(), LiteralRequested)
    framer.accept()
    asked = framer.next()
    assert isinstance(asked, LiteralRequested)
    assert asked.message
    assert asked.line == b" {20}\n"
    assert framer.command_so_far() == Frame(b"a APPEND {5}\n {20}\n", (b"INBOX", Streamed(20)))


def test_nothing_moves_until_the_literal_is_decided() -> None:
    framer = Framer(small())
    framer.feed(b"a LOGIN {3}\r\nabc x\r\n")
    assert isinstance(framer.next(), LiteralRequested)
    assert framer.next() is None
    framer.accept()
    assert framer.next() == Frame(b"a LOGIN {3}\n x", (b"abc",))


def test_a_message_can_be_streamed() -> None:
    events = run(
        Framer(small()), [b"a APPEND x {20}\r\n01234", b"56789", b"0123456789\r\n"], stream_messages
    )
    assert events[1:] == [
        LiteralChunk(b"01234567890123456789", 0),
        Frame(b"a APPEND x {20}\n", (Streamed(20),)),
    ]


def test_an_empty_message_is_one_empty_chunk() -> None:
    events = run(Framer(small()), [b"a APPEND x {0}\r\n\r\n"], stream_messages)
    assert events[1:] == [LiteralChunk(b"", 0), Frame(b"a APPEND x {0}\n", (Streamed(0),))]


def test_a_literal_too_large_to_collect_has_to_be_streamed() -> None:
    framer = Framer(Limits(message=1000, command=300))
    framer.feed(b"a APPEND x {500}\r\n")
    asked = framer.next()
    assert isinstance(asked, LiteralRequested)
    assert not asked.fits
    with pytest.raises(ValueError, match="streamed"):
        framer.accept()
    framer.accept(sink=True)


def test_a_refused_synchronising_literal_ends_its_command() -> None:
    events = run(Framer(small()), [b"a LOGIN {5}\r\nb NOOP\r\n"], refuse)
    assert frames(events) == [Frame(b"b NOOP")]


def test_a_refused_non_synchronising_literal_is_read_off_with_the_rest_of_its_command() -> None:
    sent = b"a LOGIN {9+}\r\nx LOGOUT\n {3+}\r\na\r\n rest\r\nb NOOP\r\n"
    assert frames(run(Framer(small()), [sent], refuse)) == [Frame(b"b NOOP")]


def test_a_refused_command_ends_at_its_next_synchronising_literal() -> None:
    sent = b"a LOGIN {3+}\r\nabc {3}\r\nb NOOP\r\n"
    assert frames(run(Framer(small()), [sent], refuse)) == [Frame(b"b NOOP")]


def test_a_large_synchronising_literal_is_refused_before_it_is_read() -> None:
    events = run(Framer(small()), [b"a LOGIN {13}\r\nb NOOP\r\n"])
    assert events == [LiteralTooLarge(b"a", 13, False, 8, fatal=False), Frame(b"b NOOP")]


def test_a_large_non_synchronising_literal_is_read_off() -> None:
    events = run(Framer(small()), [b"a LOGIN {13+}\r\nb LOGOUT\r\n\r\n\r x\r\nc NOOP\r\n"])
    assert events == [LiteralTooLarge(b"a", 13, True, 8, fatal=False), Frame(b"c NOOP")]


def test_a_non_synchronising_literal_too_large_to_read_off_closes() -> None:
    framer = Framer(small())
    events = run(framer, [b"a LOGIN {51+}\r\nb NOOP\r\n", b"c NOOP\r\n"])
    assert events == [LiteralTooLarge(b"a", 51, True, 8, fatal=True)]
    assert framer.buffered == 0


def test_refused_literals_of_one_command_are_counted_together() -> None:
    sent = b"a LOGIN {30+}\r\n" + b"x" * 30 + b" {30+}\r\n" + b"y" * 30
    events = run(Framer(small()), [sent])
    assert events == [
        LiteralTooLarge(b"a", 30, True, 8, fatal=False),
        LiteralTooLarge(None, 30, True, 1, fatal=True),
    ]


def test_refuse_tells_when_the_connection_has_to_be_closed() -> None:
    framer = Framer(Limits(message=1000, drain=50))
    framer.feed(b"a APPEND x {60+}\r\n")
    assert isinstance(framer.next(), LiteralRequested)
    assert not framer.refuse()
    framer.feed(b"b NOOP\r\n")
    assert framer.next() is None


@pytest.mark.parametrize("digits", [b"99999999999999999999", b"9" * 30, b"1" + b"0" * 4400])
def test_an_absurd_size_is_a_large_literal(digits: bytes) -> None:
    framer = Framer(Limits())
    events = run(framer, [b"a LOGIN {" + digits + b"}\r\nb NOOP\r\n"])
    assert isinstance(events[0], LiteralTooLarge)
    assert events[1:] == [Frame(b"b NOOP")]


def test_non_synchronising_literals_have_their_own_limit_with_literal_minus() -> None:
    framer = Framer(Limits(non_sync=4096))
    events = run(framer, [b"a LOGIN {4097+}\r\n" + b"x" * 4097 + b"\r\nb LOGIN {4097}\r\n"])
    assert isinstance(events[0], LiteralTooLarge)
    assert isinstance(events[1], LiteralRequested)


def test_an_overlong_line_is_one_error_and_is_skipped() -> None:
    framer = Framer(small())
    events = run(framer, [b"a1 " + b"x" * 500, b"y" * 500, b"\r\nb NOOP\r\n"])
    assert events == [Overlong(b"a1", 40), Frame(b"b NOOP")]


def test_a_line_of_exactly_the_limit_passes() -> None:
    line = b"a1 " + b"x" * 37
    assert run(Framer(small()), [line + b"\r\n"]) == [Frame(line)]
    assert run(Framer(small()), [line, b"\r", b"\n"]) == [Frame(line)]
    assert run(Framer(small()), [line + b"\n"]) == [Frame(line)]
    assert run(Framer(small()), [line + b"x\n"]) == [Overlong(b"a1", 40)]


def test_the_literal_of_an_overlong_line_is_not_read_as_a_command() -> None:
    sent = b"a1 " + b"x" * 500 + b" {10+}\r\nb LOGOUT\r\n\r\nc NOOP\r\n"
    assert run(Framer(small()), [sent]) == [Overlong(b"a1", 40), Frame(b"c NOOP")]


def test_an_overlong_line_that_announces_the_unreadable_closes() -> None:
    sent = b"a1 " + b"x" * 500 + b"{" + b"0" * 100 + b"5+}\r\nb NOOP\r\n"
    events = run(Framer(small()), [sent])
    assert events == [Overlong(b"a1", 40), LiteralTooLarge(None, 1 << 64, True, 0, fatal=True)]


def test_a_command_is_bounded_as_a_whole() -> None:
    sent = b"a1 X {1+}\r\nx" + b" {1+}\r\nx" * 40 + b"\r\nb NOOP\r\n"
    events = frames(run(Framer(small()), [sent]))
    assert len(events) == 2
    assert isinstance(events[0], LiteralTooLarge)
    assert events[1] == Frame(b"b NOOP")


def test_raw_lines_are_given_when_asked_for() -> None:
    framer = Framer(small())
    framer.feed(b"a1 IDLE\r\nDONE\r\na2 NOOP\r\n")
    assert framer.next() == Frame(b"a1 IDLE")
    framer.expect_line()
    assert framer.next() == Line(b"DONE")
    assert framer.next() == Frame(b"a2 NOOP")


def test_a_raw_line_announces_no_literal() -> None:
    framer = Framer(small())
    framer.expect_line()
    framer.feed(b"x {5}\r\na2 NOOP\r\n")
    assert framer.next() == Line(b"x {5}")
    assert framer.next() == Frame(b"a2 NOOP")


def test_an_overlong_raw_line_is_skipped() -> None:
    framer = Framer(small())
    framer.expect_line()
    events = run(framer, [b"x" * 50, b"x" * 50 + b"{5+}\r\na2 NOOP\r\n"])
    assert events == [Overlong(None, 40), Frame(b"a2 NOOP")]


def test_a_raw_line_can_be_taken_back() -> None:
    framer = Framer(small())
    framer.expect_line()
    framer.expect_command()
    framer.feed(b"a LOGIN {3}\r\n")
    assert isinstance(framer.next(), LiteralRequested)


def test_commands_injected_behind_starttls_can_be_dropped() -> None:
    framer = Framer(small())
    framer.feed(b"a STARTTLS\r\nb LOGIN evil evil\r\nc")
    assert framer.next() == Frame(b"a STARTTLS")
    assert framer.take_buffered() == b"b LOGIN evil evil\r\nc"
    framer.feed(b"d NOOP\r\n")
    assert framer.next() == Frame(b"d NOOP")


def test_it_knows_when_nothing_has_begun() -> None:
    framer = Framer(small())
    seen = [framer.between_commands]
    framer.feed(b"a LOGIN {3}\r\n")
    seen.append(framer.between_commands)
    framer.next()
    framer.accept()
    seen.append(framer.between_commands)
    framer.feed(b"abc x\r\n")
    framer.next()
    seen.append(framer.between_commands)
    assert seen == [True, False, False, True]


def test_decisions_without_a_question_are_a_programming_error() -> None:
    framer = Framer(small())
    for decide in (framer.accept, framer.refuse, framer.command_so_far):
        with pytest.raises(RuntimeError):
            decide()
    framer.feed(b"a LOGIN {3}\r\n")
    framer.next()
    with pytest.raises(RuntimeError):
        framer.expect_line()


def test_limits_can_change_between_commands() -> None:
    framer = Framer(Limits.before_login())
    framer.feed(b"a APPEND x {100}\r\n")
    assert isinstance(framer.next(), LiteralTooLarge)
    framer.limits = Limits(message=100)
    framer.feed(b"a APPEND x {100}\r\n")
    assert isinstance(framer.next(), LiteralRequested)


def test_a_frame_shows_no_password() -> None:
    event = run(Framer(small()), [b"a LOGIN alice secret\r\n"])[0]
    assert "secret" not in repr(event)


# What clients send, well and badly, cut to pieces below.
TOKENS = [
    *(b"a1 NOOP", b"\r\n", b"\n", b"\r", b" ", b"{", b"}", b"+}", b"\0", b"~", b"0"),
    *(b" {3}", b" {3+}\r\nabc", b" {0+}\r\n", b"{99+}\r\n", b"{20+}\r\n", b"x" * 30),
    *(b"b APPEND x {20}\r\n", b"b APPEND x {20+}\r\n", b"abc\r\n", b"c LOGIN {3+}\r\n"),
]


def events_of(data: bytes, cuts: list[int], decide: Decision) -> list[Event]:
    edges = [0, *sorted(cuts), len(data)]
    return run(Framer(small()), [data[a:b] for a, b in pairwise(edges)], decide)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_every_split_gives_the_same_events(data: st.DataObject) -> None:
    sent = b"".join(data.draw(st.lists(st.sampled_from(TOKENS), max_size=20)))
    cuts = data.draw(st.lists(st.integers(0, len(sent)), max_size=6))
    decide = data.draw(st.sampled_from([collect, stream_messages, refuse]))
    whole = events_of(sent, [], decide)
    assert events_of(sent, cuts, decide) == whole
    assert events_of(sent, list(range(len(sent))), decide) == whole


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_give_events_and_stay_within_the_limits(data: bytes) -> None:
    limits = small()
    framer = Framer(limits)
    for event in run(framer, [data + b"\r\n"], stream_messages):
        if isinstance(event, Frame):
            held = len(event.text) + sum(
                len(literal) for literal in event.literals if isinstance(literal, bytes)
            )
            assert held <= limits.command


def test_memory_stays_bounded_whatever_is_sent() -> None:
    """A MiB and a half each of what hurts most; fed in pieces of 64 KiB, as a transport would."""
    rng = random.Random(7)
    floods = {
        "line without end": [b"x" * 65536],
        "literals of nothing": [b"a X" + b" {0+}\r\n" * 9362, b" {0+}\r\n" * 9362],
        "drained": [b"a LOGIN {1000000+}\r\n" + b"x" * 65516, b"x" * 65536],
        "digits": [b"a {" + b"1" * 65536],
        "noise": [rng.randbytes(65536)],
    }
    for name, pieces in floods.items():
        framer = Framer(Limits.before_login())
        tracemalloc.start()
        try:
            for i in range(24):
                run(framer, [pieces[min(i, len(pieces) - 1)]], refuse if i % 2 else collect)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 1 << 20, name
