"""Failed logins: slowed, limited by network and by account, on all nodes together."""

import asyncio
import itertools
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from mailserver.accounts import Account, Accounts, LoginFailed, Logins
from mailserver.accounts.passwords import Passwords
from mailserver.settings import Limits
from mailserver.storage.database import Database
from mailserver.storage.directory import login_failures, login_networks
from tests.support.accounts import PASSWORD, CountingHasher, log_in

ALICE, BOB = "alice@example.test", "bob@example.test"
HOME, AWAY, THIRD = "192.0.2.1", "198.51.100.1", "203.0.113.1"

MakeLogins = Callable[..., Logins]


@pytest.fixture
def node(database: Database) -> MakeLogins:
    """Makes the logins of one node, with small limits."""

    def make(**limits: object) -> Logins:
        chosen = {
            "failed_login_delay": 0.001,
            "failed_logins_per_account": 3,
            "failed_logins_per_network": 6,
            **limits,
        }
        hashing = Passwords(CountingHasher(), iterations=4096)
        return Logins(database, Limits(**chosen), hashing=hashing)  # type: ignore[arg-type]

    return make


_NUMBERS = itertools.count()


async def fail(logins: Logins, times: int, client: str, name: str = ALICE) -> None:
    for _ in range(times):
        assert await log_in(logins, name, f"wrong password {next(_NUMBERS)}", client) is None


async def refused(logins: Logins, client: str, name: str = ALICE, password: str = PASSWORD) -> bool:
    """True when the right password is not even looked at."""
    try:
        assert await log_in(logins, name, password, client)
    except LoginFailed:  # log_in lets only those through that are limited
        return True
    return False


async def test_an_account_is_limited_from_everywhere(
    node: MakeLogins, alice: Account, bob: Account
) -> None:
    one, other = node(), node()
    await fail(one, 2, AWAY)
    await fail(other, 1, THIRD)
    for logins in (one, other):
        assert await refused(logins, HOME)
        assert not await refused(logins, HOME, BOB)


async def test_an_unknown_account_is_limited_as_a_known_one_is(node: MakeLogins) -> None:
    logins = node()
    await fail(logins, 3, AWAY, "nobody@example.test")
    assert await refused(logins, AWAY, "nobody@example.test")


async def test_a_network_is_limited_whatever_account_it_tries(
    node: MakeLogins, alice: Account, bob: Account
) -> None:
    one, other = node(), node()
    for number in range(6):
        await fail(one, 1, f"192.0.2.{number}", f"user{number}@example.test")
    for logins in (one, other):
        assert await refused(logins, "192.0.2.200", BOB)
        assert not await refused(logins, "192.0.3.1", BOB)


async def test_the_owner_gets_in_from_a_network_he_was_in_lately(
    database: Database, node: MakeLogins, alice: Account
) -> None:
    logins = node()
    assert not await refused(logins, HOME)
    await fail(logins, 3, AWAY)
    assert await refused(node(), AWAY)
    assert not await refused(node(), "192.0.2.99")
    # but nobody guesses there without end
    for number in range(6):
        await fail(logins, 1, HOME, f"user{number}@example.test")
    assert await refused(node(), HOME)
    [row] = await database.fetch("SELECT * FROM login_network")
    assert (row["network"], row["last_on"]) == ("192.0.2.0/24", datetime.now(UTC).date())


async def test_exempt_networks_are_never_counted(
    database: Database, node: MakeLogins, alice: Account
) -> None:
    logins = node()
    await fail(logins, 10, "127.0.0.1")
    assert await database.fetch("SELECT FROM login_failure") == []
    assert not await refused(logins, "127.0.0.1")
    assert await database.fetch("SELECT FROM login_network") == []


async def test_failures_are_forgotten_one_by_one(
    database: Database, node: MakeLogins, alice: Account
) -> None:
    await fail(node(), 3, AWAY)
    # a third of the window: one of three
    await database.execute("UPDATE login_failure SET last_at = now() - interval '301 seconds'")
    assert await log_in(node(), ALICE, "wrong password", AWAY) is None
    assert await refused(node(), AWAY)
    await database.execute("UPDATE login_failure SET last_at = now() - interval '901 seconds'")
    assert not await refused(node(), AWAY)


