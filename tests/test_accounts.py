"""Logging in, resolving addresses, and what operators do to accounts, on a real Postgres."""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Literal

import argon2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.accounts import Account, Accounts, Resolution
from mailserver.accounts.expansion import MAX_ADDRESSES, MAX_DEPTH, Expansion, expand
from mailserver.accounts.passwords import Passwords
from mailserver.domains import Aliases, Domains, Organizations
from mailserver.errors import MailError, Refused
from mailserver.mail.addresses import Address
from mailserver.settings import Limits
from mailserver.storage import mailboxes
from mailserver.storage.database import Connection, Database
from mailserver.storage.directory import domains
from mailserver.storage.directory.addresses import Entry
from mailserver.storage.directory.domains import DomainState
from mailserver.storage.notifications import DIRECTORY, Listener

PASSWORD = "correct horse"


class CountingHasher(argon2.PasswordHasher):
    """argon2 itself, counting what it is asked and how much at a time."""

    def __init__(self, memory_cost: int = 64) -> None:
        super().__init__(time_cost=1, memory_cost=memory_cost, parallelism=1)
        self.compared: list[str | bytes] = []
        self.at_once = 0
        self.most_at_once = 0
        self.pause = 0.0
        self.gate = threading.Event()
        self.gate.set()
        self._lock = threading.Lock()

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        with self._lock:
            self.compared.append(hash)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            time.sleep(self.pause)
            self.gate.wait(10)
            return super().verify(hash, password)
        finally:
            with self._lock:
                self.at_once -= 1


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    opened = await Database.open(dsn, connections=4, timeout=10)
    demo = await Organizations(opened).add("demo")
    async with opened.transaction() as c:  # without DKIM keys: those take their time
        await domains.add(c, "example.test", demo.id, DomainState.ACTIVE)
    yield opened
    await opened.close()


@pytest.fixture
def hasher() -> CountingHasher:
    return CountingHasher()


@pytest.fixture
def accounts(database: Database, hasher: CountingHasher) -> Accounts:
    return Accounts(database, Limits(), hashing=Passwords(hasher))


@pytest.fixture
async def alice(accounts: Accounts) -> Account:
    return await accounts.add("alice@example.test", PASSWORD)


@pytest.fixture
async def bob(accounts: Accounts) -> Account:
    return await accounts.add("bob@example.test", PASSWORD)


def addresses(resolution: Resolution) -> list[str]:
    return sorted(account.address for account in resolution.accounts)


# ── logging in ──────────────────────────────────────────────────────────────────────────────────


async def test_the_right_password_logs_in_and_any_other_does_not(
    accounts: Accounts, alice: Account
) -> None:
    assert await accounts.authenticate("alice@example.test", PASSWORD) == alice
    for wrong in ("", "correct hors", PASSWORD.upper(), PASSWORD + "\0", "\udc80", "x" * 2000):
        assert await accounts.authenticate("alice@example.test", wrong) is None


async def test_the_address_is_matched_whatever_its_case(accounts: Accounts, alice: Account) -> None:
    assert await accounts.authenticate("ALICE@Example.Test", PASSWORD) == alice


@pytest.mark.parametrize(
    "address",
    ["nobody@example.test", "alice@elsewhere.test", "alice", "", "\udc80@\udc80", "a\0@b"],
)
async def test_an_unknown_account_costs_one_comparison_as_a_known_one_does(
    accounts: Accounts, hasher: CountingHasher, alice: Account, address: str
) -> None:
    assert await accounts.authenticate(address, PASSWORD) is None
    assert [argon2.extract_parameters(str(one)) for one in hasher.compared] == [
        argon2.extract_parameters(hasher.hash(PASSWORD))
    ]


def test_the_hash_of_nobody_costs_what_a_real_one_does() -> None:
    hasher = argon2.PasswordHasher()

    nobody = Passwords(hasher).nobody

    assert argon2.extract_parameters(nobody) == argon2.extract_parameters(hasher.hash("x"))
    with pytest.raises(argon2.exceptions.VerifyMismatchError):
        hasher.verify(nobody, "x")


async def test_a_verified_credential_is_not_hashed_again_within_its_lifetime(
    database: Database, hasher: CountingHasher, alice: Account
) -> None:
    now = [1000.0]
    limits = Limits(credential_cache=300)
    accounts = Accounts(database, limits, hashing=Passwords(hasher), clock=lambda: now[0])
    for moment, comparisons in ((1000, 1), (1299, 1), (1301, 2), (1400, 2)):
        now[0] = moment
        assert await accounts.authenticate("alice@example.test", PASSWORD)
        assert len(hasher.compared) == comparisons


