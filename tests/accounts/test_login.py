"""Logging in: who may, what it costs, what is remembered, on a real Postgres."""

import asyncio
import os
from typing import Literal

import argon2
import pytest

from mailserver.accounts import Account, Accounts, Logins, credentials
from mailserver.accounts.accounts import find_row
from mailserver.accounts.passwords import Passwords
from mailserver.domains import Domains
from mailserver.errors import MailError
from mailserver.settings import Limits
from mailserver.storage.database import Database
from mailserver.storage.directory.domains import DomainState
from tests.support.accounts import PASSWORD, CountingHasher, log_in


async def test_the_right_password_logs_in_and_any_other_does_not(
    logins: Logins, alice: Account
) -> None:
    assert await log_in(logins, "alice@example.test", PASSWORD) == alice
    for wrong in ("", "correct hors", PASSWORD.upper(), PASSWORD + "\0", "\udc80", "x" * 2000):
        assert await log_in(logins, "alice@example.test", wrong) is None


async def test_the_address_is_matched_whatever_its_case(logins: Logins, alice: Account) -> None:
    assert await log_in(logins, "ALICE@Example.Test", PASSWORD) == alice


@pytest.mark.parametrize(
    "address",
    ["nobody@example.test", "alice@elsewhere.test", "alice", "", "\udc80@\udc80", "a\0@b"],
)
async def test_an_unknown_account_costs_one_comparison_as_a_known_one_does(
    logins: Logins, hasher: CountingHasher, alice: Account, address: str
) -> None:
    assert await log_in(logins, address, PASSWORD) is None
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
    logins = Logins(database, limits, hashing=Passwords(hasher), clock=lambda: now[0])
    for moment, comparisons in ((1000, 1), (1299, 1), (1301, 2), (1400, 2)):
        now[0] = moment
        assert await log_in(logins, "alice@example.test", PASSWORD)
        assert len(hasher.compared) == comparisons


async def test_only_mechanisms_of_the_settings_are_offered(database: Database) -> None:
    logins = Logins(
        database, Limits(), hashing=Passwords(), mechanisms=("PLAIN", "SCRAM-SHA-256", "XOAUTH2")
    )
    # in our order; XOAUTH2 has no issuer here
    assert logins.mechanisms == ("SCRAM-SHA-256", "PLAIN")


async def test_a_wrong_password_is_compared_each_time(
    logins: Logins, hasher: CountingHasher, alice: Account
) -> None:
    await log_in(logins, "alice@example.test", PASSWORD)
    for _ in range(3):
        assert await log_in(logins, "alice@example.test", "wrong password") is None
    assert len(hasher.compared) == 4


async def test_a_changed_password_counts_at_once_in_every_process(
    database: Database, accounts: Accounts, alice: Account
) -> None:
    elsewhere = Logins(database, Limits(), hashing=Passwords(CountingHasher()))
    assert await log_in(elsewhere, "alice@example.test", PASSWORD)

    await accounts.set_password("alice@example.test", "another horse")

    assert await log_in(elsewhere, "alice@example.test", PASSWORD) is None
    assert await log_in(elsewhere, "alice@example.test", "another horse")


async def test_an_invalidated_domain_has_its_credentials_compared_again(
    logins: Logins, hasher: CountingHasher, alice: Account
) -> None:
    for domain, comparisons in (("other.test", 1), ("example.test", 2), ("", 3)):
        await log_in(logins, "alice@example.test", PASSWORD)
        logins.invalidate(domain)
        await log_in(logins, "alice@example.test", PASSWORD)
        assert len(hasher.compared) == comparisons


async def test_the_same_credential_at_the_same_time_is_compared_once(
    logins: Logins, hasher: CountingHasher, alice: Account
) -> None:
    hasher.pause = 0.05

    logins = [log_in(logins, "alice@example.test", PASSWORD) for _ in range(20)]

    assert await asyncio.gather(*logins) == [alice] * 20
    assert len(hasher.compared) == 1


async def test_a_login_flood_is_hashed_by_as_many_threads_as_there_are_cores(
    logins: Logins, hasher: CountingHasher
) -> None:
    hasher.pause = 0.01

    await asyncio.gather(
        *(log_in(logins, f"user{n}@example.test", "wrong password") for n in range(40))
    )

    assert len(hasher.compared) == 40
    assert hasher.most_at_once <= len(os.sched_getaffinity(0))


