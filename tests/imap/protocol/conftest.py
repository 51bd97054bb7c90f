"""A client's bytes, put through framer and grammar as a server would."""

from collections.abc import Callable

import pytest

from imap.protocol.command import Command, Request, parse_command
from imap.protocol.events import Frame, Limits, LiteralRequested
from imap.protocol.framer import Framer

MIB = 1 << 20


@pytest.fixture(scope="session")
def frame_of() -> Callable[[bytes], Frame]:
    """The first command in the bytes, all its literals collected."""

    def frame_of(data: bytes) -> Frame:
        framer = Framer(Limits(message=MIB, literal=MIB, command=2 * MIB))
        framer.feed(data)
        while True:
            event = framer.next()
            if isinstance(event, LiteralRequested):
                framer.accept()
            else:
                assert isinstance(event, Frame), event
                return event

    return frame_of


@pytest.fixture(scope="session")
def request_of(frame_of: Callable[[bytes], Frame]) -> Callable[[bytes], Request]:
    """The request in a line given without its CR LF."""
    return lambda line: parse_command(frame_of(line + b"\r\n"))


@pytest.fixture(scope="session")
def parse(request_of: Callable[[bytes], Request]) -> Callable[[bytes], Command]:
    """The command in a line given without tag and CR LF."""
    return lambda line: request_of(b"a1 " + line).command