async def test_guesses_at_the_same_time_are_no_more_than_the_limit(
    node: MakeLogins, alice: Account
) -> None:
    logins = node()

    async def guess(number: int) -> bool:
        try:
            return await log_in(logins, ALICE, f"wrong password {number}", AWAY) is None
        except LoginFailed:
            return False

    told = await asyncio.gather(*(guess(number) for number in range(20)))
    assert sum(told) == 3


async def test_the_right_one_among_guesses_at_the_same_time_is_not_told_beyond_the_limit(
    database: Database, alice: Account
) -> None:
    hasher = CountingHasher()
    limits = Limits(failed_logins_per_account=1, failed_login_delay=0.001)
    logins = Logins(database, limits, hashing=Passwords(hasher))
    hasher.gate.clear()
    right = asyncio.create_task(log_in(logins, ALICE, PASSWORD, AWAY))
    while not hasher.compared:
        await asyncio.sleep(0.005)
    async with database.connection() as c:
        await login_failures.record(c, {ALICE: 0.0})
    logins._failures._quiet_until = float("-inf")
    hasher.gate.set()
    with pytest.raises(LoginFailed):
        await right


async def test_nothing_is_read_while_nobody_fails(
    database: Database, node: MakeLogins, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    levels = login_failures.levels

    async def counted(*arguments: object) -> object:
        asked.append(arguments)
        return await levels(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(login_failures, "levels", counted)
    logins = node()
    for _ in range(5):
        assert not await refused(logins, HOME)
    assert len(asked) == 1


async def test_a_program_that_repeats_an_old_password_locks_nobody_out(
    node: MakeLogins, alice: Account
) -> None:
    logins = node()
    for _ in range(20):
        assert await log_in(logins, ALICE, "old password", AWAY) is None
    assert not await refused(logins, AWAY)
    await fail(logins, 2, AWAY)  # others are counted as ever
    assert await refused(logins, "198.51.101.1")


async def test_malformed_names_count_for_their_network_only(
    database: Database, node: MakeLogins
) -> None:
    await fail(node(), 1, AWAY, "no address")
    rows = await database.fetch("SELECT subject FROM login_failure")
    assert [row["subject"] for row in rows] == ["198.51.100.0/24"]


async def test_the_answer_to_a_failure_waits_longer_each_time(
    node: MakeLogins, alice: Account
) -> None:
    logins = node(failed_login_delay=0.1)
    waited = []
    for _ in range(2):
        began = time.monotonic()
        await fail(logins, 1, AWAY)
        waited.append(time.monotonic() - began)
    assert waited[0] >= 0.1
    assert waited[1] >= 0.19


async def test_old_failures_and_networks_are_swept(database: Database, alice: Account) -> None:
    async with database.connection() as c:
        await login_failures.record(c, {ALICE: 0.1, "192.0.2.0/24": 0.1})
        await login_networks.remember(c, alice.id, "192.0.2.0/24")
        await login_failures.forget(c, datetime.now(UTC) - timedelta(seconds=60))
        await login_networks.forget(c, datetime.now(UTC).date() - timedelta(days=30))
        assert len(await login_failures.listing(c)) == 2
        assert await login_networks.known(c, "example.test", "alice", "192.0.2.0/24")
        await login_failures.forget(c, datetime.now(UTC) + timedelta(seconds=60))
        await login_networks.forget(c, date.max)
        assert await login_failures.listing(c) == []
        assert not await login_networks.known(c, "example.test", "alice", "192.0.2.0/24")


async def test_a_removed_account_leaves_no_networks_behind(
    database: Database, accounts: Accounts, node: MakeLogins, alice: Account
) -> None:
    assert not await refused(node(), HOME)
    await accounts.remove(ALICE)
    assert await database.fetch("SELECT FROM login_network") == []
    async with database.connection() as c:
        await login_networks.remember(c, alice.id, "192.0.2.0/24")
    assert await database.fetch("SELECT FROM login_network") == []
