"""Groups, domain aliases and stand-ins in the directory, on a real Postgres."""

import pytest

from mailserver.accounts import Account, Accounts
from mailserver.accounts.passwords import Passwords
from mailserver.domains import Aliases, Domains, Groups, Organizations
from mailserver.errors import Refused
from mailserver.mail.addresses import Address
from mailserver.settings import Addresses
from mailserver.storage.database import Database
from mailserver.storage.directory.domains import DomainState
from mailserver.storage.directory.entries import Posting
from tests.support.accounts import PASSWORD, CountingHasher, addresses

TEAM = "team@example.test"


def address(text: str) -> Address:
    local, _, domain = text.rpartition("@")
    return Address(local, domain)


def ruled(database: Database, rules: Addresses) -> Accounts:
    return Accounts(database, rules, hashing=Passwords(CountingHasher()))


# ── groups ───────────────────────────────────────────────────────────────────────────────────


async def test_a_group_from_nobody_to_its_end(
    database: Database, accounts: Accounts, alice: Account, bob: Account
) -> None:
    groups = Groups(database)
    made = await groups.add("Team@Example.test", owners=["alice@example.test"])
    assert (made.address, made.posting, made.members) == (TEAM, Posting.MEMBERS, ())
    assert not (await accounts.resolve(address(TEAM))).known

    await groups.add_members(TEAM, ["Bob@example.test", "Carol@elsewhere.test"])
    accounts.invalidate("example.test")
    [reached] = (await accounts.resolve(address("team+x@example.test"))).groups
    assert (reached.accounts, reached.forwards) == ((bob,), ("Carol@elsewhere.test",))
    assert addresses(await accounts.resolve(reached.owner)) == ["alice@example.test"]

    await groups.remove_members(TEAM, ["carol@elsewhere.test"])
    assert (await groups.find(TEAM)).members == ("bob@example.test",)
    await groups.remove(TEAM)
    with pytest.raises(Refused, match=r"group team@example\.test does not exist"):
        await groups.find(TEAM)


async def test_what_cannot_be_a_group_is_refused_with_its_reason(
    database: Database, alice: Account
) -> None:
    groups = Groups(database)
    await groups.add(TEAM, ["alice@example.test"])
    await groups.add("outer@example.test", [TEAM])
    for work, reason in (
        (groups.add(TEAM), "exists already"),
        (groups.add("alice@example.test"), "is taken by an account"),
        (groups.add("*@example.test"), "catch-all"),
        (groups.add("x@missing.test"), "domain missing.test does not exist"),
        (groups.add(f"{'x' * 59}@example.test"), "58 octets at most"),
        (groups.add("x@example.test", ["no@example.test"]), "member no@example.test does not"),
        (groups.add("x@example.test", ["nonsense"]), "member nonsense is no address"),
        (groups.add("postmaster@example.test", ["alice@example.test"]), "from anyone"),
        (groups.add_members(TEAM, ["outer@example.test"]), "would lead back to itself"),
        (groups.add_members(TEAM, [TEAM]), "would lead back to itself"),
        (groups.set(TEAM, owners=[TEAM]), "cannot own itself"),
        (groups.remove_members(TEAM, ["bob@example.test"]), "bob@example.test is no member"),
        (groups.add_members(TEAM, [f"u{n}@out.test" for n in range(1001)]), "1000 members"),
        (groups.add_members(TEAM, [f"u{n}@out.test" for n in range(999)]), "too many"),
    ):
        with pytest.raises(Refused, match=reason):
            await work
    assert (await groups.find(TEAM)).members == ("alice@example.test",)
    assert len(await groups.list(domain="example.test")) == 2


