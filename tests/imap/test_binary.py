"""BINARY (RFC 3516): parts decoded by the server, and messages with NUL."""

import base64
import random

import pytest

from imap.protocol.command import parse_command
from imap.protocol.errors import ParseError
from imap.protocol.events import Frame
from imap.protocol.fetch import BinaryItem, Fetch
from mailserver.node import Node
from tests.support.imap_client import Client
from tests.support.imap_doors import Doors
from tests.support.node import add_account

OCTETS = bytes(range(256)) * 4
LARGE = random.Random(1).randbytes(3_000_000)


def mixed(*parts: bytes) -> bytes:
    whole = b"".join(b"--b\r\n%b\r\n" % part for part in parts)
    return b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n%b--b--\r\n" % whole


def part(encoding: bytes, content: bytes, kind: bytes = b"application/octet-stream") -> bytes:
    return b"Content-Type: %b\r\nContent-Transfer-Encoding: %b\r\n\r\n%b" % (
        kind,
        encoding,
        content,
    )


def encoded(octets: bytes) -> bytes:
    return part(b"base64", base64.encodebytes(octets).replace(b"\n", b"\r\n"))


MESSAGE = mixed(
    part(b"quoted-printable", b"caf=C3=A9=\r\n!", b"text/plain"), encoded(OCTETS), encoded(b"text")
)


def items(text: bytes) -> tuple[object, ...]:
    command = parse_command(Frame(b"a FETCH 1 " + text)).command
    assert isinstance(command, Fetch)
    return command.items


@pytest.mark.parametrize(
    ("text", "item", "label"),
    [
        (b"BINARY[1]", BinaryItem((1,)), b"BINARY[1]"),
        (b"binary[]", BinaryItem(), b"BINARY[]"),
        (b"BINARY.PEEK[1.2]", BinaryItem((1, 2), peek=True), b"BINARY[1.2]"),
        (b"BINARY.PEEK[3]<0.8>", BinaryItem((3,), True, (0, 8)), b"BINARY[3]<0>"),
        (b"BINARY.SIZE[3]", BinaryItem((3,), peek=True, size=True), b"BINARY.SIZE[3]"),
    ],
)
def test_items_both_ways(text: bytes, item: BinaryItem, label: bytes) -> None:
    assert items(text) == (item,)
    assert item.label == label


@pytest.mark.parametrize(
    "text",
    [
        *(b"BINARY", b"BINARY.SIZE", b"BINARY[TEXT]", b"BINARY[1.MIME]", b"BINARY[0]"),
        *(b"BINARY.SIZE[1]<0.1>", b"BINARY[1]<0>", b"BINARY[1]<0.0>", b"BINARY.SIZE.PEEK[1]"),
    ],
)
def test_what_is_no_item(text: bytes) -> None:
    with pytest.raises(ParseError):
        items(text)


async def test_parts_are_decoded(alice: Client) -> None:
    assert (await alice.append("INBOX", MESSAGE)).ok
    await alice.do("SELECT INBOX")
    assert await alice.do("FETCH 1 (BINARY.SIZE[1] BINARY.SIZE[2] BINARY.SIZE[9])") == [
        b"* 1 FETCH (BINARY.SIZE[1] 6 BINARY.SIZE[2] 1024 BINARY.SIZE[9] 0)"
    ]
    assert await alice.do("FETCH 1 (BINARY.PEEK[3] BINARY.PEEK[9] FLAGS)") == [
        b"* 1 FETCH (BINARY[3] {4}\r\ntext BINARY[9] NIL FLAGS (\\Recent))"
    ]
    assert await alice.do("FETCH 1 BINARY[2]") == [
        b"* 1 FETCH (BINARY[2] ~{1024}\r\n%b FLAGS (\\Seen \\Recent))" % OCTETS
    ]


