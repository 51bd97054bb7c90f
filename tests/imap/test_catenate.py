"""CATENATE (RFC 4469): messages made of other messages, on the server."""

import pytest

from mailserver.node import Node
from tests.support.imap_client import Client
from tests.support.imap_doors import Doors
from tests.support.node import add_account
from tests.support.store import message

HEADER = b"Subject: draft\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
PART = b"Content-Type: text/plain\r\n\r\n"
DRAFT = HEADER + b"--b\r\n" + PART + b"hello\r\n--b\r\n" + PART + b"world\r\n--b--\r\n"


@pytest.fixture
async def drafting(alice: Client) -> Client:
    assert (await alice.append("Drafts", DRAFT)).ok
    return alice


async def stored(client: Client, mailbox: str = "INBOX") -> list[bytes]:
    """The messages of a mailbox."""
    await client.do(f"EXAMINE {mailbox}")
    lines = await client.do("FETCH 1:* BINARY.PEEK[]")
    return [line.partition(b"}\r\n")[2].removesuffix(b")") for line in lines]


def url(section: str = "") -> bytes:
    return b'URL "/Drafts/;UID=1%b"' % (f"/;SECTION={section}" if section else "").encode()


async def test_parts_come_in_their_order(drafting: Client) -> None:
    drafting.send(b"b APPEND INBOX (\\Seen) CATENATE (%b TEXT {10}\r\n" % url("HEADER"))
    assert (await drafting.line()).startswith(b"+ ")
    drafting.send(
        b"--b\r\nx:y\r\n %b TEXT {2+}\r\n\r\n %b TEXT {7}\r\n" % (url("1"), url("2.MIME"))
    )
    assert (await drafting.line()).startswith(b"+ ")
    drafting.send(b"--b--\r\n)\r\n")
    assert (await drafting.reply(b"b")).tagged == b"OK [APPENDUID 1 1] APPEND completed"
    assert await stored(drafting) == [
        HEADER + b"--b\r\nx:y\r\n" + b"hello" + b"\r\n" + PART + b"--b--\r\n"
    ]


async def test_urls_alone_make_messages(drafting: Client, node: Node) -> None:
    await drafting.do("SELECT Drafts")
    validity = await node.database.fetchval(
        "SELECT uid_validity FROM mailbox WHERE name = 'Drafts' AND messages = 1"
    )
    absolute = (
        f"imap://alice%40example.test@{node.settings.hostname}/Drafts;UIDVALIDITY={validity}"
        "/;UID=1/;PARTIAL=0.7"
    ).encode()
    reply = await drafting.ask(
        b"APPEND INBOX CATENATE (%b) (\\Flagged) CATENATE (URL ;UID=1/;SECTION=1 URL {17+}\r\n"
        b';UID=1/;SECTION=2 URL "%b") {1+}\r\nx' % (url(), absolute)
    )
    assert reply.tagged == b"OK [APPENDUID 1 1:3] APPEND completed"
    assert await stored(drafting) == [DRAFT, b"helloworldSubject", b"x"]


@pytest.mark.parametrize(
    ("section", "found"),
    [
        ("TEXT", DRAFT.removeprefix(HEADER)),
        ("HEADER.FIELDS%20(Subject)", b"Subject: draft\r\n\r\n"),
        ("HEADER.FIELDS%20(Subject)/;PARTIAL=9.5", b"draft"),
        ("1.MIME", PART),
        ("2/;PARTIAL=1", b"orld"),
        ("2/;PARTIAL=1.2", b"or"),
    ],
)
async def test_what_a_url_names(drafting: Client, section: str, found: bytes) -> None:
    assert (await drafting.ask(b"APPEND INBOX CATENATE (%b)" % url(section))).ok
    assert await stored(drafting) == [found]


async def test_bad_urls_are_named_and_nothing_is_stored(drafting: Client, doors: Doors) -> None:
    for bad in (
        *("/Drafts/;UID=2", "/Drafts;UIDVALIDITY=77777/;UID=1", "/missing/;UID=1", "nonsense"),
        *("/Drafts/;UID=1/;SECTION=3", "/Drafts/;UID=1/;SECTION=1.HEADER", ";UID=1"),
        *("imap://elsewhere.test/Drafts/;UID=1", "imap://bob@mail.example.test/Drafts/;UID=1"),
        *("/Drafts/;UID=1;URLAUTH=submit+alice:internal:91354a473744909de610943775f92038",),
    ):
        reply = await drafting.ask(
            f'APPEND INBOX {{1+}}\r\nx CATENATE (TEXT {{1+}}\r\ny URL "{bad}" TEXT {{1+}}\r\nz)'
        )
        assert reply.tagged.startswith(f'NO [BADURL "{bad}"] '.encode()), (bad, reply)
    # before the client has sent anything, and it does not wait to be asked
    reply = await drafting.ask(b"APPEND INBOX CATENATE (URL /x/;UID=1 TEXT {3}")
    assert reply.tagged.startswith(b"NO [BADURL ")
    assert await drafting.do("STATUS INBOX (MESSAGES UIDNEXT)") == [
        b"* STATUS INBOX (MESSAGES 0 UIDNEXT 1)"
    ]
    # what one account has is nothing to another
    bob = await doors.login("bob@example.test")
    assert (await bob.ask(b"APPEND INBOX CATENATE (%b)" % url())).tagged.startswith(b"NO [BADURL ")


