"""Accounts of example.test on a database of the test's own."""

from collections.abc import AsyncIterator

import pytest

from mailserver.accounts import Account, Accounts, Logins
from mailserver.accounts.passwords import Passwords
from mailserver.domains import Organizations
from mailserver.settings import Limits
from mailserver.storage.database import Database
from mailserver.storage.directory import domains
from mailserver.storage.directory.domains import DomainState
from tests.support.accounts import PASSWORD, CountingHasher


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
def passwords(hasher: CountingHasher) -> Passwords:
    return Passwords(hasher, iterations=4096)


@pytest.fixture
def accounts(database: Database, passwords: Passwords) -> Accounts:
    return Accounts(database, hashing=passwords)


@pytest.fixture
def logins(database: Database, passwords: Passwords) -> Logins:
    return Logins(database, Limits(), hashing=passwords)


@pytest.fixture
async def alice(accounts: Accounts) -> Account:
    return await accounts.add("alice@example.test", PASSWORD)


@pytest.fixture
async def bob(accounts: Accounts) -> Account:
    return await accounts.add("bob@example.test", PASSWORD)
