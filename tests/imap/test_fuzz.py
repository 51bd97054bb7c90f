"""Any line in any state gets an answer, and the server lives."""

import random

import pytest

from mailserver.node import Node
from tests.support.imap_client import Client
from tests.support.imap_doors import Doors
from tests.support.node import ALICE, PASSWORDS
from tests.support.store import message

LOGIN = f'LOGIN {ALICE} "{PASSWORDS[ALICE]}"'.encode()
WORDS = b"""
CAPABILITY NOOP LOGOUT STARTTLS AUTHENTICATE LOGIN SELECT EXAMINE CREATE DELETE RENAME SUBSCRIBE
UNSUBSCRIBE LIST LSUB STATUS APPEND CHECK CLOSE EXPUNGE SEARCH FETCH STORE COPY MOVE UID UID IDLE
DONE ID ENABLE NAMESPACE UNSELECT PLAIN INBOX * % 1:* 1 2,3 4294967295 0 () (\\Seen) FLAGS (FLAGS)
+FLAGS.SILENT BODY[] BODY[1.MIME] BODY.PEEK[HEADER.FIELDS (DATE)]<0.5> RFC822 ENVELOPE "" "a/b"
"\\"" {3} {3+} {0} {99999} {99999+} ~{3+} RETURN (STATUS (MESSAGES)) ALL FAST FULL UNSEEN NOT
QRESYNC CONDSTORE (CONDSTORE) (QRESYNC (1 1 1:9 (1 1))) (CHANGEDSINCE 1) (UNCHANGEDSINCE 1) MODSEQ
(CHANGEDSINCE 1 VANISHED) (PARTIAL 1:2) HIGHESTMODSEQ (HIGHESTMODSEQ)
OR SUBJECT x CHARSET UTF-8 &AOk- a/b/c \xc3\xa9 \0 = NIL USE (\\Sent) (SUBSCRIBED) BODYSTRUCTURE
UNAUTHENTICATE UTF8=ACCEPT UTF8 (~{3+} abc) EMAILID THREADID MAILBOXID SIZE DELETED APPENDLIMIT GZIP
GETQUOTA GETQUOTAROOT SETQUOTA (STORAGE SETACL DELETEACL GETACL LISTRIGHTS MYRIGHTS anyone lrswi -w
user/bob@example.test/INBOX bob@example.test GETMETADATA SETMETADATA (DEPTH MAXSIZE /private/comment
(MYRIGHTS)
REPLACE CATENATE (CATENATE (URL /INBOX/;UID=1 URL) TEXT BINARY[1] BINARY.PEEK[]<0.9> BINARY.SIZE[2]
NOTIFY NOTIFY SET (SELECTED NONE) (PERSONAL (MessageNew MessageExpunge)) MailboxName
SELECTED-DELAYED UIDONLY IMAP4rev2 UIDAFTER UIDBEFORE SAVEDATE SAVEDON e\xcc\x81
METADATA METADATA-SERVER (MailboxMetadataChange ServerMetadataChange)
ESEARCH IN (PERSONAL) (SUBTREE-ONE a) CANCELUPDATE "f1" (UPDATE) (CONTEXT UPDATE) SORT (DATE)
""".split()


def nonsense(chance: random.Random) -> bytes:
    """A line that may be a command, or several."""
    words = chance.choices(WORDS, k=chance.randint(0, 6))
    if chance.random() < 0.1:
        words.append(chance.randbytes(20))
    return b" ".join(words)


async def prepared(doors: Doors, chance: random.Random) -> Client:
    client = await doors.connect(tls=chance.random() < 0.8)
    if chance.random() < 0.8:
        await client.ask(LOGIN)
        if chance.random() < 0.7:
            await client.ask("SELECT INBOX")
    return client


@pytest.mark.parametrize("seed", range(8))
async def test_any_line_in_any_state_gets_an_answer(doors: Doors, alice: Client, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(3):
        await alice.append("INBOX", message())
    client = await prepared(doors, chance)
    for number in range(120):
        tag = b"f%d" % number
        line = nonsense(chance)
        if line.startswith(b"STARTTLS"):
            continue  # what comes behind it would be no handshake
        client.send(tag + b" " + line + b"\r\n")
        # whatever waits for more of this command gets it: literals, IDLE, AUTHENTICATE
        client.send(b"abc\r\nDONE\r\n")
        end = b"e%d" % number
        client.send(end + b" NOOP\r\n")
        seen = await until(client, end)
        answers = [one for one in seen if one.startswith((tag, b"* BAD", b"+ ", b"* BYE"))]
        assert answers, (line, seen)
        assert not any(b"SERVERBUG" in one for one in seen), (line, seen)
        ended = client.reader.at_eof() or client.reader.exception() is not None
        if ended or any(one.startswith(b"* BYE") for one in seen):
            client = await prepared(doors, chance)
    await alice.do("NOOP")


async def until(client: Client, end: bytes) -> list[bytes]:
    """Lines up to the answer to the NOOP at the end, or the end of the connection.

    A literal that was asked for swallows the NOOP: then more of them follow.
    """
    seen: list[bytes] = []
    while True:
        try:
            line = await client.line(0.25)
        except TimeoutError:
            client.send(b"x" * 100_000 + b"\r\n" + end + b" NOOP\r\n")
            continue
        except ConnectionResetError:
            return seen  # what follows STARTTLS was no handshake
        if not line or line.startswith(end + b" "):
            return seen
        seen.append(line)


async def test_random_bytes_harm_nobody(doors: Doors, node: Node, alice: Client) -> None:
    chance = random.Random(1)
    for _ in range(30):
        client = await Client.connect(doors.imap)
        client.send(chance.randbytes(5000) + b"\r\n")
        client.writer.write_eof()
        while await client.line():
            pass
        await client.close()
    await alice.do("NOOP")
