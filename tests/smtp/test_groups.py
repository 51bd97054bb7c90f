"""Groups at the doors: who may post, what a member gets, what comes back to whom."""

from pathlib import Path
from typing import Any

import pytest

from mailserver.domains import Aliases, Domains, Groups, Organizations
from mailserver.errors import SettingsError
from mailserver.health import check_values
from mailserver.node import Node
from mailserver.settings import Addresses
from mailserver.storage.directory.entries import Posting
from tests.smtp.conftest import Connect, open_doors
from tests.smtp.test_inbound import MESSAGE, deliver
from tests.smtp.test_submission import log_in, submit
from tests.support.dialog import Wire
from tests.support.node import ALICE, BOB, add_account, inbox, open_node, settings_for

TEAM = "team@example.test"
DENIED = "550 5.7.2 You may not post to this group"


async def rcpt(wire: Wire, recipient: str, sender: str = "<ann@elsewhere.test>") -> str:
    await wire.reply()
    await wire.ask("EHLO client.test")
    assert (await wire.ask(f"MAIL FROM:{sender}"))[:3] == "250"
    return await wire.ask(f"RCPT TO:<{recipient}>")


async def queued(node: Node) -> list[Any]:
    return await node.database.fetch(
        "SELECT q.sender, q.account_id, q.prefix, r.recipient"
        " FROM queue_message q JOIN queue_recipient r ON r.queue_id = q.id ORDER BY r.recipient"
    )


async def test_a_member_gets_a_groups_mail_as_a_lists(node: Node, connect: Connect) -> None:
    await Groups(node.database).add(TEAM, [BOB, "carol@out.test"], posting=Posting.ANYONE)
    await deliver(await connect("smtp"), TEAM)
    [stored] = await inbox(node, BOB)
    fields = stored.removesuffix(MESSAGE).replace(b"\r\n\t", b" ").split(b"\r\n")
    assert fields[:2] == [
        b"Return-Path: <owner-team@example.test>",
        b"Delivered-To: team@example.test",
    ]
    assert b"List-Id: <team.example.test>" in fields
    [row] = await queued(node)
    assert (row["sender"], row["recipient"]) == ("owner-team@example.test", "carol@out.test")
    assert b"Delivered-To: team@example.test\r\n" in row["prefix"]
    assert b"List-Post: <mailto:team@example.test>\r\n" in row["prefix"]


async def test_the_mail_of_another_list_keeps_its_one_id(node: Node, connect: Connect) -> None:
    await Groups(node.database).add(TEAM, [BOB], posting=Posting.ANYONE)
    await deliver(await connect("smtp"), TEAM, message=b"List-Id: <a.b.test>\r\n" + MESSAGE)
    [stored] = await inbox(node, BOB)
    assert stored.lower().count(b"list-id:") == 1


async def test_a_report_to_a_group_stays_without_a_sender(node: Node, connect: Connect) -> None:
    await Groups(node.database).add(TEAM, [BOB, "carol@out.test"], posting=Posting.ANYONE)
    await deliver(await connect("smtp"), TEAM, sender="<>")
    [stored] = await inbox(node, BOB)
    assert stored.startswith(b"Return-Path: <>\r\n")
    assert [row["sender"] for row in await queued(node)] == [""]


@pytest.mark.parametrize("posting", list(Posting))
async def test_port_25_believes_no_sender_of_a_closed_group(
    node: Node, connect: Connect, posting: Posting
) -> None:
    await Groups(node.database).add(TEAM, [ALICE, "ann@elsewhere.test"], posting=posting)
    await Aliases(node.database).add("info@example.test", [TEAM, BOB])
    expected = "250 2.1.5 Recipient ok" if posting is Posting.ANYONE else DENIED
    for sender in (f"<{ALICE}>", "<ann@elsewhere.test>", "<>"):
        assert await rcpt(await connect("smtp"), TEAM, sender) == expected
    # an alias does not open the group that it leads to
    assert await rcpt(await connect("smtp"), "info@example.test") == expected


