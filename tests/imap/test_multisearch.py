"""ESEARCH: several mailboxes are searched at once (RFC 7377)."""

import pytest

from imap.commands import multisearch
from imap.session import Services
from tests.support.imap_session import Client, message
from tests.support.node import ALICE, BOB


@pytest.fixture
async def filled(client: Client) -> Client:
    """INBOX, Work, Work/Old and Work/Old/Older with a message each, and nothing in Works."""
    for name in ("Work/Old/Older", "Works"):
        await client.ok(b"CREATE " + name.encode())
    for number, name in enumerate(("INBOX", "Work", "Work/Old", "Work/Old/Older"), 1):
        await client.deliver(message(f"number {number}", body=f"word{number}\r\n"), name)
    await client.deliver(message("number 5"))
    return client


def found(lines: list[bytes]) -> dict[bytes, bytes]:
    """What is told, by mailbox."""
    told = {}
    for line in lines:
        head, _, rest = line.partition(b") UID ")
        assert head.startswith(b'* ESEARCH (TAG "a" MAILBOX '), line
        name, _, validity = head.removeprefix(b'* ESEARCH (TAG "a" MAILBOX ').partition(b" ")
        assert validity.startswith(b"UIDVALIDITY ")
        told[name] = rest
    return told


async def test_mailboxes_are_told_apart(filled: Client) -> None:
    lines = await filled.ok(b"ESEARCH IN (mailboxes (Work INBOX Nowhere Works INBOX)) ALL")
    assert found(lines) == {b"INBOX": b"ALL 1:2", b"Work": b"ALL 1"}
    assert lines[0].startswith(b'* ESEARCH (TAG "a" MAILBOX INBOX UIDVALIDITY 1) UID ')
    assert found(await filled.ok(b"ESEARCH IN (personal) RETURN (COUNT MAX) TEXT number")) == {
        b"INBOX": b"MAX 2 COUNT 2",
        **dict.fromkeys((b"Work", b"Work/Old", b"Work/Old/Older"), b"MAX 1 COUNT 1"),
    }
    # §2: nothing of where nothing matches
    assert await filled.ok(b"ESEARCH IN (personal) RETURN (COUNT) SUBJECT nobody") == []


async def test_every_way_to_name_them(filled: Client) -> None:
    async def names(sources: bytes) -> set[bytes]:
        return set(found(await filled.ok(b"ESEARCH IN (" + sources + b") ALL")))

    assert await names(b"subtree Work") == {b"Work", b"Work/Old", b"Work/Old/Older"}
    assert await names(b"subtree-one Work") == {b"Work", b"Work/Old"}
    assert await names(b"inboxes subtree-one Work/Old") == {
        b"INBOX",
        b"Work/Old",
        b"Work/Old/Older",
    }
    await filled.ok(b"SUBSCRIBE Work/Old")
    await filled.ok(b"SUBSCRIBE Nowhere")
    assert b"Work/Old" in await names(b"subscribed")
    assert b"Work" not in await names(b"subscribed")


