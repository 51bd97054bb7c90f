"""QUOTA: what is used and what is left, who sets it, and where it is refused."""

from imap.session import Services
from mailserver.node import Node
from tests.support.imap_doors import Doors
from tests.support.imap_session import Client, message
from tests.support.node import ALICE, BOB, add_account, add_domain


async def quota(node: Node, address: str, size: int | None, messages: int | None = None) -> None:
    await node.accounts.set_quota(address, size, messages)


async def test_what_is_not_limited_has_an_empty_quota(client: Client) -> None:
    assert await client.ok(b"GETQUOTAROOT INBOX") == [
        b"* QUOTAROOT INBOX alice@example.test",
        b"* QUOTA alice@example.test ()",
    ]
    assert await client.ok(b"GETQUOTA Alice@Example.Test") == [b"* QUOTA alice@example.test ()"]


async def test_usage_counts_all_mailboxes_in_units_of_1024_octets(
    shared: Services, client: Client
) -> None:
    await quota(shared.node, ALICE, 10 * 1024 + 5, 7)
    await client.deliver(b"x" * 1000, prefix=b"")
    await client.deliver(b"x" * 1049, "Archive", prefix=b"")
    told = [b"* QUOTA alice@example.test (STORAGE 3 10 MESSAGE 2 7)"]
    assert await client.ok(b"GETQUOTA alice@example.test") == told
    assert (await client.ok(b"GETQUOTAROOT Archive"))[1:] == told


async def test_who_is_no_administrator_sets_nothing_and_sees_his_own(
    shared: Services, client: Client
) -> None:
    for line in (
        b"SETQUOTA alice@example.test (STORAGE 1)",
        b"SETQUOTA bob@example.test ()",
        b"GETQUOTA bob@example.test",
        b"GETQUOTA nobody@example.test",
        b'GETQUOTA ""',
    ):
        assert (await client.do(line))[-1].startswith(b"a NO [NOPERM]"), line


async def test_an_administrator_sets_the_quotas_of_the_organization(
    shared: Services, client: Client
) -> None:
    await shared.node.accounts.set_administrator(ALICE, True)
    assert await client.ok(b"SETQUOTA bob@example.test (STORAGE 512 MESSAGE 9)") == [
        b"* QUOTA bob@example.test (STORAGE 0 512 MESSAGE 0 9)"
    ]
    found = await shared.node.accounts.find(BOB)
    assert found is not None
    assert (found.quota_bytes, found.quota_messages) == (512 * 1024, 9)
    # RFC 9208 §4.1.3: what is not named is not limited any more
    assert await client.ok(b"SETQUOTA bob@example.test (MESSAGE 3)") == [
        b"* QUOTA bob@example.test (MESSAGE 0 3)"
    ]
    assert await client.ok(b"GETQUOTA bob@example.test") == [
        b"* QUOTA bob@example.test (MESSAGE 0 3)"
    ]
    for line, code in (
        (b"SETQUOTA bob@example.test (ANNOTATION-STORAGE 3)", b"CANNOT"),
        (b"SETQUOTA bob@example.test (STORAGE 0)", b"CANNOT"),
        (b"SETQUOTA bob@example.test (STORAGE 9223372036854775807)", b"LIMIT"),
        (b"SETQUOTA nobody@example.test (STORAGE 3)", b"NONEXISTENT"),
    ):
        assert (await client.do(line))[-1].startswith(b"a NO [%b]" % code), line
    await shared.node.accounts.set_administrator(ALICE, False)
    assert (await client.do(b"GETQUOTA bob@example.test"))[-1].startswith(b"a NO [NOPERM]")


async def test_an_administrator_reaches_no_other_organization(
    shared: Services, client: Client
) -> None:
    node = shared.node
    async with node.database.transaction() as c:
        await c.execute("INSERT INTO organization (name) VALUES ('other')")
        await add_domain(c, "other.test", "other")
        await add_account(c, "carol@other.test", quota_bytes=5000)
    await node.accounts.set_administrator(ALICE, True)
    missing = (await client.do(b"GETQUOTA nobody@other.test"))[-1]
    for line in (b"GETQUOTA carol@other.test", b"SETQUOTA carol@other.test ()"):
        assert (await client.do(line))[-1] == missing
    carol = await node.accounts.find("carol@other.test")
    assert carol is not None
    assert carol.quota_bytes == 5000


async def test_a_message_too_many_is_refused_and_room_that_is_given_is_seen(doors: Doors) -> None:
    node = doors.doors[0].doorway.services.node
    await quota(node, ALICE, None, 2)
    alice = await doors.login()
    for _ in range(2):
        assert (await alice.append("INBOX", message())).ok
    assert (await alice.append("INBOX", message())).tagged.startswith(b"NO [OVERQUOTA]")
    await alice.do("SELECT INBOX")
    assert (await alice.ask("COPY 1 Archive")).tagged.startswith(b"NO [OVERQUOTA]")
    assert (await alice.ask("MOVE 1 Archive")).ok
    await quota(node, ALICE, None, 3)
    assert (await alice.append("INBOX", message())).ok


async def test_status_tells_what_expunge_would_free(client: Client) -> None:
    for size in (1000, 1049, 5):
        await client.deliver(b"x" * size, prefix=b"")
    assert await client.ok(b"STATUS INBOX (MESSAGES DELETED DELETED-STORAGE)") == [
        b"* STATUS INBOX (MESSAGES 3 DELETED 0 DELETED-STORAGE 0)"
    ]
    await client.ok(b"SELECT INBOX")
    await client.ok(b"STORE 1:2 +FLAGS.SILENT (\\Deleted)")
    assert await client.ok(b"STATUS INBOX (DELETED-STORAGE DELETED)") == [
        b"* STATUS INBOX (DELETED-STORAGE 3 DELETED 2)"
    ]
    listed = await client.ok(b'LIST "" INBOX RETURN (STATUS (DELETED))')
    assert listed[1:] == [b"* STATUS INBOX (DELETED 2)"]