async def test_port_25_believes_the_sender_where_the_settings_say_so(
    dsn: str, tmp_path: Path
) -> None:
    believing = settings_for(tmp_path, addresses=Addresses(trust_envelope_sender=True))
    async with open_node(dsn, believing) as node, open_doors(node) as doors:
        await Groups(node.database).add(TEAM, [BOB, "ann@elsewhere.test"])
        assert (await rcpt(await doors.connect("smtp"), TEAM))[:3] == "250"
        assert await rcpt(await doors.connect("smtp"), TEAM, f"<{ALICE}>") == DENIED


async def test_who_is_logged_in_posts_as_the_group_allows(node: Node, connect: Connect) -> None:
    groups = Groups(node.database)
    async with node.database.transaction() as c:
        await add_account(c, "carol@example.test")
    await groups.add(TEAM, [BOB], owners=["carol@example.test"])
    alice = await connect("submissions")
    await log_in(alice)
    for posting, reply in (
        (Posting.MEMBERS, DENIED),
        (Posting.OWNERS, DENIED),
        (Posting.ORGANIZATION, "250 2.1.5 Recipient ok"),
    ):
        await groups.set(TEAM, posting=posting)
        node.accounts.invalidate("example.test")
        await alice.ask(f"MAIL FROM:<{ALICE}>")
        assert await alice.ask(f"RCPT TO:<{TEAM}>") == reply
        await alice.ask("RSET")

    await groups.set(TEAM, posting=Posting.MEMBERS)
    await groups.add_members(TEAM, [ALICE, "dan@out.test"])
    node.accounts.invalidate("example.test")
    assert (await submit(alice, TEAM))[:3] == "250"
    assert [len(await inbox(node, who)) for who in (ALICE, BOB)] == [1, 1]
    [row] = await queued(node)
    account = await node.accounts.find(ALICE)
    assert account is not None
    # signed for its author, returned to the owners
    assert (row["sender"], row["account_id"]) == ("owner-team@example.test", account.id)


async def test_who_is_reached_in_two_ways_gets_it_once(node: Node, connect: Connect) -> None:
    groups = Groups(node.database)
    await groups.add("inner@example.test", [ALICE, "dan@out.test"], posting=Posting.MEMBERS)
    await groups.add(TEAM, [BOB, ALICE, "inner@example.test"], posting=Posting.ANYONE)
    await groups.add("other@example.test", [BOB, "Dan@out.test"], posting=Posting.ANYONE)
    await deliver(await connect("smtp"), TEAM, BOB, "other@example.test")
    [direct] = await inbox(node, BOB)
    assert b"List-Id" not in direct
    assert direct.startswith(b"Return-Path: <ann@elsewhere.test>\r\n")
    assert len(await inbox(node, ALICE)) == 1
    assert {row["recipient"] for row in await queued(node)} <= {"dan@out.test", "Dan@out.test"}


async def test_to_reach_a_group_is_to_be_delivered(node: Node, connect: Connect) -> None:
    """RFC 3461 §5.2.7.1: what was asked for ends there, the copies are messages of their own."""
    await Groups(node.database).add(TEAM, [BOB, "dan@out.test"], posting=Posting.ANYONE)
    wire = await connect("smtp")
    await wire.reply()
    await wire.ask("EHLO client.test")
    await wire.ask("MAIL FROM:<ann@elsewhere.test> ENVID=one RET=HDRS")
    assert (await wire.ask(f"RCPT TO:<{TEAM}> NOTIFY=SUCCESS"))[:3] == "250"
    await wire.ask("DATA")
    assert (await wire.ask(MESSAGE + b"."))[:3] == "250"
    rows = await node.database.fetch(
        "SELECT r.recipient, r.done, r.notify, q.envelope_id, q.sender"
        " FROM queue_message q JOIN queue_recipient r ON r.queue_id = q.id ORDER BY r.recipient"
    )
    assert [tuple(row) for row in rows] == [
        ("dan@out.test", None, None, None, "owner-team@example.test"),
        (TEAM, "delivered", "SUCCESS", "one", "ann@elsewhere.test"),
    ]