async def test_the_selected_mailbox_is_as_its_client_believes(
    shared: Services, filled: Client
) -> None:
    assert (await filled.do(b"ESEARCH ALL"))[-1].startswith(b"a BAD ")
    assert (await filled.do(b"ESEARCH IN (selected personal) ALL"))[-1].startswith(b"a BAD ")
    await filled.ok(b"SELECT INBOX")
    await filled.deliver(message("new"))
    lines = await filled.ok(b"ESEARCH RETURN (ALL SAVE) ALL")
    assert found(lines[:1]) == {b"INBOX": b"ALL 1:2"}
    assert lines[1] == b"* 3 EXISTS"
    assert found(await filled.ok(b"ESEARCH $ UID 2:3")) == {b"INBOX": b"ALL 2"}
    assert found(await filled.ok(b"ESEARCH IN (inboxes) RETURN (PARTIAL -1:-2) ALL")) == {
        b"INBOX": b"PARTIAL (-1:-2 2:3)"
    }
    for line in (
        b"IN (personal) RETURN (SAVE) ALL",
        *(b"IN (inboxes selected) 1:2", b"IN (personal) $", b"IN (personal) UID $"),
    ):
        assert (await filled.do(b"ESEARCH " + line))[-1].startswith(b"a BAD "), line
    assert (await filled.ok(b"ESEARCH RETURN (UPDATE COUNT) ALL"))[-1].startswith(
        b'* NO [NOUPDATE "a"] '
    )
    # RFC 3501 §7.4.1: an EXPUNGE would shift the numbers that are searched by.
    other = await Client.login(shared)
    await other.ok(b"SELECT INBOX")
    await other.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    await other.ok(b"EXPUNGE")
    assert not any(line.endswith(b"EXPUNGE") for line in await filled.ok(b"ESEARCH 2"))
    assert (await filled.ok(b"ESEARCH ALL"))[-1] == b"* 1 EXPUNGE"
    modseqs = found(await filled.ok(b"ESEARCH IN (inboxes) MODSEQ 1"))[b"INBOX"]
    assert modseqs.startswith(b"ALL 2:3 MODSEQ ")
    await filled.ok(b"ENABLE UIDONLY")
    assert (await filled.do(b"ESEARCH 1"))[-1].startswith(b"a BAD [UIDREQUIRED] ")


async def test_looking_takes_no_recent_and_no_flags(filled: Client) -> None:
    for _ in range(2):
        assert set(found(await filled.ok(b"ESEARCH IN (subtree Work) RECENT UNSEEN"))) == {
            *(b"Work", b"Work/Old", b"Work/Old/Older")
        }
    await filled.ok(b"SELECT Work")
    assert await filled.ok(b"SEARCH RECENT") == [b"* SEARCH 1"]


async def test_only_what_may_be_read_is_looked_into(shared: Services, filled: Client) -> None:
    bob = await Client.login(shared, BOB)
    alices = f"user/{ALICE}/".encode()
    assert await bob.ok(b"ESEARCH IN (subtree user mailboxes " + alices + b"INBOX) ALL") == []
    await filled.ok(f"SETACL Work {BOB} l".encode())
    assert await bob.ok(b"ESEARCH IN (subtree user) ALL") == []
    await filled.ok(f"SETACL Work {BOB} lr".encode())
    name = alices + b"Work"
    assert set(found(await bob.ok(b"ESEARCH IN (subtree user) ALL"))) == {name}
    assert set(found(await bob.ok(b"ESEARCH IN (mailboxes " + name + b") ALL"))) == {name}
    assert await bob.ok(b"ESEARCH IN (personal) ALL") == []


async def test_texts_are_looked_up_in_the_index_of_each_mailbox(
    filled: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    ask = multisearch.found_in.__globals__["ask"]

    async def counted(database: object, mailbox_id: int, *rest: object) -> object:
        asked.append(mailbox_id)
        return await ask(database, mailbox_id, *rest)

    monkeypatch.setitem(multisearch.found_in.__globals__, "ask", counted)
    monkeypatch.setitem(multisearch.found_in.__globals__, "FEW", 0)
    assert found(await filled.ok(b"ESEARCH IN (personal) FUZZY TEXT WORD3")) == {
        b"Work/Old": b"ALL 1"
    }
    assert len(asked) == len(set(asked)) == 4


async def test_what_cannot_be_searched_is_refused(
    filled: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = await filled.do(b"ESEARCH IN (personal) CHARSET X-NONE ALL")
    assert answer[-1].startswith(b"a NO [BADCHARSET")
    monkeypatch.setattr(multisearch, "MOST", 3)
    answer = await filled.do(b"ESEARCH IN (personal) ALL")
    assert answer == [b"a NO [LIMIT] Too many mailboxes to look into"]
    await filled.ok(b"ESEARCH IN (subtree Work) ALL")