async def test_beyond_what_can_be_hashed_in_time_a_login_may_be_tried_again(
    logins: Logins, hasher: CountingHasher, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "MAX_WAITING", 3)
    hasher.gate.clear()
    waiting = [
        asyncio.create_task(log_in(logins, f"user{n}@example.test", "wrong password"))
        for n in range(3)
    ]
    while len(logins._proofs._credentials._flights) < 3:
        await asyncio.sleep(0.005)
    with pytest.raises(MailError, match=r"454 4\.7\.0"):
        await log_in(logins, "alice@example.test", PASSWORD)
    hasher.gate.set()
    assert await asyncio.gather(*waiting) == [None] * 3
    assert await log_in(logins, "alice@example.test", PASSWORD) == alice


async def test_clients_that_went_away_leave_no_hashing_behind(
    logins: Logins, hasher: CountingHasher, alice: Account
) -> None:
    hasher.gate.clear()
    flood = [
        asyncio.create_task(log_in(logins, f"user{n}@example.test", "wrong password"))
        for n in range(50)
    ]
    while len(logins._proofs._credentials._flights) < 50:
        await asyncio.sleep(0.005)
    for login in flood:
        login.cancel()
    await asyncio.gather(*flood, return_exceptions=True)
    hasher.gate.set()

    assert await log_in(logins, "alice@example.test", PASSWORD) == alice
    assert len(hasher.compared) <= len(os.sched_getaffinity(0)) + 1


async def test_a_client_that_went_away_takes_nothing_from_another_with_the_same_credential(
    logins: Logins, hasher: CountingHasher, alice: Account
) -> None:
    hasher.gate.clear()
    first, second = (
        asyncio.create_task(log_in(logins, "alice@example.test", PASSWORD)) for _ in range(2)
    )
    while [flight.waiting for flight in logins._proofs._credentials._flights.values()] != [2]:
        await asyncio.sleep(0.005)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    hasher.gate.set()

    assert await second == alice
    assert len(hasher.compared) == 1


async def test_a_suspended_account_and_an_account_of_a_suspended_domain_are_refused(
    database: Database, accounts: Accounts, logins: Logins, alice: Account
) -> None:
    assert await log_in(logins, "alice@example.test", PASSWORD)
    await accounts.set_active("alice@example.test", False)
    assert await log_in(logins, "alice@example.test", PASSWORD) is None
    await accounts.set_active("alice@example.test", True)
    await Domains(database).set_state("example.test", DomainState.SUSPENDED)
    assert await log_in(logins, "alice@example.test", PASSWORD) is None
    await Domains(database).set_state("example.test", DomainState.ACTIVE)
    assert await log_in(logins, "alice@example.test", PASSWORD) == alice


async def test_a_login_that_there_is_no_memory_for_may_be_tried_again(
    database: Database, alice: Account
) -> None:
    class Exhausted(argon2.PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            raise argon2.exceptions.VerificationError("Memory allocation error")

    logins = Logins(database, Limits(), hashing=Passwords(Exhausted()))

    with pytest.raises(MailError, match=r"454 4\.7\.0") as refusal:
        await log_in(logins, "alice@example.test", PASSWORD)
    assert refusal.value.temporary


async def test_a_hash_of_older_costs_is_renewed_at_the_next_login(
    database: Database, logins: Logins, alice: Account
) -> None:
    costlier = CountingHasher(memory_cost=128)
    today = Logins(database, Limits(), hashing=Passwords(costlier))

    assert await log_in(today, "alice@example.test", PASSWORD)

    renewed = await database.fetchval("SELECT password_hash FROM account")
    assert argon2.extract_parameters(renewed).memory_cost == 128
    assert await log_in(today, "alice@example.test", PASSWORD)
    assert await log_in(logins, "alice@example.test", PASSWORD)


@pytest.mark.parametrize(
    ("chosen", "typed"),
    [
        ("Zo\u00eb's pass", "Zoe\u0308's pass"),
        ("with\u00a0no-break space", "with no-break space"),
    ],
)
async def test_a_password_is_the_same_however_a_keyboard_composes_it(
    accounts: Accounts, logins: Logins, chosen: str, typed: str
) -> None:
    await accounts.add("zoe@example.test", chosen)

    assert await log_in(logins, "zoe@example.test", typed)


async def test_no_secret_shows_in_the_words_of_a_value(database: Database, alice: Account) -> None:
    row = await find_row(database, "alice@example.test")

    assert "argon2id" not in repr(row)