async def test_part_of_a_decoded_part(alice: Client) -> None:
    assert (await alice.append("INBOX", MESSAGE)).ok
    await alice.do("SELECT INBOX")
    for partial, found in (
        ("<3.3>", b"BINARY[1]<3> {3}\r\n" + "é!".encode()),
        ("<6.3>", b"BINARY[1]<6> {0}\r\n"),
        ("<0.99>", b"BINARY[1]<0> {6}\r\n" + "café!".encode()),
    ):
        assert await alice.do(f"FETCH 1 BINARY.PEEK[1]{partial}") == [b"* 1 FETCH (%b)" % found]
    # NUL decides about what is told, not about what is there.
    assert await alice.do("FETCH 1 BINARY.PEEK[2]<1.2>") == [
        b"* 1 FETCH (BINARY[2]<1> {2}\r\n\1\2)"
    ]


async def test_the_message_itself_and_what_is_made_of_parts_stay_as_they_are(alice: Client) -> None:
    inside = part(b"7bit", MESSAGE, b"message/rfc822")
    content = mixed(inside, encoded(b"x"))
    assert (await alice.append("INBOX", content)).ok
    await alice.do("SELECT INBOX")
    assert await alice.do("FETCH 1 BINARY.PEEK[]") == [
        b"* 1 FETCH (BINARY[] {%d}\r\n%b)" % (len(content), content)
    ]
    (line,) = await alice.do("FETCH 1 (BINARY.PEEK[1] BINARY.PEEK[1.3])")
    assert MESSAGE.rstrip(b"\r\n") in line
    assert line.endswith(b"BINARY[1.3] {4}\r\ntext)")


async def test_a_message_that_is_one_part(alice: Client) -> None:
    assert (await alice.append("INBOX", encoded(b"a\0b"))).ok
    await alice.do("SELECT INBOX")
    assert await alice.do("FETCH 1 BINARY.PEEK[1]") == [b"* 1 FETCH (BINARY[1] ~{3}\r\na\0b)"]


@pytest.mark.parametrize("octets", [LARGE, LARGE.replace(b"\0", b"0")], ids=["nul", "no nul"])
async def test_a_large_part_is_decoded_in_pieces(alice: Client, octets: bytes) -> None:
    assert (await alice.append("INBOX", mixed(encoded(octets), encoded(b"x")))).ok
    await alice.do("SELECT INBOX")
    head = b"~{%d}\r\n" if b"\0" in octets else b"{%d}\r\n"
    assert await alice.do("FETCH 1 (BINARY.SIZE[1] BINARY[1] BINARY[2] BINARY[7] UID)") == [
        b"* 1 FETCH (UID 1 FLAGS (\\Seen \\Recent) BINARY.SIZE[1] %d BINARY[1] " % len(octets)
        + head % len(octets)
        + octets
        + b" BINARY[2] {1}\r\nx BINARY[7] NIL)"
    ]
    (line,) = await alice.do("FETCH 1 BINARY.PEEK[1]<2000000.500000>")
    assert octets[2_000_000:2_500_000] in line


async def test_a_part_that_nobody_can_decode(alice: Client) -> None:
    assert (await alice.append("INBOX", mixed(part(b"x-other", b"abc"), encoded(b"x")))).ok
    assert (await alice.append("INBOX", MESSAGE)).ok
    await alice.do("SELECT INBOX")
    for item in ("BINARY[1]", "BINARY.SIZE[1]"):
        reply = await alice.ask(f"FETCH 1 {item}")
        assert reply.lines == []
        assert reply.tagged.startswith(b"NO [UNKNOWN-CTE] ")
    assert await alice.do("FETCH 1 (FLAGS BINARY.PEEK[2])") == [
        b"* 1 FETCH (BINARY[2] {1}\r\nx FLAGS (\\Recent))"
    ]
    # the others are told all the same
    reply = await alice.ask("FETCH 1:2 BINARY.SIZE[1]")
    assert reply.lines == [b"* 2 FETCH (BINARY.SIZE[1] 6)"]
    assert reply.tagged.startswith(b"NO [UNKNOWN-CTE] ")