async def test_a_wrong_password_is_compared_each_time(
    accounts: Accounts, hasher: CountingHasher, alice: Account
) -> None:
    await accounts.authenticate("alice@example.test", PASSWORD)
    for _ in range(3):
        assert await accounts.authenticate("alice@example.test", "wrong password") is None
    assert len(hasher.compared) == 4


async def test_a_changed_password_counts_at_once_in_every_process(
    database: Database, accounts: Accounts, alice: Account
) -> None:
    elsewhere = Accounts(database, Limits(), hashing=Passwords(CountingHasher()))
    assert await elsewhere.authenticate("alice@example.test", PASSWORD)

    await accounts.set_password("alice@example.test", "another horse")

    assert await elsewhere.authenticate("alice@example.test", PASSWORD) is None
    assert await elsewhere.authenticate("alice@example.test", "another horse")


async def test_an_invalidated_domain_has_its_credentials_compared_again(
    accounts: Accounts, hasher: CountingHasher, alice: Account
) -> None:
    for domain, comparisons in (("other.test", 1), ("example.test", 2), ("", 3)):
        await accounts.authenticate("alice@example.test", PASSWORD)
        accounts.invalidate(domain)
        await accounts.authenticate("alice@example.test", PASSWORD)
        assert len(hasher.compared) == comparisons


async def test_the_same_credential_at_the_same_time_is_compared_once(
    accounts: Accounts, hasher: CountingHasher, alice: Account
) -> None:
    hasher.pause = 0.05

    logins = [accounts.authenticate("alice@example.test", PASSWORD) for _ in range(20)]

    assert await asyncio.gather(*logins) == [alice] * 20
    assert len(hasher.compared) == 1


async def test_a_login_flood_is_hashed_by_as_many_threads_as_there_are_cores(
    accounts: Accounts, hasher: CountingHasher
) -> None:
    hasher.pause = 0.01

    await asyncio.gather(
        *(accounts.authenticate(f"user{n}@example.test", "wrong password") for n in range(40))
    )

    assert len(hasher.compared) == 40
    assert hasher.most_at_once <= len(os.sched_getaffinity(0))


async def test_clients_that_went_away_leave_no_hashing_behind(
    accounts: Accounts, hasher: CountingHasher, alice: Account
) -> None:
    hasher.gate.clear()
    flood = [
        asyncio.create_task(accounts.authenticate(f"user{n}@example.test", "wrong password"))
        for n in range(50)
    ]
    while len(accounts._credentials._flights) < 50:
        await asyncio.sleep(0.005)
    for login in flood:
        login.cancel()
    await asyncio.gather(*flood, return_exceptions=True)
    hasher.gate.set()

    assert await accounts.authenticate("alice@example.test", PASSWORD) == alice
    assert len(hasher.compared) <= len(os.sched_getaffinity(0)) + 1


async def test_a_client_that_went_away_takes_nothing_from_another_with_the_same_credential(
    accounts: Accounts, hasher: CountingHasher, alice: Account
) -> None:
    hasher.gate.clear()
    first, second = (
        asyncio.create_task(accounts.authenticate("alice@example.test", PASSWORD)) for _ in range(2)
    )
    while [flight.waiting for flight in accounts._credentials._flights.values()] != [2]:
        await asyncio.sleep(0.005)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    hasher.gate.set()

    assert await second == alice
    assert len(hasher.compared) == 1


async def test_a_suspended_account_and_an_account_of_a_suspended_domain_are_refused(
    database: Database, accounts: Accounts, alice: Account
) -> None:
    assert await accounts.authenticate("alice@example.test", PASSWORD)
    await accounts.set_active("alice@example.test", False)
    assert await accounts.authenticate("alice@example.test", PASSWORD) is None
    await accounts.set_active("alice@example.test", True)
    await Domains(database).set_state("example.test", DomainState.SUSPENDED)
    assert await accounts.authenticate("alice@example.test", PASSWORD) is None
    await Domains(database).set_state("example.test", DomainState.ACTIVE)
    assert await accounts.authenticate("alice@example.test", PASSWORD) == alice


