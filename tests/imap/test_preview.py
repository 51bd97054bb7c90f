"""PREVIEW in FETCH (RFC 8970)."""

import pytest

from imap.protocol.command import parse_command
from imap.protocol.errors import ParseError
from imap.protocol.events import Frame
from imap.protocol.fetch import Fetch, FetchAttribute
from mailserver.node import Node
from tests.support.imap_client import Client


def head(media: str) -> bytes:
    return f"Content-Type: {media}; charset=utf-8\r\n\r\n".encode()


@pytest.mark.parametrize(
    "items",
    [b"PREVIEW", b"preview (lazy)", b"(PREVIEW)", b"(PREVIEW (LAZY))", b"PREVIEW (LAZY LAZY)"],
)
def test_forms_of_the_item(items: bytes) -> None:
    command = parse_command(Frame(b"A1 FETCH 1 " + items)).command
    assert isinstance(command, Fetch)
    assert command.items == (FetchAttribute.PREVIEW,)


def test_a_modifier_belongs_to_its_item() -> None:
    command = parse_command(Frame(b"E1 FETCH 1 (PREVIEW (LAZY) UID)")).command
    assert isinstance(command, Fetch)
    assert command.items == (FetchAttribute.PREVIEW, FetchAttribute.UID)


@pytest.mark.parametrize(
    "items", [b"PREVIEW (EAGER)", b"PREVIEW ()", b"UID (LAZY)", b"(PREVIEW(LAZY)"]
)
def test_what_is_no_preview(items: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(Frame(b"a FETCH 1 " + items))


async def test_previews_are_told_in_the_same_words_lazily_or_not(alice: Client, node: Node) -> None:
    for content in (
        head("text/plain") + b'Good morning,\r\nAnn said "hello".',
        head("text/html") + "<p>Grüße</p>".encode(),
        head("image/png") + b"x",
        head("text/plain") + b"large " * 1_000_000,
    ):
        assert (await alice.append("INBOX", content)).ok
    await alice.do("SELECT INBOX")
    shown = [
        b'* 1 FETCH (PREVIEW "Good morning, Ann said \\"hello\\".")',
        b"* 2 FETCH (PREVIEW {7}\r\n" + "Grüße)".encode(),
        b'* 3 FETCH (PREVIEW "")',
    ]
    assert await alice.do("FETCH 1:3 PREVIEW") == shown
    assert await alice.do("FETCH 1:3 (PREVIEW (LAZY))") == shown
    (line,) = await alice.do("FETCH 4 (PREVIEW BODY.PEEK[])")
    assert line.startswith(b'* 4 FETCH (PREVIEW "large large ')
    await alice.do("COPY 1 Archive")
    await alice.do("SELECT Archive")
    assert await alice.do("UID FETCH 1 (PREVIEW)") == [
        b'* 1 FETCH (UID 1 PREVIEW "Good morning, Ann said \\"hello\\".")'
    ]
    # a message from before previews were kept
    await node.database.execute("UPDATE message SET preview = NULL")
    assert await alice.do("FETCH 1 (PREVIEW (LAZY))") == [b"* 1 FETCH (PREVIEW NIL)"]