async def test_binary_parts_are_stored_encoded_and_told_as_they_are_stored(
    alice: Client, node: Node
) -> None:
    content = mixed(part(b"binary", OCTETS), part(b"binary", b"no NUL \xff"))
    reply = await alice.ask(b"APPEND INBOX ~{%d+}\r\n%b" % (len(content), content))
    assert reply.tagged == b"OK [APPENDUID 1 1] APPEND completed"
    await alice.do("SELECT INBOX")
    # RFC 3516 §6: BODYSTRUCTURE, BODY[] and RFC822.SIZE are of one message, and no NUL is in it.
    (line,) = await alice.do("FETCH 1 (BODY.PEEK[] RFC822.SIZE BODYSTRUCTURE)")
    stored = line.partition(b"}\r\n")[2][: int(line.partition(b"{")[2].partition(b"}")[0])]
    assert stored == await node.database.fetchval("SELECT bytes FROM spool")
    assert b"\0" not in stored
    assert b"RFC822.SIZE %d" % len(stored) in line
    assert b'"application" "octet-stream" NIL NIL NIL "base64"' in line
    assert part(b"binary", b"no NUL \xff") in stored
    assert await alice.do("FETCH 1 (BINARY.PEEK[1] BINARY.SIZE[1])") == [
        b"* 1 FETCH (BINARY[1] ~{%d}\r\n%b BINARY.SIZE[1] %d)" % (len(OCTETS), OCTETS, len(OCTETS))
    ]


async def test_a_large_binary_part_is_stored_encoded(alice: Client, node: Node) -> None:
    content = mixed(part(b"binary", LARGE))
    assert (await alice.ask(b"APPEND INBOX ~{%d+}\r\n%b" % (len(content), content))).ok
    await alice.do("SELECT INBOX")
    (line,) = await alice.do("FETCH 1 BINARY.PEEK[1]")
    assert LARGE in line
    (line,) = await alice.do("FETCH 1 BODY.PEEK[]")
    assert b"\0" not in line
    assert not list((node.settings.data / "scratch").iterdir())


async def test_nul_that_cannot_be_encoded_is_refused(alice: Client) -> None:
    signed = (
        b"Content-Type: multipart/signed; protocol=x/y; boundary=s\r\n\r\n"
        b"--s\r\n" + part(b"binary", b"a\0b") + b"\r\n--s\r\n\r\nsignature\r\n--s--\r\n"
    )
    for content in (signed, mixed(signed), b"Subject: a\0b\r\n\r\n", encoded(b"x") + b"\0"):
        reply = await alice.ask(b"APPEND INBOX {1+}\r\nx ~{%d+}\r\n%b" % (len(content), content))
        assert reply.tagged.startswith(b"NO [UNKNOWN-CTE] "), content
    assert await alice.do("STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 0)"]


async def test_room_is_that_of_the_encoded_message(doors: Doors, node: Node) -> None:
    async with node.database.transaction() as c:
        await add_account(c, "small@example.test", quota_bytes=1000)
    client = await doors.connect()
    await client.do('LOGIN small@example.test "correct horse alice"')
    content = part(b"binary", bytes(800))
    reply = await client.ask(b"APPEND INBOX ~{%d+}\r\n%b" % (len(content), content))
    assert reply.tagged.startswith(b"NO [OVERQUOTA] ")


async def test_nul_needs_a_literal8(alice: Client) -> None:
    assert (await alice.ask(b"APPEND INBOX {5+}\r\n\r\na\0b")).tagged.startswith(b"BAD ")
    reply = await alice.ask(b"APPEND INBOX ~{5+}\r\n\r\na\0b (\\Seen) {3+}\r\nabc ~{1+}\r\nx")
    assert reply.tagged == b"OK [APPENDUID 1 1:3] APPEND completed"
    reply = await alice.ask(b"APPEND INBOX ~{5+}\r\n\r\na\0b {5+}\r\n\r\na\0c")
    assert reply.tagged.startswith(b"BAD ")
