"""What operators do to accounts, on a real Postgres."""

import asyncio

import pytest

from mailserver.accounts import Account, Accounts, Logins
from mailserver.domains import Aliases, Domains, Organizations
from mailserver.errors import Refused
from mailserver.storage import mailboxes
from mailserver.storage.database import Database
from tests.support.accounts import PASSWORD, log_in


async def test_a_new_account_has_its_mailboxes_and_its_quota(
    database: Database, accounts: Accounts
) -> None:
    made = await accounts.add("Carol@Example.test", PASSWORD, quota_bytes=5_000_000)

    assert (made.address, made.quota_bytes, made.active) == ("carol@example.test", 5_000_000, True)
    assert await accounts.find("carol@example.test") == made
    async with database.connection() as c:
        names = {mailbox.name for mailbox in await mailboxes.listing(c, made.id)}
    assert names == {name for name, _ in mailboxes.DEFAULTS}
    assert await accounts.usage(made) == (0, 0)


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
    database: Database, accounts: Accounts, logins: Logins, alice: Account, bob: Account
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
    assert await log_in(logins, "alice@example.test", PASSWORD) is None
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
