"""Where an address leads, and how soon a change of it counts, on a real Postgres."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from mailserver.accounts import Account, Accounts
from mailserver.accounts.passwords import Passwords
from mailserver.domains import Aliases, Domains
from mailserver.mail.addresses import Address
from mailserver.storage.database import Connection, Database
from mailserver.storage.directory.domains import DomainState
from mailserver.storage.notifications import DIRECTORY, Listener
from tests.support.accounts import PASSWORD, CountingHasher, addresses


async def test_an_account_is_reached_by_its_address_in_any_case_and_by_sub_addresses(
    accounts: Accounts, alice: Account
) -> None:
    for local in ("alice", "ALICE", "alice+shop", "alice+a+b"):
        found = await accounts.resolve(Address(local, "Example.Test"))
        assert (found.local, found.known, found.accounts) == (True, True, (alice,))
        assert (found.organization, found.organization_id) == ("demo", alice.organization_id)


async def test_an_unknown_address_of_ours_is_local_and_leads_nowhere(accounts: Accounts) -> None:
    found = await accounts.resolve(Address("nobody", "example.test"))

    assert (found.local, found.known, found.suspended) == (True, False, False)


async def test_an_address_elsewhere_is_not_local_and_is_remembered_by_domain(
    accounts: Accounts,
) -> None:
    found = await accounts.resolve(Address("someone", "elsewhere.test"))

    assert (found.local, found.known, found.organization_id) == (False, False, 0)
    assert accounts.resolve_cached(Address("another", "elsewhere.test")) == found


async def test_a_domain_that_is_not_live_is_elsewhere(
    database: Database, accounts: Accounts
) -> None:
    await Domains(database).add("later.test", "demo", active=False)

    found = await accounts.resolve(Address("a", "later.test"))

    assert (found.local, found.suspended) == (False, False)


async def test_a_suspended_account_or_domain_says_so(
    database: Database, accounts: Accounts, alice: Account, bob: Account
) -> None:
    await Aliases(database).add("team@example.test", ["alice@example.test", "bob@example.test"])
    await accounts.set_active("alice@example.test", False)
    accounts.invalidate("example.test")

    alone = await accounts.resolve(Address("alice", "example.test"))
    assert (alone.local, alone.known, alone.suspended) == (True, False, True)
    team = await accounts.resolve(Address("team", "example.test"))
    assert (team.accounts, team.suspended) == ((bob,), False)

    await Domains(database).set_state("example.test", DomainState.SUSPENDED)
    accounts.invalidate("example.test")
    whole = await accounts.resolve(Address("bob", "example.test"))
    assert (whole.local, whole.known, whole.suspended) == (False, False, True)


async def test_an_alias_into_a_suspended_domain_is_suspended_with_it(
    database: Database, accounts: Accounts
) -> None:
    await Domains(database).add("other.test", "demo")
    await accounts.add("dave@other.test", PASSWORD)
    await Aliases(database).add("info@example.test", ["dave@other.test"])
    await Domains(database).set_state("other.test", DomainState.SUSPENDED)

    found = await accounts.resolve(Address("info", "example.test"))

    assert (found.local, found.known, found.suspended) == (True, False, True)


async def test_a_target_that_is_no_address_leads_nowhere(
    database: Database, accounts: Accounts, alice: Account
) -> None:
    await Aliases(database).add("info@example.test", ["alice@example.test"])
    await database.execute("UPDATE address SET targets = '{no address}' WHERE kind = 'alias'")

    found = await accounts.resolve(Address("info", "example.test"))

    assert not found.known


async def test_aliases_lead_through_domains_to_accounts_and_elsewhere(
    database: Database, accounts: Accounts, alice: Account, bob: Account
) -> None:
    aliases = Aliases(database)
    await Domains(database).add("other.test", "demo")
    await aliases.add("inner@other.test", ["alice+x@example.test", "Carol@elsewhere.test"])
    await aliases.add("outer@example.test", ["inner@other.test", "bob@example.test"])

    found = await accounts.resolve(Address("outer+tag", "example.test"))

    assert addresses(found) == ["alice@example.test", "bob@example.test"]
    assert found.forwards == ("Carol@elsewhere.test",)


async def test_the_catch_all_takes_what_nothing_else_does(
    database: Database, accounts: Accounts, alice: Account, bob: Account
) -> None:
    await Aliases(database).add("*@example.test", ["alice@example.test"])

    assert addresses(await accounts.resolve(Address("any", "example.test"))) == [alice.address]
    assert addresses(await accounts.resolve(Address("bob", "example.test"))) == [bob.address]


async def test_an_account_owns_itself_its_sub_addresses_and_its_aliases_only(
    database: Database, accounts: Accounts, alice: Account, bob: Account
) -> None:
    await Aliases(database).add("info@example.test", ["alice@example.test"])

    for local, owned in {"alice": True, "alice+x": True, "info": True, "bob": False}.items():
        assert await accounts.owns(alice, Address(local, "example.test")) is owned
    assert not await accounts.owns(alice, Address("alice", "elsewhere.test"))


async def test_a_change_reaches_another_process_through_the_listener(
    database: Database, accounts: Accounts, dsn: str
) -> None:
    carol = Address("carol", "example.test")
    listener = Listener(dsn)
    listener.subscribe(DIRECTORY, accounts.invalidate)
    listening = asyncio.create_task(listener.run())
    while not listener.connected:
        await asyncio.sleep(0.01)
    assert not (await accounts.resolve(carol)).known
    assert accounts.resolve_cached(carol) is not None

    await Accounts(database, hashing=Passwords(CountingHasher())).add(
        "carol@example.test", PASSWORD
    )

    async with asyncio.timeout(1):
        while accounts.resolve_cached(carol) is not None:
            await asyncio.sleep(0.005)
    assert (await accounts.resolve(carol)).known
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


async def test_an_alias_is_forgotten_when_the_domain_it_leads_to_changes(
    database: Database, accounts: Accounts
) -> None:
    await Domains(database).add("other.test", "demo")
    await accounts.add("dave@other.test", PASSWORD)
    await Aliases(database).add("info@example.test", ["dave@other.test"])
    info = Address("info", "example.test")
    assert (await accounts.resolve(info)).known

    accounts.invalidate("other.test")

    assert accounts.resolve_cached(info) is None


class GatedDatabase(Database):
    """A database whose answers are held back, once they are there, until the gate opens."""

    gate: asyncio.Event
    answered: asyncio.Event

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        async with super().connection() as c:
            yield c
        self.answered.set()
        await self.gate.wait()


async def test_an_answer_that_an_invalidation_overtook_is_not_remembered(
    dsn: str, accounts: Accounts, alice: Account
) -> None:
    gated = await GatedDatabase.open(dsn, connections=1, timeout=10)
    assert isinstance(gated, GatedDatabase)
    gated.gate, gated.answered = asyncio.Event(), asyncio.Event()
    reader = Accounts(gated, hashing=Passwords(CountingHasher()))
    address = Address("alice", "example.test")
    asked = asyncio.create_task(reader.resolve(address))
    await gated.answered.wait()

    await accounts.remove("alice@example.test")
    reader.invalidate("example.test")
    gated.gate.set()

    assert (await asked).known  # it was asked before the change
    assert reader.resolve_cached(address) is None
    assert not (await reader.resolve(address)).known
    await gated.close()


async def test_the_cache_is_right_in_the_end_after_many_changes_under_load(
    database: Database, accounts: Accounts, dsn: str, alice: Account, bob: Account
) -> None:
    info, done = Address("info", "example.test"), asyncio.Event()
    listener = Listener(dsn)
    listener.subscribe(DIRECTORY, accounts.invalidate)
    listening = asyncio.create_task(listener.run())
    await Aliases(database).add("info@example.test", ["alice@example.test"])

    async def read() -> None:
        while not done.is_set():
            await accounts.resolve(info)
            await asyncio.sleep(0)

    readers = [asyncio.create_task(read()) for _ in range(3)]
    for turn in range(100):
        target = ("alice@example.test", "bob@example.test")[turn % 2]
        await database.execute(
            "UPDATE address SET targets = ARRAY[$1] WHERE local_part = 'info'", target
        )
        if turn % 10 == 9:
            await asyncio.sleep(0.05)
            assert addresses(await accounts.resolve(info)) == [target]
    done.set()
    listening.cancel()
    await asyncio.gather(listening, *readers, return_exceptions=True)


async def test_guessing_at_addresses_drives_out_no_resolution_of_use(
    accounts: Accounts, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts._unknown._size = 10
    await accounts.resolve(Address("alice", "example.test"))
    for guess in range(30):
        await accounts.resolve(Address(f"guess{guess}", "example.test"))

    assert accounts.resolve_cached(Address("alice", "example.test")) is not None
    assert len(accounts._unknown) == 10
