"""App passwords: one secret for each program, and how they are taken back."""

import re
from datetime import date

import pytest

from mailserver.accounts import Account, Accounts, Logins
from mailserver.accounts.app_passwords import MOST, AppPasswords, generated
from mailserver.accounts.passwords import Passwords
from mailserver.errors import Refused
from mailserver.storage.database import Database
from tests.support.accounts import PASSWORD, CountingHasher, log_in
from tests.support.scram_login import scram_login

ALICE, BOB = "alice@example.test", "bob@example.test"


@pytest.fixture
def app_passwords(database: Database, passwords: Passwords) -> AppPasswords:
    return AppPasswords(database, passwords)


async def test_one_logs_in_as_its_account_and_costs_no_argon2(
    app_passwords: AppPasswords,
    logins: Logins,
    hasher: CountingHasher,
    alice: Account,
    bob: Account,
) -> None:
    secret = await app_passwords.add(ALICE, "phone")
    assert re.fullmatch("[a-z2-7]{26}", secret)
    assert await log_in(logins, ALICE, secret) == alice
    assert hasher.compared == []
    assert await log_in(logins, BOB, secret) is None
    assert await log_in(logins, ALICE, PASSWORD) == alice


async def test_one_logs_in_by_scram_too(
    app_passwords: AppPasswords, logins: Logins, alice: Account
) -> None:
    secrets = [await app_passwords.add(ALICE, name) for name in ("phone", "laptop")]
    for password in (*secrets, PASSWORD):
        assert await scram_login(logins, ALICE, password) == alice
    used = {one.name: one.last_used is not None for one in await app_passwords.list(ALICE)}
    assert used == {"phone": True, "laptop": True}


async def test_a_removed_one_is_wrong_at_once_and_the_others_stay_right(
    app_passwords: AppPasswords, logins: Logins, alice: Account
) -> None:
    phone, laptop = [await app_passwords.add(ALICE, name) for name in ("phone", "laptop")]
    assert await log_in(logins, ALICE, phone)
    await app_passwords.remove(ALICE, "phone")
    for login in (log_in, scram_login):
        assert await login(logins, ALICE, phone) is None
        assert await login(logins, ALICE, laptop) == alice


async def test_a_suspended_account_is_refused(
    app_passwords: AppPasswords, accounts: Accounts, logins: Logins, alice: Account
) -> None:
    secret = await app_passwords.add(ALICE, "phone")
    await accounts.set_active(ALICE, False)
    assert await log_in(logins, ALICE, secret) is None
    assert await scram_login(logins, ALICE, secret) is None


async def test_they_survive_a_new_password(
    app_passwords: AppPasswords, accounts: Accounts, logins: Logins, alice: Account
) -> None:
    secret = await app_passwords.add(ALICE, "phone")
    await accounts.set_password(ALICE, "another horse")
    for password in (secret, "another horse"):
        assert await log_in(logins, ALICE, password) == alice
        assert await scram_login(logins, ALICE, password) == alice
    assert await scram_login(logins, ALICE, PASSWORD) is None


async def test_the_day_of_the_last_use_is_written_once_a_day(
    database: Database, app_passwords: AppPasswords, logins: Logins, alice: Account
) -> None:
    secret = await app_passwords.add(ALICE, "phone")
    [made] = await app_passwords.list(ALICE)
    assert made.last_used is None
    versions = set()
    for _ in range(3):
        assert await log_in(logins, ALICE, secret)
        versions.add(await database.fetchval("SELECT xmin::text FROM app_password"))
    assert len(versions) == 1
    assert (await app_passwords.list(ALICE))[0].last_used == await database.fetchval(
        "SELECT current_date"
    )
    await database.execute("UPDATE app_password SET last_used = $1", date(2020, 1, 1))
    assert await log_in(logins, ALICE, secret)
    assert (await app_passwords.list(ALICE))[0].last_used != date(2020, 1, 1)


async def test_a_password_that_looks_like_one_is_compared_as_any_other(
    accounts: Accounts, logins: Logins, hasher: CountingHasher
) -> None:
    chosen = generated()
    await accounts.add("carol@example.test", chosen)
    assert await log_in(logins, "carol@example.test", chosen)
    assert await log_in(logins, "carol@example.test", generated()) is None
    assert len(hasher.compared) == 2


async def test_what_cannot_be_made_or_removed(app_passwords: AppPasswords, alice: Account) -> None:
    await app_passwords.add(ALICE, "phone")
    for address, name in ((ALICE, "phone"), (ALICE, ""), (ALICE, "a\nb"), ("x@example.test", "p")):
        with pytest.raises(Refused):
            await app_passwords.add(address, name)
    with pytest.raises(Refused):
        await app_passwords.remove(ALICE, "laptop")
    for number in range(MOST - 1):
        await app_passwords.add(ALICE, f"device {number}")
    with pytest.raises(Refused, match="50 app passwords"):
        await app_passwords.add(ALICE, "one more")


async def test_no_secret_is_kept(
    database: Database, app_passwords: AppPasswords, alice: Account
) -> None:
    secret = await app_passwords.add(ALICE, "phone")
    row = await database.fetchrow("SELECT * FROM app_password")
    assert secret.encode() not in b"".join(v for v in row.values() if isinstance(v, bytes))
