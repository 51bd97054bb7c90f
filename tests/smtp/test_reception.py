"""A message on its way in: what is kept of it, and for how long."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mailserver.objects import MessageBuffer, Scratch
from smtp import replies
from smtp.chunking import Chunk, ChunkFramer
from smtp.data import Bare, DataFramer
from smtp.reception import ChunkReception, Reception

LIMIT = 100


@pytest.fixture
def buffer(tmp_path: Path) -> Iterator[MessageBuffer]:
    with closing(Scratch(tmp_path)) as scratch, MessageBuffer(scratch, 10) as made:
        yield made


def test_content_that_will_be_refused_is_let_go_at_once(buffer: MessageBuffer) -> None:
    reception = Reception(DataFramer(), buffer, LIMIT)
    assert reception.take(b"x" * LIMIT) is None
    assert (reception.refusal, buffer.size) == (None, LIMIT)
    assert buffer._file is not None
    assert reception.take(b"x") is None
    assert reception.refusal is replies.TOO_LARGE
    assert buffer._file is None
    assert not reception.too_long_to_drain
    reception.take(b"\n" * LIMIT)
    assert reception.too_long_to_drain
    assert reception.take(b"\r\n.\r\nNOOP\r\n") == b"NOOP\r\n"
    assert reception.refusal is replies.TOO_LARGE  # the first reason stands
    assert buffer.size == LIMIT


def test_a_chunk_that_is_too_large_is_refused_before_it_comes(buffer: MessageBuffer) -> None:
    reception = ChunkReception(ChunkFramer(Bare.REFUSE), buffer, LIMIT)
    assert reception.begin(Chunk(60, last=False))
    assert reception.take(b"x" * 60 + b"BDAT") == b"BDAT"
    assert reception.refusal is None
    assert reception.begin(Chunk(60, last=False))
    assert reception.refusal is replies.TOO_LARGE
    assert buffer._file is None
    assert reception.take(b"x" * 60) == b""
    assert not reception.begin(Chunk(81, last=True))  # not worth waiting for
