"""SCRAM logins on a real directory: what is stored, and what strangers learn from it."""

import re

import pytest

from mailserver.accounts import Account, Accounts, Logins
from mailserver.accounts.passwords import Passwords
from mailserver.sasl.verifier import ITERATIONS
from mailserver.settings import Limits
from mailserver.storage.database import Database
from tests.support.accounts import PASSWORD, CountingHasher, log_in
from tests.support.scram_login import scram_login, server_first

ALICE = "alice@example.test"


async def test_a_password_that_is_set_logs_in_by_scram(
    accounts: Accounts, logins: Logins, hasher: CountingHasher, alice: Account
) -> None:
    assert await scram_login(logins, ALICE, PASSWORD) == alice
    assert await scram_login(logins, "ALICE@Example.Test", PASSWORD) == alice
    for name, password in ((ALICE, "wrong password"), ("nobody@example.test", PASSWORD)):
        assert await scram_login(logins, name, password) is None
    await accounts.set_password(ALICE, "another horse")
    assert await scram_login(logins, ALICE, PASSWORD) is None
    assert await scram_login(logins, ALICE, "another horse") == alice
    assert hasher.compared == []


async def test_a_suspended_account_is_refused(
    accounts: Accounts, logins: Logins, alice: Account
) -> None:
    await accounts.set_active(ALICE, False)
    assert await scram_login(logins, ALICE, PASSWORD) is None


async def test_an_account_without_a_verifier_gets_one_at_its_next_login(
    database: Database, logins: Logins, alice: Account
) -> None:
    await database.execute("UPDATE account SET scram_verifier = NULL")
    assert await scram_login(logins, ALICE, PASSWORD) is None
    assert await log_in(logins, ALICE, PASSWORD)
    assert await scram_login(logins, ALICE, PASSWORD) == alice


async def test_an_unknown_name_has_one_salt_on_all_nodes(
    database: Database, logins: Logins, alice: Account
) -> None:
    elsewhere = Logins(database, Limits(), hashing=Passwords(CountingHasher(), iterations=4096))

    async def facts(node: Logins, name: str) -> str:
        return re.sub(r"r=[^,]+,", "", (await server_first(node, name)).decode())

    nobody = [await facts(node, "nobody@example.test") for node in (logins, elsewhere)]
    assert nobody[0] == nobody[1] == await facts(logins, "NOBODY@Example.test")
    others = [await facts(logins, name) for name in ("x@example.test", "no address", ALICE)]
    assert len({*nobody, *others}) == 4
    for said in (*nobody, *others):
        assert re.fullmatch(r"s=[A-Za-z0-9+/]{22}==,i=4096", said)


async def test_salts_are_of_one_kind_whether_made_here_or_by_the_database(
    database: Database, accounts: Accounts, alice: Account
) -> None:
    default = await database.fetchval(
        "SELECT column_default FROM information_schema.columns"
        " WHERE table_name = 'account' AND column_name = 'scram_iterations'"
    )
    assert default == str(ITERATIONS)
    assert await database.fetchval("SELECT length(scram_salt) FROM account") == 16


@pytest.mark.parametrize("name", ["\udc80@x", "", "a" * 5000, "a\0b@example.test"])
async def test_strange_names_are_nobody(logins: Logins, name: str) -> None:
    assert (await logins._proofs.verifiers(name)).known == ()