async def test_other_refusals(drafting: Client) -> None:
    for text, answer in (
        (b"CATENATE (TEXT {0+}\r\n)", b"NO [CANNOT] "),
        (b"CATENATE (TEXT {0+}\r\n TEXT {1+}\r\nx) CATENATE (TEXT {0+}\r\n)", b"NO [CANNOT] "),
        (b"CATENATE (TEXT {3+}\r\na\0b)", b"BAD "),
        (b"CATENATE (URL {3+}\r\na\0b)", b"BAD "),
        (b"CATENATE (UTF8 (~{1+}\r\nx))", b"BAD "),
        (b"CATENATE (TEXT {1+}\r\nx", b"BAD "),
        (b"CATENATE (URL {9000+}\r\n" + b"x" * 9000 + b")", b"NO [LIMIT] "),
        (b"CATENATE (URL /Drafts/;UID=1 TEXT {999999999}", b"NO [TOOBIG] "),
    ):
        assert (await drafting.ask(b"APPEND INBOX " + text)).tagged.startswith(answer), text
    reply = await drafting.ask(b"APPEND missing CATENATE (%b)" % url())
    assert reply.tagged.startswith(b"NO [TRYCREATE] ")
    assert (await drafting.do("STATUS INBOX (MESSAGES)")) == [b"* STATUS INBOX (MESSAGES 0)"]


async def test_utf8_and_binary_pieces(drafting: Client) -> None:
    await drafting.do("ENABLE UTF8=ACCEPT")
    subject = "Subject: été\r\n".encode()
    reply = await drafting.ask(
        b"APPEND INBOX CATENATE (UTF8 (~{%d+}\r\n%b) TEXT ~{5+}\r\n\r\na\0b %b) UTF8 (~{1+}\r\nx)"
        % (len(subject), subject, url("1"))
    )
    assert reply.tagged == b"OK [APPENDUID 1 1:2] APPEND completed"
    # what holds NUL is encoded once the message is whole
    encoded = b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n"
    assert await stored(drafting) == [encoded + subject + b"\r\nYQBiaGVsbG8=\r\n", b"x"]


async def test_parts_that_are_too_much_together(doors: Doors, node: Node) -> None:
    async with node.database.transaction() as c:
        await add_account(c, "small@example.test", quota_bytes=1000)
    client = await doors.connect()
    await client.do('LOGIN small@example.test "correct horse alice"')
    assert (await client.append("Drafts", message(size=400))).ok
    reply = await client.ask(b"APPEND INBOX CATENATE (%b %b)" % (url(), url()))
    assert reply.tagged.startswith(b"NO [OVERQUOTA] ")
    assert (await client.ask(b"APPEND INBOX CATENATE (%b)" % url())).ok


async def test_a_large_message_is_catenated_and_no_file_stays(alice: Client, node: Node) -> None:
    content = message(size=3_000_000)
    assert (await alice.append("Drafts", content)).ok
    assert (await alice.ask(b"APPEND INBOX CATENATE (%b TEXT {3+}\r\nend)" % url())).ok
    assert await stored(alice) == [content + b"end"]
    assert not list((node.settings.data / "scratch").iterdir())


async def test_a_draft_is_replaced_by_what_is_made_of_it(drafting: Client) -> None:
    await drafting.do("SELECT Drafts")
    reply = await drafting.ask(
        b"REPLACE 1 Drafts (\\Draft) CATENATE (%b TEXT {3+}\r\nend)" % url("1")
    )
    assert reply.ok
    assert b"* 1 EXPUNGE" in reply.lines
    assert await stored(drafting, "Drafts") == [b"helloend"]
    reply = await drafting.ask(b"APPEND INBOX CATENATE (%b)" % url("1"))
    assert reply.tagged.startswith(b"NO [BADURL ")