async def test_a_removed_address_leaves_groups_owners_and_contacts(
    database: Database, accounts: Accounts, alice: Account, bob: Account
) -> None:
    groups, organizations = Groups(database), Organizations(database)
    await groups.add(TEAM, ["bob@example.test"], owners=["bob@example.test", "alice@example.test"])
    await Aliases(database).add("all@example.test", [TEAM])
    await organizations.set_contact("demo", "bob@example.test")

    await accounts.remove("bob@example.test")

    left = await groups.find(TEAM)
    assert (left.members, left.owners) == ((), ("alice@example.test",))
    assert (await organizations.find("demo")).contact is None
    await groups.remove(TEAM)
    assert await Aliases(database).list() == []


async def test_a_member_may_not_send_as_the_group_and_an_owner_may_as_its_owners(
    database: Database, accounts: Accounts, alice: Account
) -> None:
    await Groups(database).add(TEAM, ["alice@example.test"], owners=["alice@example.test"])
    assert not await accounts.owns(alice, address(TEAM))
    assert await accounts.owns(alice, address("owner-team@example.test"))


async def test_the_reverse_path_counts_only_where_the_settings_say_so(
    database: Database, accounts: Accounts, alice: Account, bob: Account
) -> None:
    await Groups(database).add(TEAM, ["alice@example.test", "carol@out.test"])
    believing = ruled(database, Addresses(trust_envelope_sender=True))
    [team] = (await accounts.resolve(address(TEAM))).groups
    for sender, member in {"alice+x@example.test": True, "CAROL@out.test": True}.items():
        assert await believing.may_post(team, None, address(sender)) is member
        assert not await accounts.may_post(team, None, address(sender))
    assert not await believing.may_post(team, None, address("bob@example.test"))
    assert not await believing.may_post(team, None, None)
    # who logged in is believed, whatever he writes
    assert not await believing.may_post(team, bob, address("alice@example.test"))
    assert await accounts.may_post(team, alice, None)


# ── domain aliases ───────────────────────────────────────────────────────────────────────────


async def test_a_domain_alias_has_the_addresses_of_its_domain(
    database: Database, accounts: Accounts, alice: Account
) -> None:
    made = await Domains(database).add_alias("other.test", "example.test")
    assert (made.alias_of, made.organization) == ("example.test", "demo")
    await Groups(database).add(TEAM, ["alice@other.test"])
    assert (await Groups(database).find(TEAM)).members == ("alice@example.test",)

    for text in ("alice@other.test", "ALICE+x@Other.Test"):
        assert (await accounts.resolve(address(text))).accounts == (alice,)
        assert await accounts.owns(alice, address(text))
    assert not (await accounts.resolve(address("nobody@other.test"))).known
    [team] = (await accounts.resolve(address("team@other.test"))).groups
    assert team.address == TEAM

    # what happens in the domain is known to who remembers it by its other name
    accounts.invalidate("example.test")
    assert accounts.resolve_cached(address("alice@other.test")) is None


async def test_a_domain_alias_serves_when_both_do(database: Database, accounts: Accounts) -> None:
    domains = Domains(database)
    await accounts.add("carol@example.test", PASSWORD)
    await domains.add_alias("other.test", "example.test", active=False)
    for name, state, local, known in (
        ("other.test", DomainState.PENDING, False, False),
        ("other.test", DomainState.ACTIVE, True, True),
        ("example.test", DomainState.SUSPENDED, False, False),
    ):
        await domains.set_state(name, state)
        accounts.invalidate("")
        found = await accounts.resolve(address("carol@other.test"))
        assert (found.local, found.known) == (local, known)
    assert found.suspended


async def test_a_domain_alias_has_no_addresses_and_no_alias_of_its_own(
    database: Database, accounts: Accounts, alice: Account
) -> None:
    domains = Domains(database)
    await domains.add_alias("other.test", "example.test")
    for work, reason in (
        (accounts.add("x@other.test", PASSWORD), "is another name of example.test"),
        (Aliases(database).add("x@other.test", ["alice@example.test"]), "is another name of"),
        (Groups(database).add("x@other.test"), "is another name of"),
        (domains.add_alias("third.test", "other.test"), "itself another name of example.test"),
        (domains.add_alias("third.test", "missing.test"), "missing.test does not exist"),
        (domains.add_alias("example.test", "example.test"), "exists already"),
        (domains.remove_alias("example.test"), "domain alias example.test does not exist"),
    ):
        with pytest.raises(Refused, match=reason):
            await work