async def test_a_login_that_there_is_no_memory_for_may_be_tried_again(
    database: Database, alice: Account
) -> None:
    class Exhausted(argon2.PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            raise argon2.exceptions.VerificationError("Memory allocation error")

    accounts = Accounts(database, Limits(), hashing=Passwords(Exhausted()))

    with pytest.raises(MailError, match=r"454 4\.7\.0") as refusal:
        await accounts.authenticate("alice@example.test", PASSWORD)
    assert refusal.value.temporary


async def test_a_hash_of_older_costs_is_renewed_at_the_next_login(
    database: Database, accounts: Accounts, alice: Account
) -> None:
    costlier = CountingHasher(memory_cost=128)
    today = Accounts(database, Limits(), hashing=Passwords(costlier))

    assert await today.authenticate("alice@example.test", PASSWORD)

    renewed = await database.fetchval("SELECT password_hash FROM account")
    assert argon2.extract_parameters(renewed).memory_cost == 128
    assert await today.authenticate("alice@example.test", PASSWORD)
    assert await accounts.authenticate("alice@example.test", PASSWORD)


@pytest.mark.parametrize(
    ("chosen", "typed"),
    [
        ("Zo\u00eb's pass", "Zoe\u0308's pass"),
        ("with\u00a0no-break space", "with no-break space"),
    ],
)
async def test_a_password_is_the_same_however_a_keyboard_composes_it(
    accounts: Accounts, chosen: str, typed: str
) -> None:
    await accounts.add("zoe@example.test", chosen)

    assert await accounts.authenticate("zoe@example.test", typed)


async def test_no_secret_shows_in_the_words_of_a_value(accounts: Accounts, alice: Account) -> None:
    row = await accounts._row("alice@example.test")

    assert "argon2id" not in repr(row)


# ── resolving ───────────────────────────────────────────────────────────────────────────────────


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

    await Accounts(database, Limits(), hashing=Passwords(CountingHasher())).add(
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
    reader = Accounts(gated, Limits(), hashing=Passwords(CountingHasher()))
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


# ── the expansion, without a database ───────────────────────────────────────────────────────────

NOWHERE = Entry(
    organization_id=1,
    organization="demo",
    domain_id=1,
    domain_state=DomainState.ACTIVE,
    matched=None,
    targets=(),
    account_id=None,
    quota_bytes=None,
    account_active=False,
)


def as_entry(name: str, value: int | list[str]) -> Entry:
    if isinstance(value, int):
        return replace(NOWHERE, matched=name, account_id=value, account_active=True)
    targets = tuple(target if "@" in target else f"{target}@d.test" for target in value)
    return replace(NOWHERE, matched=name, targets=targets)


def walk(graph: dict[str, int | list[str]], start: str) -> Resolution:
    """Expand `start@d.test` where `graph` is the domain: name → account id or alias targets."""
    expanding = expand(f"{start}@d.test")
    asked = next(expanding)
    for _ in range(MAX_DEPTH + 2):
        known = {key: key.partition("@") for key in asked if key.endswith("@d.test")}
        found = {
            key: as_entry(name, graph[name]) if name in graph else NOWHERE
            for key, (name, _, _) in known.items()
        }
        try:
            asked = expanding.send(found)
        except StopIteration as end:
            expansion: Expansion = end.value
            return expansion.resolution
    raise AssertionError("the expansion does not end")


NAMES = st.sampled_from("abcdefgh")
GRAPHS: st.SearchStrategy[dict[str, int | list[str]]] = st.dictionaries(
    NAMES,
    st.integers(1, 5)
    | st.lists(NAMES | st.sampled_from(["x@out.test", "y@out.test"]), min_size=1, max_size=4),
)


@given(GRAPHS, NAMES)
@settings(max_examples=500)
def test_any_graph_of_aliases_is_expanded_to_what_can_be_reached_in_it(
    graph: dict[str, int | list[str]], start: str
) -> None:
    reached, frontier = {start}, [start]
    while frontier:
        value = graph.get(frontier.pop(), [])
        new = set(value) - reached if isinstance(value, list) else set()
        reached |= new
        frontier += new

    found = walk(graph, start)

    ids = [account.id for account in found.accounts]
    assert sorted(ids) == sorted({v for k in reached if isinstance(v := graph.get(k), int)})
    assert sorted(found.forwards) == sorted(name for name in reached if "@" in name)


def test_an_alias_deeper_than_the_limit_keeps_its_mail_waiting() -> None:
    chain: dict[str, int | list[str]] = {f"n{n}": [f"n{n + 1}"] for n in range(MAX_DEPTH)}
    chain[f"n{MAX_DEPTH}"] = 7
    assert walk(chain, "n0").known

    chain[f"n{MAX_DEPTH}"] = [f"n{MAX_DEPTH + 1}"]
    with pytest.raises(MailError) as refusal:
        walk(chain, "n0")
    assert (refusal.value.code, refusal.value.enhanced) == (451, "4.3.5")


def test_an_alias_wider_than_the_limit_keeps_its_mail_waiting() -> None:
    wide = [f"u{n}@out.test" for n in range(MAX_ADDRESSES)]
    assert len(walk({"all": wide[:-1]}, "all").forwards) == MAX_ADDRESSES - 1
    with pytest.raises(MailError):
        walk({"all": wide}, "all")


# ── what operators do ───────────────────────────────────────────────────────────────────────────


async def test_a_new_account_has_its_mailboxes_and_its_quota(
    database: Database, accounts: Accounts
) -> None:
    made = await accounts.add("Carol@Example.test", PASSWORD, quota_bytes=5_000_000)

    assert (made.address, made.quota_bytes, made.active) == ("carol@example.test", 5_000_000, True)
    assert await accounts.find("carol@example.test") == made
    async with database.connection() as c:
        names = {mailbox.name for mailbox in await mailboxes.listing(c, made.id)}
    assert names == {name for name, _ in mailboxes.DEFAULTS}
    assert await accounts.used_bytes(made) == 0


async def test_what_cannot_be_an_account_is_refused_with_its_reason(
    database: Database, accounts: Accounts, alice: Account
) -> None:
    await Aliases(database).add("info@example.test", ["alice@example.test"])
    for address, reason in {
        "alice@example.test": "address alice@example.test exists already",
        "ALICE@example.test": "address alice@example.test exists already",
        "info@example.test": "address info@example.test is taken by an alias",
        "alice@missing.test": "domain missing.test does not exist",
        "*@example.test": "the catch-all",
        "nonsense": "nonsense is no address",
    }.items():
        with pytest.raises(Refused, match=reason.replace("*", r"\*")):
            await accounts.add(address, PASSWORD)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "fewer than 8"),
        ("1234567", "fewer than 8"),
        ("long enough\n", "control characters"),
        ("x" * 1025, "too long"),
    ],
)
async def test_a_password_that_will_not_do_is_refused_without_being_repeated(
    accounts: Accounts, password: str, reason: str
) -> None:
    with pytest.raises(Refused, match=reason) as refusal:
        await accounts.add("carol@example.test", password)
    assert not password or password not in str(refusal.value)
    assert await accounts.list() == []