async def test_a_full_member_does_not_keep_it_from_the_group(node: Node, connect: Connect) -> None:
    async with node.database.transaction() as c:
        await add_account(c, "small@example.test", quota_bytes=5)
    groups = Groups(node.database)
    await groups.add(TEAM, [BOB, "small@example.test"], posting=Posting.ANYONE)
    await deliver(await connect("smtp"), TEAM)
    assert len(await inbox(node, BOB)) == 1
    assert await inbox(node, "small@example.test") == []
    [row] = await queued(node)
    assert (row["recipient"], row["sender"]) == ("small@example.test", "owner-team@example.test")


async def test_a_domain_alias_receives_and_sends(node: Node, connect: Connect) -> None:
    await Domains(node.database).add_alias("other.test", "example.test")
    await deliver(await connect("smtp"), "bob@other.test")
    [stored] = await inbox(node, BOB)
    assert b"Delivered-To: bob@other.test\r\n" in stored
    wire = await connect("submissions")
    await log_in(wire)
    message = MESSAGE.replace(b"ann@elsewhere.test", b"Alice <alice@other.test>")
    assert (await submit(wire, BOB, sender="<alice@other.test>", message=message))[:3] == "250"
    assert (await wire.ask("MAIL FROM:<bob@other.test>"))[:9] == "553 5.7.1"


async def test_postmaster_and_abuse_reach_somebody_however_full(
    node: Node, connect: Connect
) -> None:
    await Domains(node.database).add_alias("other.test", "example.test")
    async with node.database.transaction() as c:
        await add_account(c, "small@example.test", quota_bytes=5)
    await Organizations(node.database).set_contact("demo", "small@example.test")
    await node.database.execute("UPDATE account SET quota_bytes = 5")
    node.accounts.invalidate("")
    names = ("postmaster@example.test", "ABUSE@Other.TEST", "Postmaster@example.test")
    await deliver(await connect("smtp"), *names)
    wire = await connect("smtp")
    assert await rcpt(wire, "Postmaster") == "250 2.1.5 Recipient ok"
    assert (await wire.ask("RCPT TO:<small@example.test>"))[:9] == "452 4.2.2"
    assert len(await inbox(node, "small@example.test")) == 1


def test_who_answers_for_all_domains_must_be_an_address(tmp_path: Path) -> None:
    wrong = settings_for(tmp_path, addresses=Addresses(postmaster="nobody"))
    with pytest.raises(SettingsError, match=r"addresses\.postmaster: address without @"):
        check_values(wrong)


async def test_an_address_that_leads_too_far_keeps_its_mail_waiting(
    node: Node, connect: Connect
) -> None:
    await Aliases(node.database).add("a@example.test", [f"u{n}@out.test" for n in range(500)])
    await Aliases(node.database).add("b@example.test", [f"w{n}@out.test" for n in range(500)])
    await Aliases(node.database).add("all@example.test", ["a@example.test", "b@example.test"])
    reply = await rcpt(await connect("smtp"), "all@example.test")
    assert reply == "451 4.3.5 Alias expands too far"


async def test_only_what_we_rewrote_is_taken_back(node: Node, connect: Connect) -> None:
    made = await node.accounts.forwarding.sender("ann@elsewhere.test", "example.test")
    for sender in ("<>", "<dan@out.test>"):
        assert await rcpt(await connect("smtp"), made.lower(), sender) == "250 2.1.5 Recipient ok"
    forged = made.replace("ann", "eve")
    assert await rcpt(await connect("smtp"), forged) == "550 5.1.1 No such mailbox here"
    foreign = made.replace("@example.test", "@elsewhere.test")
    assert await rcpt(await connect("smtp"), foreign) == "550 5.7.1 Relaying denied"
    assert (await deliver(await connect("smtp"), made, sender="<>"))[:3] == "250"
    [row] = await queued(node)
    assert (row["sender"], row["recipient"]) == ("", "ann@elsewhere.test")