async def test_a_domain_is_removed_with_what_refers_to_it_or_not_at_all(
    database: Database, accounts: Accounts, alice: Account
) -> None:
    domains, aliases, groups = Domains(database), Aliases(database), Groups(database)
    await domains.add("second.test", "demo")
    await aliases.add("info@second.test", ["alice@example.test"])
    await aliases.add("x@second.test", ["info@second.test"])
    await aliases.add("out@example.test", ["info@second.test", "alice@example.test"])
    await groups.add(TEAM, ["alice@example.test", "info@second.test"])
    await domains.add_alias("other.test", "second.test")

    with pytest.raises(Refused, match=r"still has other names: other\.test"):
        await domains.remove("second.test")
    await domains.remove_alias("other.test")
    with pytest.raises(Refused, match=r"out@example\.test leads to info@second\.test, one of 2"):
        await domains.remove("second.test")
    await domains.add_alias("other.test", "second.test")
    await Organizations(database).set_contact("demo", "info+x@second.test")
    await domains.remove("second.test", with_accounts=True)

    assert [one.name for one in await domains.list()] == ["example.test"]
    assert (await Organizations(database).find("demo")).contact is None
    assert [one.targets for one in await aliases.list()] == [("alice@example.test",)]
    assert (await groups.find(TEAM)).members == ("alice@example.test",)


# ── postmaster and abuse ─────────────────────────────────────────────────────────────────────


async def test_somebody_answers_for_every_domain(
    database: Database, accounts: Accounts, alice: Account, bob: Account
) -> None:
    await Domains(database).add_alias("other.test", "example.test")
    organizations = Organizations(database)

    async def answers(reader: Accounts) -> list[str]:
        reader.invalidate("")
        names = ("postmaster@example.test", "ABUSE@Example.test", "Postmaster+x@other.test")
        found = [await reader.resolve(address(name)) for name in names]
        assert all(one.role for one in found)
        [same] = {(*addresses(one), *one.forwards) for one in found}
        return list(same)

    assert await answers(accounts) == ["alice@example.test"]  # the first account
    configured = ruled(database, Addresses(postmaster="bob@example.test"))
    assert await answers(configured) == ["bob@example.test"]
    await organizations.set_contact("demo", "Ops@elsewhere.test")
    assert await answers(configured) == ["Ops@elsewhere.test"]
    await organizations.set_contact("demo", None)
    for name in ("postmaster", "abuse"):
        await Aliases(database).add(f"{name}@example.test", ["bob@example.test"])
    assert await answers(accounts) == ["bob@example.test"]


async def test_a_contact_must_exist_where_it_is_ours(database: Database, alice: Account) -> None:
    organizations = Organizations(database)
    for contact, reason in {
        "nobody@example.test": "contact nobody@example.test does not exist",
        "postmaster@example.test": "contact postmaster@example.test does not exist",
        "nonsense": "contact nonsense is no address",
    }.items():
        with pytest.raises(Refused, match=reason):
            await organizations.set_contact("demo", contact)
    with pytest.raises(Refused, match="organization acme does not exist"):
        await organizations.set_contact("acme", "a@out.test")


@pytest.mark.parametrize(
    ("separator", "reached"), [("+", "alice+x"), ("-", "alice-x"), ("", "alice")]
)
async def test_the_separator_of_sub_addresses_is_a_setting(
    database: Database, alice: Account, separator: str, reached: str
) -> None:
    reader = ruled(database, Addresses(separator=separator))
    for local in ("alice", "alice+x", "alice-x"):
        known = (await reader.resolve(Address(local, "example.test"))).known
        assert known is (local in ("alice", reached))
