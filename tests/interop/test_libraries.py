"""What Python programs read mail with: imap-tools, aioimaplib. IMAPClient: tests/imap."""

import asyncio
import ssl

import aioimaplib
from imap_tools import AND, MailBox, MailMessageFlags

from tests.support.letters import Letter, trusting
from tests.support.owner import Owner
from tests.support.server import Server


def test_imap_tools_reads_flags_moves_and_waits(owner: Owner) -> None:
    first, second, third = owner.letters(3)
    port = owner.server.ports["imaps"]
    mailbox = MailBox("127.0.0.1", port, timeout=10, ssl_context=trusting())
    with mailbox.login(owner.address, owner.password):
        messages = list(mailbox.fetch(AND(subject=first.word), mark_seen=False))
        assert [message.subject.split()[0] for message in messages] == [first.word]
        assert "Grüße aus Köln, 100 % wörtlich" in messages[0].text
        uids = mailbox.uids()
        mailbox.flag(uids[:1], [MailMessageFlags.FLAGGED], True)
        mailbox.folder.create("Work/Größe & Maß")
        mailbox.move(uids[1:2], "Work/Größe & Maß")
        mailbox.delete(uids[2:])
        assert mailbox.uids() == uids[:1]
        assert mailbox.folder.status("Work/Größe & Maß")["MESSAGES"] == 1
        with mailbox.idle as idle:
            [arriving] = owner.letters(1)
            assert b"* 2 EXISTS" in idle.poll(timeout=10)
        found = [message.subject.split()[0] for message in mailbox.fetch(mark_seen=False)]
        assert found == [first.word, arriving.word]
        mailbox.folder.set("Work/Größe & Maß")
        assert mailbox.folder.get() == "Work/Größe & Maß"
        [moved] = mailbox.fetch()
        assert moved.subject.startswith(second.word)
    assert owner.flags()[first.word] == {"\\Flagged"}
    assert third.word not in owner.flags()


async def test_aioimaplib_idles_beside_a_second_session(owner: Owner) -> None:
    await asyncio.to_thread(owner.letters, 1)
    watcher = await _logged_in(owner.server, owner)
    worker = await _logged_in(owner.server, owner)
    idle = await watcher.idle_start(timeout=20)
    arriving = Letter("ann@elsewhere.test", owner.address)
    done = await worker.append(arriving.content, "INBOX", flags="\\Flagged")
    assert done.result == "OK"
    told: list[bytes] = []
    while b"2 EXISTS" not in told:
        told += await watcher.wait_server_push(timeout=10)
    await worker.uid("store", "1", "+FLAGS", "(\\Deleted)")
    await worker.expunge()
    while b"1 EXPUNGE" not in told:
        told += await watcher.wait_server_push(timeout=10)
    watcher.idle_done()
    await asyncio.wait_for(idle, 10)
    _, lines = await watcher.fetch("1", "(FLAGS BODY.PEEK[])")
    assert arriving.content in [bytes(line) for line in lines]
    assert (await watcher.uid_search("FLAGGED")).lines[0] == b"2"
    for client in (watcher, worker):
        await client.logout()


async def _logged_in(server: Server, owner: Owner) -> aioimaplib.IMAP4_SSL:
    context: ssl.SSLContext = trusting()
    client = aioimaplib.IMAP4_SSL(
        "127.0.0.1", server.ports["imaps"], ssl_context=context, timeout=20
    )
    await client.wait_hello_from_server()
    assert (await client.login(owner.address, owner.password)).result == "OK"
    assert (await client.select("INBOX")).result == "OK"
    return client