async def test_a_removed_account_leaves_no_mailbox_no_address_and_no_alias_behind(
    database: Database, accounts: Accounts, alice: Account, bob: Account
) -> None:
    aliases = Aliases(database)
    await aliases.add("both@example.test", ["alice@example.test", "bob@example.test"])
    await aliases.add("only@example.test", ["alice@example.test"])

    await accounts.remove("Alice@example.test")

    async with database.connection() as c:
        assert await mailboxes.listing(c, alice.id) == []
    left = await aliases.list()
    assert [(one.address, one.targets) for one in left] == [
        ("both@example.test", ("bob@example.test",))
    ]
    assert await accounts.authenticate("alice@example.test", PASSWORD) is None
    await accounts.add("alice@example.test", PASSWORD)


async def test_the_quota_is_set_and_lifted(accounts: Accounts, alice: Account) -> None:
    for quota in (10 * 2**30, None):
        await accounts.set_quota("alice@example.test", quota)
        found = await accounts.find("alice@example.test")
        assert found is not None
        assert found.quota_bytes == quota
    with pytest.raises(Refused, match="-1 bytes"):
        await accounts.set_quota("alice@example.test", -1)


async def test_what_does_not_exist_is_refused_by_name(accounts: Accounts) -> None:
    for work in (
        accounts.remove("carol@example.test"),
        accounts.set_password("carol@example.test", PASSWORD),
        accounts.set_quota("carol@example.test", None),
        accounts.set_active("carol@example.test", False),
    ):
        with pytest.raises(Refused, match=r"account carol@example\.test does not exist"):
            await work


async def test_accounts_are_listed_by_domain_and_organization(
    database: Database, accounts: Accounts, alice: Account
) -> None:
    await Organizations(database).add("acme")
    await Domains(database).add("acme.test", "acme")
    road = await accounts.add("road@acme.test", PASSWORD)

    assert list(await accounts.list()) == [road, alice]
    assert list(await accounts.list(domain="example.test")) == [alice]
    assert list(await accounts.list(organization="acme")) == [road]


async def test_an_account_and_an_alias_of_one_name_cannot_both_win(
    database: Database, accounts: Accounts, alice: Account
) -> None:
    aliases = Aliases(database)
    for turn in range(5):
        name = f"race{turn}@example.test"
        outcomes = await asyncio.gather(
            accounts.add(name, PASSWORD),
            aliases.add(name, ["alice@example.test"]),
            return_exceptions=True,
        )
        refused = [one for one in outcomes if isinstance(one, BaseException)]
        assert len(refused) == 1
        assert isinstance(refused[0], Refused)
